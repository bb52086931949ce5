-- sysbench with examples/hosts/sysbench/rows.lua: each row of a file reaches one thread, whoever fails ends all.
local tap = require "tap"
local hosts = dofile "tests/hosts/lib/hosts.lua"
hosts.needs("sysbench", "luajit")

hosts.test("every row is worked on once, by several threads, in a buffer of a fixed size", [[
    awk 'BEGIN { for (i = 1; i <= 30000; i++) print "row", i, "of the file" }' >"$work/rows"
    sysbench --threads=4 --time=0 --rows="$work/rows" --room=4096 examples/hosts/sysbench/rows.lua run
]], function(printed)
    local threads, rows, words = 0, 0, 0
    for count, more in printed:gmatch "\nthread %d+: (%d+) rows, (%d+) words" do
        threads, rows, words = threads + 1, rows + count, words + more
    end
    tap.is(threads, 3)
    tap.is(rows, 30000)
    tap.is(words, 150000)
end)

hosts.test("all threads end when the one that loads fails", [[
    for i in 1 2 3 4 5 6; do # without an end of their own some of them would wait for ever
        sysbench --threads=4 --time=0 --rows="$work/none" examples/hosts/sysbench/rows.lua run && exit 1
    done
    true
]], function(printed)
    tap.contains(printed, "No such file")
end)

tap.done()
