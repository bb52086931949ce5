-- Receivers without arguments share bursts of numbers, strings and large messages: each takes so many of a burst and
-- then no more, so that nobody else takes what a lost wake-up leaves behind; the next burst comes when all have their
-- share. Some poll when the messages come, some sleep; each burst has a buffer of its own, where polling has not been
-- in vain yet. MTMSG_STRESS_N scales the number of bursts.

local mtmsg   = require("mtmsg")
local tap     = require("tap")
local threads = require("threads")

local bursts = math.ceil((tonumber(os.getenv("MTMSG_STRESS_N") or "") or 3000) / 6)

-- Runs in a thread: takes as many messages as it is told, and tells the number of each.
local function receive(go_id, got_id)
    local mtmsg = require("mtmsg")
    local go, got = mtmsg.buffer(go_id), mtmsg.buffer(got_id)
    while true do
        local share, id = go:nextmsg()
        if share == 0 then return end
        local buffer = mtmsg.buffer(id)
        for _ = 1, share do
            local value, second = buffer:nextmsg()
            local number, rest = tostring(value):match("^(%d+)(.*)$")
            assert(second == nil or second == -number, "damaged")
            assert(rest == "" or rest:find("^%.[05]$") or rest == ":" .. ("x"):rep(#rest - 1), "damaged")
            got:addmsg(tonumber(number))
        end
    end
end

-- Runs in a thread: adds messages from the first number to the last, each in one of many ways.
local function produce(go_id)
    local mtmsg = require("mtmsg")
    local go = mtmsg.buffer(go_id)
    local ways = {
        function(number) return number end,
        function(number) return number + 0.5 end,
        function(number) return number end,
        function(number) return tostring(number) end,
        function(number) return number end,
        function(number) return number, -number end,
        function(number) return number .. ":" .. ("x"):rep(number % 7 * 1000) end,
    }
    while true do
        local first, last, way, step, id = go:nextmsg()
        if first == 0 then return end
        local buffer = mtmsg.buffer(id)
        for number = first, last do
            way = (way + step) % #ways
            buffer:addmsg(ways[way + 1](tonumber(("%d"):format(number)))) -- an integer where there are any
        end
    end
end

local function await_all(buffer, got, total)
    local missing = {}
    for number = 1, total do missing[number] = true end
    for _ = 1, total do
        local number = got:nextmsg() -- for ever, where somebody sleeps beside a message
        tap.ok(missing[number], "received twice, or never sent")
        missing[number] = nil
    end
    tap.is(got:msgcnt(), 0)
    tap.is(buffer:msgcnt(), 0)
end

-- A message has been there, so that numbers take the short way.
local function new_buffer(listener)
    local buffer = listener and listener:newbuffer() or mtmsg.newbuffer()
    buffer:addmsg("first")
    tap.is(buffer:nextmsg(), "first")
    return buffer
end

-- Producers first in one burst, receivers first in the next, with more or less time between them.
local function run_bursts(listener, receivers, producers, got)
    for burst = 1, bursts do
        local buffer = new_buffer(burst % 3 == 0 and listener)
        local share, total = burst % 3 + 1, 0
        local function go_producers()
            local half = math.ceil(#receivers * share / #producers)
            for i, producer in ipairs(producers) do
                local last = math.min(i * half, #receivers * share)
                producer.go:addmsg((i - 1) * half + 1, last, burst, burst % 5, buffer:id())
                total = last
            end
        end
        if burst % 4 == 0 then go_producers() end
        for i, receiver in ipairs(receivers) do
            receiver.go:addmsg(share, buffer:id())
            if (burst + i) % 6 == 0 then threads.pause(0.0001) end
        end
        if burst % 4 ~= 0 then go_producers() end
        await_all(buffer, got, total)
    end
end

local function run(count)
    local listener, got = mtmsg.newlistener(), mtmsg.newbuffer()
    local receivers, producers = {}, {}
    for i = 1, count do
        local go = mtmsg.newbuffer()
        receivers[i] = { go = go, thread = threads.start(receive, go:id(), got:id()) }
    end
    for i = 1, 2 do
        local go = mtmsg.newbuffer()
        producers[i] = { go = go, thread = threads.start(produce, go:id()) }
    end
    run_bursts(listener, receivers, producers, got)
    for _, other in ipairs { receivers, producers } do
        for _, one in ipairs(other) do
            one.go:addmsg(0)
            one.thread:join()
        end
    end
end

for _, count in ipairs { 2, 3, 4, 8 } do
    tap.test(("%d receivers each get their share"):format(count), function() run(count) end)
end

tap.done()
