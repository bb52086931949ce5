-- A native thread, without a Lua state, feeds a Lua program. Needs the module sensor (sensor.c in
-- this directory), which knows nothing of mtmsg but the Receiver C API.
local mtmsg = require "mtmsg"
local sensor = require "sensor"

-- The size is fixed and allocated here: if nobody reads, the sensor loses values and not memory,
-- and its thread never asks for any.
local buffer = mtmsg.newbuffer("lateness", 64 * 1024, 0)
local s = sensor.start(buffer, 0.001)

local worst, last = 0, 0
for _ = 1, 100 do
    local number, late = buffer:nextmsg()
    assert(number > last, "values come in the order in which they were measured")
    last = number
    worst = math.max(worst, late)
end

local sent, lost = s:stop()
print("received 100 of at least 100 values: " .. tostring(sent >= 100))
print(("values lost: %d, the worst one was %s than a second late"):format(
    lost, worst < 1 and "less" or "more"))
