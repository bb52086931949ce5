--[[ W6: backlog

Messages that wait should cost nothing: they are added and received in one thread, with up to 64 MB of them waiting in
between. Nothing is ever moved; what remains is that a long queue does not fit into a cache. The longest call
allocates a ring of 128 KB; the scheduler's part is left out, as it is processor time.

![Cost by backlog](performance-backlog.svg)
]]

local measure = require "measure"
local limits = require "limits"
local mtmsg = require "mtmsg"
local rows = require "rows"

local KB, MB = 1024, 1024 * 1024
local MESSAGE = 3 -- bytes that a small integer accounts for, with its message

local steps = {
    { "none", 0 }, { "1 KB", KB }, { "16 KB", 16 * KB }, { "256 KB", 256 * KB }, { "4 MB", 4 * MB },
    { "64 MB", 64 * MB },
}
if measure.quick then steps[#steps] = nil end

local function behind(lib, m, count)
    local buffer = lib.newbuffer()
    for _ = 1, count do buffer:addmsg(42) end
    return m.loop(function(n) for _ = 1, n do buffer:addmsg(42) buffer:nextmsg() end end)
end

local entries = {}
for i, step in ipairs(steps) do entries[i] = measure.here(step[1], behind, step[2] / MESSAGE) end
local s = measure.take(entries)
rows.plot {
    name = "backlog", title = "Add and next with messages waiting in between", series = "backlog", scale = "x",
    x = "waiting", x_unit = "bytes", y = "time per message", y_unit = "ns",
}
for i, step in ipairs(steps) do
    rows.row {
        name = "add+next with a backlog of " .. step[1], unit = "ns", figure = s[step[1]],
        probe = i > 1 and s["none"] or nil, per = i > 1 and "no backlog" or nil, most = i > 1 and 1.15 or nil,
        series = "backlog", x = step[2],
    }
end
entries, s = nil, nil
collectgarbage()
collectgarbage()

-- The longest of all calls, in processor time, so that what the scheduler takes away does not count. Sixteen numbers
-- make no garbage in Lua.
local function longest_call(buffer, cpu)
    local longest = 0
    local function timed(call)
        local begin = cpu()
        call()
        longest = math.max(longest, cpu() - begin)
    end
    local function add() buffer:addmsg(.1, .2, .3, .4, .5, .6, .7, .8, .9, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7) end
    local function take() buffer:nextmsg() end
    local bytes = 16 * 9 + 1
    local count = math.floor((measure.quick and 4 or 64) * MB / bytes)
    for _ = 1, count do timed(add) end
    for _ = 1, count do timed(take) end
    return longest
end

rows.row {
    name = "longest call while 64 MB come and go, processor time", unit = "us", most = 1000,
    figure = longest_call(mtmsg.newbuffer(), measure.clock) * 1e6,
    naive = longest_call(require "naive".newbuffer(), measure.clock) * 1e6,
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
    rows.row { name = "heap of a buffer with 256 MB of messages", unit = "MB", figure = held / MB }
    local left = math.max(0, limits.heap() - before)
    rows.row { name = "... and after it was drained", unit = "KB", figure = left / KB, most = 1024 }
end
