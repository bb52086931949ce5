-- Apache with mod_lua and examples/hosts/apache: a request waits until another one brings a text.
local tap = require "tap"
local hosts = dofile "tests/hosts/lib/hosts.lua"
hosts.needs("apache2", "lua5.3", "/usr/lib/apache2/modules/mod_lua.so")

local SCRIPT = [[
    PORT=$(free_port) DIR=$work
    export PORT DIR
    start apache2 -d "$PWD" -f examples/hosts/apache/apache.conf -DFOREGROUND 2>"$work/log"
    until_up $PORT
    tell() { until fetch $PORT "/tell/$1" "$2" | grep -q '^200'; do sleep 0.05; done; } # until somebody waits
]]

hosts.test("each of several requests that wait gets its text", SCRIPT .. [[
    fetch $PORT /tell/nobody hello
    waiting=
    for i in 1 2 3 4 5 6; do
        fetch $PORT /wait/name$i >"$work/$i" & waiting="$waiting $!"
    done
    for i in 6 5 4 3 2 1; do tell name$i "text $i"; done
    wait $waiting
    cat "$work"/[1-6]
    fetch $PORT /tell/name1 again
]], function(printed)
    tap.contains(printed, "404\nnobody is waiting\n200\ntext 1\n200\ntext 2\n200\ntext 3\n200\ntext 4\n200\ntext 5\n"
        .. "200\ntext 6")
    tap.ok(printed:find "404\nnobody is waiting\n$", "the buffer outlives its request")
end)

tap.done()
