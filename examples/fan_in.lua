-- Fan-in: each thread has a buffer of its own, and one listener receives from all of them in turn. A thread that
-- is faster than the others cannot crowd them out, and the order within each buffer is kept.
local cqueues_thread = require "cqueues.thread"
local mtmsg = require "mtmsg"

local SENSORS, READINGS = 4, 100

-- cqueues hands every thread a socket first; it is not needed here.
local function sensor(_, buffer_id, number, readings)
    local mtmsg = require "mtmsg"
    local buffer = mtmsg.buffer(buffer_id)
    for i = 1, readings do
        buffer:addmsg(number, i)
    end
    buffer:addmsg(number, "end")
end

local listener = mtmsg.newlistener("sensors")
local buffers, threads = {}, {}
for number = 1, SENSORS do
    buffers[number] = listener:newbuffer("sensor " .. number)
    threads[number] = assert(cqueues_thread.start(sensor, buffers[number]:id(), number, READINGS))
end

local last, running = {}, SENSORS
while running > 0 do
    local number, reading = listener:nextmsg(30)
    assert(number, "no reading came in time")
    if reading == "end" then
        assert(last[number] == READINGS, "readings are missing")
        running = running - 1
    else
        assert(reading == (last[number] or 0) + 1, "readings of one sensor changed places")
        last[number] = reading
    end
end

for _, thread in ipairs(threads) do
    local ok, err = thread:join(30)
    assert(ok and not err, err)
end
assert(listener:nextmsg(0) == nil)

-- The listener does not keep its buffers alive. With the last one gone there is nothing to wait for any more.
buffers = nil
collectgarbage()
collectgarbage()
local ok, err = pcall(listener.nextmsg, listener)
assert(not ok and err:find(mtmsg.error.no_buffers, 1, true))
print(SENSORS * READINGS .. " readings from " .. SENSORS .. " sensors, each in order")
