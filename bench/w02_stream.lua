--[[ W2: a stream

One thread adds, one receives, as fast as they can. The two sides use locks and cache lines of their own, and look
at each other's counters only when they have used up what they knew. So a stream should cost what the dearer of the
two calls costs alone, and hardly ever put a thread to sleep. Limits: the bytes themselves, and the counter of the
messages, must travel from one processor's cache to the other's. The rows below show what that takes in plain C,
for messages of as many bytes, and what it takes together with the dearer call: a stream can't be much faster
than that, as the bytes arrive while nobody can yet work on them.

How steady it is shows in twenty runs, each with a buffer and threads of its own: two of them take at least what
the row of the slowest tenth says.
]]

local host = require "host"
local measure = require "measure"
local crew = require "crew"
local duo = require "duo"
local mtmsg = require "mtmsg"
local rows = require "rows"

local PLACES, BYTES = 1024, { ["1"] = 3, ["3"] = 24 } -- of the plain C ring; of a message with its header
local BATCH, LEAST = 1000, 10000

local producer = [[
    local lib, id, n, values = ...
    local buffer = require(lib).buffer(id)
    if values == 1 then return function() for i = 1, n do buffer:addmsg(42) end end end
    return function() for i = 1, n do buffer:addmsg(42, "ten chars.", 1.5) end end
]]
local consumer = [[
    local lib, id, n = ...
    local buffer = require(lib).buffer(id)
    return function() for i = 1, n do buffer:nextmsg() end end
]]

local function stream(lib, values)
    return function(n)
        local buffer = require(lib).newbuffer()
        local seconds, cpu, switches = crew.run {
            { "producer", producer, lib, buffer, n, values },
            { "consumer", consumer, lib, buffer, n },
        }
        assert(buffer:msgcnt() == 0)
        return seconds, cpu, switches
    end
end

-- Two meters: in n messages, what adding takes when no other thread is there, and what receiving takes.
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
    measure.both("stream1", stream, LEAST, 1),
    { "add1", add1 }, { "next1", next1 }, { "plain1", plain(BYTES["1"]), LEAST },
    measure.both("stream3", stream, LEAST, 3),
    { "add3", add3 }, { "next3", next3 }, { "plain3", plain(BYTES["3"]), LEAST },
}, { slice = 2 * measure.slice })

for _, kind in ipairs { { "1", "one small integer" }, { "3", "integer, 10 characters, float" } } do
    local figure, add, next = s["stream" .. kind[1]], s["add" .. kind[1]], s["next" .. kind[1]]
    local ring = s["plain" .. kind[1]]
    rows.family({
        name = "stream between two threads, " .. kind[2], unit = "ns", figure = figure,
        probe = measure.each(math.max, add, next), per = "the dearer call alone", most = 1.2,
        chart = kind[1] == "1" and "Stream from one thread to another" or nil,
    }, {
        { "against a ring between two threads in C", ring, "as many bytes, plain C" },
        { "against both, one after the other",
          measure.each(function(a, b, c) return math.max(a, b) + c end, add, next, ring),
          "the dearer call, and as many bytes in plain C" },
    })
    rows.row {
        name = "... context switches per 1000 messages", unit = "", most = 1, naive = false,
        figure = measure.each(function(switches) return 1000 * switches end, figure.switches),
    }
end
s = measure.take({ measure.both("stream", stream, LEAST, 1) }, { slice = 2 * measure.slice, rounds = rows.RUNS })
rows.steadiness("stream between two threads, slowest tenth of twenty runs", s.stream)
