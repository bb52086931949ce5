-- W6: add and next in one thread, with messages waiting in between, from none to 64 MB of them. Then every single call
-- of filling and draining 64 MB is timed, and what is left of 256 MB after draining.

local measure = require "measure"
local limits = require "limits"
local mtmsg = require "mtmsg"

local KB, MB = 1024, 1024 * 1024
local MESSAGE = 3 -- bytes that a small integer accounts for, with its message

local steps = {
    { "none", 0 }, { "1 KB", KB }, { "16 KB", 16 * KB }, { "256 KB", 256 * KB }, { "4 MB", 4 * MB },
    { "64 MB", 64 * MB },
}
if measure.quick then steps[#steps] = nil end

local meters = {}
for i, step in ipairs(steps) do
    local buffer = mtmsg.newbuffer()
    for _ = 1, step[2] / MESSAGE do buffer:addmsg(42) end
    meters[i] = { step[1], measure.loop(function(n) for _ = 1, n do buffer:addmsg(42) buffer:nextmsg() end end) }
end
local s = measure.take(meters)
for i, step in ipairs(steps) do
    measure.row {
        name = "add+next with a backlog of " .. step[1], unit = "ns", figure = s[step[1]],
        probe = i > 1 and s["none"] or nil, per = i > 1 and "no backlog" or nil, most = i > 1 and 1.15 or nil,
        series = "backlog", x = step[2],
    }
end
meters, s = nil, nil
collectgarbage()

-- Processor time, so that what the scheduler takes away does not count. Sixteen numbers make no garbage in Lua.
local buffer, cpu = mtmsg.newbuffer(), measure.clock
local bytes = 16 * 9 + 1
local longest = 0
local function timed(call)
    local begin = cpu()
    call()
    longest = math.max(longest, cpu() - begin)
end
local function add() buffer:addmsg(.1, .2, .3, .4, .5, .6, .7, .8, .9, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7) end
local function take() buffer:nextmsg() end
local count = math.floor((measure.quick and 4 or 64) * MB / bytes)
for _ = 1, count do timed(add) end
for _ = 1, count do timed(take) end
measure.row {
    name = "longest call while 64 MB come and go, processor time", unit = "us", figure = longest * 1e6, most = 1000,
}

local text = ("x"):rep(1000)
local before
do
    local burst = mtmsg.newbuffer()
    before = limits.heap()
    for _ = 1, (measure.quick and 4 or 256) * MB / 1003 do burst:addmsg(text) end
    local held = limits.heap() - before
    while burst:msgcnt() > 0 do burst:nextmsg() end
    collectgarbage()
    collectgarbage()
    measure.row { name = "heap of a buffer with 256 MB of messages", unit = "MB", figure = held / MB }
    local left = math.max(0, limits.heap() - before)
    measure.row { name = "... and after it was drained", unit = "KB", figure = left / KB, most = 1024 }
end
