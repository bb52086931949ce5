-- haproxy with four threads and examples/hosts/haproxy: what one thread learns all know, and one count is of all.
local tap = require "tap"
local hosts = dofile "tests/hosts/lib/hosts.lua"
hosts.needs("haproxy", "lua5.3")

local SCRIPT = [[
    PORT=$(free_port) ADMIN=$(free_port)
    export PORT ADMIN
    start haproxy -db -f examples/hosts/haproxy/haproxy.cfg
    until_up $ADMIN
    ask() { for i in 1 2 3 4 5 6 7 8 9 10 11 12; do fetch $PORT "${1:-/}" | head -n 1; done | sort | uniq -c; }
]]

hosts.test("a blocked address is refused by all threads, for as long as was said", SCRIPT .. [[
    ask
    fetch $ADMIN /block/127.0.0.1/2
    ask
    until fetch $PORT / | grep -q 200; do sleep 0.1; done
    ask
    fetch $ADMIN /block/10.0.0.1/100
    ask
    fetch $ADMIN /counts
]], function(printed)
    tap.ok(printed:find("12 200\n200\n127.0.0.1 is blocked for 2 s\n +12 429\n +12 200\n"
        .. "200\n10.0.0.1 is blocked for 100 s\n +12 200"))
    local all, denied = printed:match "200\n(%d+) requests, (%d+) denied"
    tap.ok(tonumber(all) >= 49 and tonumber(denied) >= 12, all)
end)

hosts.test("who asks for what only an intruder asks for is refused by all threads", SCRIPT .. [[
    ask
    fetch $PORT /wp-admin/x >/dev/null
    ask
]], function(printed)
    tap.ok(printed:find "12 200\n +12 429")
end)

tap.done()
