--[[ W4: many threads

As many producers as consumers at one buffer, more of them than processors at last. Producers exclude each other for
the time of copying a message, and so do consumers. With more threads than processors it counts whether a thread that
is suspended stops the others, and whether they are woken too often. Two threads on one side at a time have to hand
its cache lines to each other with each message, which alone costs more than a call; so who finds a lock taken leaves
it alone for longer and longer. The rows between show what as many threads of plain C make of two mutexes. Each
consumer takes what it gets: the smallest share of eight shows whether one starves.

![Throughput by number of threads](performance-threads.svg)
]]

local measure = require "measure"
local crew = require "crew"
local duo = require "duo"
local rows = require "rows"

local LEAST = 20000

local producer = [[
    local lib, id, n = ...
    local buffer = require(lib).buffer(id)
    return function() for i = 1, n do buffer:addmsg(42) end end
]]
local consumer = [[
    local lib, id = ...
    local buffer = require(lib).buffer(id)
    return function()
        local count = 0
        while buffer:nextmsg() do count = count + 1 end
        return count
    end
]]

-- The smallest number of messages that one consumer got, in percent of an equal share.
local function smallest_share(counts, pairs_of_threads, each)
    local sum, least = 0, math.huge
    for i = 1, pairs_of_threads do
        local count = counts[pairs_of_threads + i]
        sum, least = sum + count, math.min(least, count)
    end
    assert(sum == each * pairs_of_threads)
    return 100 * least / each
end

-- A meter. When the last producer is done, each consumer gets one message that ends it. The smallest share of each run
-- goes to the list `shares`.
local function many(lib, pairs_of_threads, shares)
    return function(n)
        local buffer, members, left = require(lib).newbuffer(), {}, pairs_of_threads
        local each = math.ceil(n / pairs_of_threads)
        for i = 1, pairs_of_threads do
            members[i] = { "producer", producer, lib, buffer, each }
            members[pairs_of_threads + i] = { "consumer", consumer, lib, buffer }
        end
        local seconds, cpu, switches, counts = crew.run(members, function(role)
            if role ~= "producer" then return end
            left = left - 1
            if left == 0 then
                for _ = 1, pairs_of_threads do buffer:addmsg(false) end
            end
        end)
        local least = smallest_share(counts, pairs_of_threads, each)
        if shares then shares[#shares + 1] = least end
        local share = n / (each * pairs_of_threads) -- the meter speaks of n messages
        return seconds * share, cpu * share, switches * share
    end
end

local steps, entries = { 1, 2, 4, 8, 16 }, {}
for _, count in ipairs(steps) do
    entries[#entries + 1] = measure.both(count, many, LEAST, count)
    entries[#entries + 1] = { -count, function(n) return duo.crowd(n, count) end, LEAST }
end
local s = measure.take(entries, { slice = 2 * measure.slice })

rows.plot {
    name = "threads", title = "Throughput of one buffer", series = "threads", scale = "x",
    x = "threads, half of them producers", y = "million messages per second",
}
for _, count in ipairs(steps) do
    rows.family({
        name = ("%d producers, %d consumers, one buffer"):format(count, count), unit = "ns", figure = s[count],
        probe = count > 1 and s[1] or nil, per = count > 1 and "one and one" or nil, most = count > 1 and 1.5 or nil,
        series = "threads", x = 2 * count, y = 1000 / measure.median(s[count]),
    }, { { "against as many threads of plain C", s[-count], "a ring with two mutexes" } })
end

s = measure.take({ measure.both("pair", many, LEAST, 1) }, { slice = 2 * measure.slice, rounds = rows.RUNS })
rows.steadiness("1 producer, 1 consumer, slowest tenth of twenty runs", s.pair)

-- Long enough for the scheduler to have given each thread its turn many times.
local shares, enough = {}, many("mtmsg", 8)
local n = LEAST
while enough(n) < (measure.quick and 0.01 or 0.5) do n = n * 2 end
local run = many("mtmsg", 8, shares)
for _ = 1, measure.quick and 1 or 3 do run(n) end
rows.row { name = "smallest of 8 consumers' shares", unit = "% of an equal one", figure = shares }
