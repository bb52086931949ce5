-- nginx with its Lua module and examples/hosts/nginx: a job tells how far it is, and the server goes on meanwhile.
local tap = require "tap"
local hosts = dofile "tests/hosts/lib/hosts.lua"
hosts.needs("nginx", "luajit", "/usr/lib/nginx/modules/ngx_http_lua_module.so")

local SCRIPT = [[
    port=$(free_port)
    sed "s/127.0.0.1:8080/127.0.0.1:$port/" examples/hosts/nginx/nginx.conf >"$work/nginx.conf"
    awk 'BEGIN { for (i = 1; i <= 1000000; i++) print "word", i }' >"$work/words"
    chmod 755 "$work"
    start nginx -p "$work" -c "$work/nginx.conf"
    until_up $port
]]

hosts.test("the client sees how far the job is", SCRIPT .. [[
    fetch $port "/words?file=$work/words" >"$work/answer" & waiting=$!
    for i in 1 2 3 4 5; do fetch $port /; done
    wait $waiting
    cat "$work/answer"
    fetch $port "/words?file=$work/none"
]], function(printed)
    tap.contains(printed, "200\nhere\n200\nhere\n")
    tap.ok(printed:find "percent %d\n" and printed:find "percent 100\nwords 2000000\n")
    tap.contains(printed, "failed ")
end)

tap.done()
