-- What the test host promises to scripts: values, errors, timeouts, threads of threads. Exit codes, and the list of
-- what still runs, are promises to whoever starts the host, and not looked at here.

local host = require "host"

local count = 0

local function check(ok, text)
    count = count + 1
    print((ok and "ok " or "not ok ") .. count .. " - " .. text)
    if not ok then os.exit(1) end
end

local function same(expected, ...)
    local n = select("#", ...)
    if n ~= #expected then return false end
    for i = 1, n do
        if (select(i, ...)) ~= expected[i] then return false end
    end
    return true
end

local echo = host.thread("return ...", false, 7, 1.5, "a\0b")
check(same({ true, false, 7, 1.5, "a\0b" }, echo:join()), "values come back as they went")
check(same({ true, false, 7, 1.5, "a\0b" }, echo:join(0)), "a thread may be joined twice")

local kinds = "local a, b = ... return (math.type or type)(a), (math.type or type)(b)"
local kind = math.type or type
check(same({ true, kind(3), kind(3.0) }, host.thread(kinds, 3, 3.0):join()),
    "integers and floats stay what they are")

check(select("#", host.thread("return ...", nil, nil):join()) == 3, "nils count")
local dump = string.dump(function(...) return select("#", ...) end)
check(same({ true, 1 }, host.thread(dump, 0):join()), "a dumped function can be run")

local ok, text = host.thread("local x = nil + 1"):join()
check(ok == nil and text:find("arithmetic", 1, true) and text:find("traceback", 1, true),
    "an error is handed to join with its traceback")
ok, text = host.thread("x ="):join()
check(ok == nil and type(text) == "string", "code that does not compile is the thread's error")
ok, text = host.thread("return {}"):join()
check(ok == nil and text:find("result #1", 1, true), "a table is no result")
check(not pcall(host.thread, "return 1", {}), "a table is no argument")
ok, text = host.thread("error({})"):join()
check(ok == nil and text:find("table", 1, true), "an error may be any value")

local file = os.tmpname()
assert(io.open(file, "w")):close() -- not every system makes it
local endless = host.thread([[
    local file
    repeat
        if file then file:close() end
        file = io.open(...)
    until not file
    return 5
]], file)
check(same({ false, "timeout" }, endless:join(0)), "join can look without waiting")
check(same({ false, "timeout" }, endless:join(0.05)), "join gives up when its time is over")
while not os.remove(file) do end -- where nobody can remove a file that is open
check(same({ true, 5 }, endless:join()), "and can be tried again")

check(same({ true, true, 42 }, host.thread([[
    local host = require "host"
    return host.thread("return ...", 42):join()
]]):join()), "threads start threads")

for i = 1, 20 do host.thread("local t = {} for i = 1, 1000 do t[i] = i .. '' end", i) end
collectgarbage()
check(true, "handles may be dropped")

check(host.cpus() >= 1, "there is a processor")
local before = host.now()
check(host.now() >= before, "time does not run backwards")
check(arg[0]:match("host_selftest%.lua$") and (...) == arg[1], "arg and ... are those of lua")
print("1.." .. count)
os.exit(true)
