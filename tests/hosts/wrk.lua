-- wrk with examples/hosts/wrk/live.lua: totals over all threads while it runs, and an end that one thread brings about.
local tap = require "tap"
local hosts = dofile "tests/hosts/lib/hosts.lua"
hosts.needs("wrk", "luajit")

hosts.test("lines appear while it runs, with times and totals over all threads", [[
    serve
    wrk -t2 -c2 -d2 -s examples/hosts/wrk/live.lua http://127.0.0.1:$port/ -- every=0.3
]], function(printed)
    local lines, last = 0, 0
    for line in printed:gmatch "[^\n]+" do
        local median, slowest, total = line:match "/s +([%d.]+) +[%d.]+ +([%d.]+) +(%d+) answers +0 errors$"
        if median then
            tap.ok(tonumber(median) > 0 and tonumber(slowest) >= tonumber(median), line)
            tap.ok(tonumber(total) > last, line)
            lines, last = lines + 1, tonumber(total)
        end
    end
    tap.ok(lines >= 2, lines .. " lines")
    local all = tonumber(printed:match "\nEnded: (%d+) answers, 0 of them errors; 0 connections failed")
    tap.ok(all and all >= last and last > all / 2, "the lines have " .. last .. " answers")
end)

hosts.test("times are left out where they cannot be told", [[
    serve
    wrk -t2 -c8 -d1 -s examples/hosts/wrk/live.lua http://127.0.0.1:$port/ -- every=0.3
]], function(printed)
    tap.ok(printed:find "/s +%- +%- +%- +%d+ answers")
end)

hosts.test("one thread ends the run of all when there are too many errors", [[
    serve
    wrk -t2 -c2 -d50 -s examples/hosts/wrk/live.lua http://127.0.0.1:$port/flaky -- errors=100 every=0.2
]], function(printed)
    local errors = tonumber(printed:match "\nEnded by the errors: %d+ answers, (%d+) of them errors")
    tap.ok(errors and errors >= 100)
    tap.ok(not printed:find "requests in [45]%d%.", "it went on until the time was up")
end)

tap.done()
