-- W2: one thread adds, another receives, as fast as they can. The probe is what the slower of the two calls takes when
-- no other thread is there: add alone, or next alone, in batches of a thousand. Beside it stands what two threads of
-- plain C take that pass messages of as many bytes, without a lock.

local host = require "host"
local measure = require "measure"
local crew = require "crew"
local duo = require "duo"
local mtmsg = require "mtmsg"

local PLACES, BYTES = 1024, { ["1"] = 3, ["3"] = 24 } -- of the plain C ring; of a message with its header
local BATCH, LEAST = 1000, 10000

local producer = [[
    local id, n, values = ...
    local buffer = require "mtmsg".buffer(id)
    if values == 1 then return function() for i = 1, n do buffer:addmsg(42) end end end
    return function() for i = 1, n do buffer:addmsg(42, "ten chars.", 1.5) end end
]]
local consumer = [[
    local id, n = ...
    local buffer = require "mtmsg".buffer(id)
    return function() for i = 1, n do buffer:nextmsg() end end
]]

local function stream(values)
    return function(n)
        local buffer = mtmsg.newbuffer()
        local seconds, cpu, switches = crew.run {
            { "producer", producer, buffer, n, values },
            { "consumer", consumer, buffer, n },
        }
        assert(buffer:msgcnt() == 0)
        return seconds, cpu, switches
    end
end

-- Two meters: in n messages, what adding takes, and what receiving takes.
local function alone(add)
    local function run(n, which)
        local buffer, seconds = mtmsg.newbuffer(), { 0, 0 }
        for _ = 1, math.ceil(n / BATCH) do
            local t0 = host.now()
            add(buffer)
            local t1 = host.now()
            for _ = 1, BATCH do buffer:nextmsg() end
            local t2 = host.now()
            seconds[1], seconds[2] = seconds[1] + t1 - t0, seconds[2] + t2 - t1
        end
        return seconds[which] * n / (math.ceil(n / BATCH) * BATCH)
    end
    return function(n) return run(n, 1) end, function(n) return run(n, 2) end
end

local add1, next1 = alone(function(buffer) for _ = 1, BATCH do buffer:addmsg(42) end end)
local add3, next3 = alone(function(buffer) for _ = 1, BATCH do buffer:addmsg(42, "ten chars.", 1.5) end end)

local function plain(bytes)
    return function(n) return duo.copies(n, bytes, PLACES) end
end

local s = measure.take({
    { "stream1", stream(1), LEAST }, { "add1", add1 }, { "next1", next1 }, { "plain1", plain(BYTES["1"]), LEAST },
    { "stream3", stream(3), LEAST }, { "add3", add3 }, { "next3", next3 }, { "plain3", plain(BYTES["3"]), LEAST },
}, { slice = 2 * measure.slice })

for _, row in ipairs { { "1", "one small integer" }, { "3", "integer, 10 characters, float" } } do
    local figure = s["stream" .. row[1]]
    measure.row {
        name = "stream between two threads, " .. row[2], unit = "ns", figure = figure,
        probe = measure.each(math.max, s["add" .. row[1]], s["next" .. row[1]]),
        per = "the dearer call alone", most = 1.2,
    }
    measure.row {
        name = "... against a ring between two threads in C", unit = "ns", figure = figure,
        probe = s["plain" .. row[1]], per = "as many bytes, plain C",
    }
    measure.row {
        name = "... against both, one after the other", unit = "ns", figure = figure,
        probe = measure.each(function(add, next, plain) return math.max(add, next) + plain end,
                             s["add" .. row[1]], s["next" .. row[1]], s["plain" .. row[1]]),
        per = "the dearer call, and as many bytes in plain C",
    }
    measure.row {
        name = "... context switches per 1000 messages", unit = "", most = 1,
        figure = measure.each(function(switches) return 1000 * switches end, figure.switches),
    }
end
