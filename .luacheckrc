-- What luacheck looks for in the Lua files; ci/analyze runs it. Off is what these tests do on purpose: they keep values
-- in variables so that the collector does not take them (W231, W241, W311), shadow names in functions that travel to
-- other threads (W4), and have arguments for the sake of a signature (W212, W213).
std = "max"
only = {"0", "111", "112", "113", "121", "122", "211", "221", "314", "321", "331", "5[1-7]."}
allow_defined_top = true -- luaunit finds classes of tests among the globals

for host, globals in pairs { -- what programs that have Lua give to their scripts, and what they call in them
    apache = {"apache2", "wait", "tell"}, haproxy = {"core"}, love = {"love"}, mpv = {"mp", "mp_event_loop"},
    neovim = {"vim"}, nginx = {"ngx"}, sysbench = {"sysbench", "init", "done", "thread_init", "thread_done", "event"},
    wrk = {"wrk", "setup", "init", "request", "response", "done", "to_be_tried"},
} do
    files["examples/hosts/" .. host] = {globals = globals}
end
files["bench/others/love"] = {globals = {"love"}}
files["docs/site"] = {globals = {"pandoc"}} -- filters, which pandoc runs
files["tests/example.lua"] = {globals = {"arg", "os"}} -- it starts other programs
files["examples/embed/main.lua"] = {globals = {"start"}} -- a function of the host program

-- threads and states of their own, whose globals nobody else sees
files["tests/regress"] = {allow_defined = true}
files["tests/stress"] = {allow_defined = true, ignore = {"211"}} -- references that keep buffers alive
files["tests/thread"] = {allow_defined = true}
