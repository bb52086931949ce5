-- A receiver without arguments polls for a moment before it sleeps, and those who sleep beside it are not woken while
-- it does. Of two messages that come then it takes one; the other must still reach the one that sleeps. Numbers take
-- a shorter way than strings.

local mtmsg   = require("mtmsg")
local tap     = require("tap")
local threads = require("threads")

-- Runs in a thread: takes one message of each buffer that it is told of.
local function take_one_of_each(gate_id, ready_id, got_id)
    local mtmsg = require("mtmsg")
    local gate, ready, got = mtmsg.buffer(gate_id), mtmsg.buffer(ready_id), mtmsg.buffer(got_id)
    while true do
        local id = gate:nextmsg()
        if id == 0 then return end
        local buffer = mtmsg.buffer(id)
        ready:addmsg(true)
        got:addmsg((buffer:nextmsg()))
    end
end

local ready, got = mtmsg.newbuffer(), mtmsg.newbuffer()

local function start()
    local gate = mtmsg.newbuffer()
    local thread = threads.start(take_one_of_each, gate:id(), ready:id(), got:id())
    return { gate = gate, thread = thread }
end

local function stop(receiver)
    receiver.gate:addmsg(0)
    receiver.thread:join()
end

-- A message has been there, so that numbers take the short way.
local function new_buffer()
    local buffer = mtmsg.newbuffer()
    buffer:addmsg("first")
    tap.is(buffer:nextmsg(), "first")
    return buffer
end

local function send(receiver, buffer)
    receiver.gate:addmsg(buffer:id())
    tap.is(ready:nextmsg(threads.limit), true)
end

-- For ever, where somebody sleeps beside a message.
local function take_sum(count)
    local sum = 0
    for _ = 1, count do sum = sum + got:nextmsg() end
    return sum
end

-- Those who sleep have polled in vain, so some of the next waits go without polling: such a wait of the test itself
-- ends at once. Then comes the one that polls, and the messages come a little later each time.
local waits_without_polling = { 1, 0, 3 }

local function run(sleepers, value)
    local receivers = {}
    for i = 1, sleepers + 1 do receivers[i] = start() end
    for round = 1, 120 do
        local buffer = new_buffer()
        for i = 1, sleepers do send(receivers[i], buffer) end
        threads.pause(0.0005)
        for _ = 1, waits_without_polling[sleepers] do tap.is(buffer:nextmsg(1e-6), nil) end
        send(receivers[sleepers + 1], buffer)
        for _ = 1, round % 12 * 10 do tap.is(buffer:isnonblock(), false) end
        for i = 1, sleepers + 1 do buffer:addmsg(value(i)) end
        tap.is(take_sum(sleepers + 1), (sleepers + 1) * (sleepers + 2) / 2)
    end
    for _, receiver in ipairs(receivers) do stop(receiver) end
end

local kinds = {
    { "numbers", function(i) return i end },
    { "strings", function(i) return ("%d"):format(i) end },
}

for _, kind in ipairs(kinds) do
    local what, value = kind[1], kind[2]
    for sleepers = 1, 3 do
        tap.test(("%d %s reach one that polls and %d that sleep"):format(sleepers + 1, what, sleepers), function()
            run(sleepers, value)
        end)
    end
end

tap.done()
