-- W4: as many producers as consumers at one buffer, more of them than processors at last. Beside them stand as many
-- threads of plain C. Each consumer takes what it gets: the smallest share of eight shows whether one starves.

local measure = require "measure"
local crew = require "crew"
local duo = require "duo"
local mtmsg = require "mtmsg"

local producer = [[
    local id, n = ...
    local buffer = require "mtmsg".buffer(id)
    return function() for i = 1, n do buffer:addmsg(42) end end
]]
local consumer = [[
    local id = ...
    local buffer = require "mtmsg".buffer(id)
    return function()
        local count = 0
        while buffer:nextmsg() do count = count + 1 end
        return count
    end
]]

-- A meter. When the last producer is done, each consumer gets one message that ends it. The smallest number of messages
-- that one consumer got, in percent of an equal share, goes to the list `shares`.
local function many(pairs_of_threads, shares)
    return function(n)
        local buffer, members, left = mtmsg.newbuffer(), {}, pairs_of_threads
        local each = math.ceil(n / pairs_of_threads)
        for i = 1, pairs_of_threads do
            members[i] = { "producer", producer, buffer, each }
            members[pairs_of_threads + i] = { "consumer", consumer, buffer }
        end
        local seconds, cpu, switches, counts = crew.run(members, function(role)
            if role ~= "producer" then return end
            left = left - 1
            if left == 0 then
                for _ = 1, pairs_of_threads do buffer:addmsg(false) end
            end
        end)
        local sum, least = 0, math.huge
        for i = 1, pairs_of_threads do
            local count = counts[pairs_of_threads + i]
            sum, least = sum + count, math.min(least, count)
        end
        assert(sum == each * pairs_of_threads)
        if shares then shares[#shares + 1] = 100 * least / each end
        local share = n / (each * pairs_of_threads) -- the meter speaks of n messages
        return seconds * share, cpu * share, switches * share
    end
end

local steps = { 1, 2, 4, 8, 16 }
local meters = {}
for i, count in ipairs(steps) do
    meters[i] = { count, many(count), 20000 }
    meters[#steps + i] = { -count, function(n) return duo.crowd(n, count) end, 20000 }
end
local s = measure.take(meters, { slice = 2 * measure.slice })

for _, count in ipairs(steps) do
    measure.row {
        name = ("%d producers, %d consumers, one buffer"):format(count, count), unit = "ns", figure = s[count],
        probe = count > 1 and s[1] or nil, per = count > 1 and "one and one" or nil, most = count > 1 and 1.5 or nil,
        series = "threads", x = 2 * count,
    }
    measure.row {
        name = "... against as many threads of plain C", unit = "ns", figure = s[count], probe = s[-count],
        per = "a ring with two mutexes",
    }
end

-- Long enough for the scheduler to have given each thread its turn many times.
local shares, enough = {}, many(8, nil)
local n = 20000
while enough(n) < (measure.quick and 0.01 or 0.5) do n = n * 2 end
local run = many(8, shares)
for _ = 1, measure.quick and 1 or 3 do run(n) end
measure.row { name = "smallest of 8 consumers' shares", unit = "% of an equal one", figure = shares }
