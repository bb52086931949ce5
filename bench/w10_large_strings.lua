-- W10: a stream of large strings between two threads, with some 4 MB of them under way. The probe is the dearer of what
-- cannot be spared: copying the bytes in, or making a Lua string of them. Beside it stands what two threads of plain C
-- take that copy the same bytes in and out; there the bytes travel from one processor to the other as well.

local measure = require "measure"
local crew = require "crew"
local duo = require "duo"
local limits = require "limits"
local mtmsg = require "mtmsg"

local AHEAD, AHEAD_MIN = 4 * 1024 * 1024, 8 -- bytes, messages

-- After each half of what may be under way an acknowledgement comes back.
local producer = [[
    local id, acks, n, size, ahead = ...
    local mtmsg = require "mtmsg"
    local buffer, acks = mtmsg.buffer(id), mtmsg.buffer(acks)
    local text = ("x"):rep(size)
    return function()
        local free = ahead
        for i = 1, n do
            if free == 0 then acks:nextmsg() free = ahead / 2 end
            buffer:addmsg(text)
            free = free - 1
        end
    end
]]
local consumer = [[
    local id, acks, n, size, ahead = ...
    local mtmsg = require "mtmsg"
    local buffer, acks = mtmsg.buffer(id), mtmsg.buffer(acks)
    return function()
        for i = 1, n do
            assert(#buffer:nextmsg() == size)
            if i % (ahead / 2) == 0 then acks:addmsg() end
        end
    end
]]

local function ahead_of(size)
    return math.max(AHEAD_MIN, AHEAD / size)
end

local function stream(size)
    local ahead = ahead_of(size)
    return function(n)
        local buffer, acks = mtmsg.newbuffer(), mtmsg.newbuffer()
        return crew.run {
            { "producer", producer, buffer, acks, n, size, ahead },
            { "consumer", consumer, buffer, acks, n, size, ahead },
        }
    end
end

for _, step in ipairs { { "1 KB", 1024 }, { "16 KB", 16384 }, { "64 KB", 65536 }, { "1 MB", 1048576 } } do
    local name, size = step[1], step[2]
    local s = measure.take({
        { "stream", stream(size), 100 },
        { "copy", function(n) return limits.memcpy(n, size) end },
        { "push", function(n) return limits.push(n, size) end },
        { "copies", function(n) return duo.copies(n, size, ahead_of(size)) end, 100 },
    }, { slice = 2 * measure.slice })
    measure.row {
        name = "stream of strings of " .. name, unit = "ns", figure = s.stream,
        probe = measure.each(math.max, s.copy, s.push), per = "the dearer of copy and push",
        most = size >= 65536 and 1.2 or nil,
    }
    measure.row {
        name = "... against copying between two threads in C", unit = "ns", figure = s.stream, probe = s.copies,
        per = "two threads copy in and out",
    }
    measure.row {
        name = "... against that and what else Lua does for a string", unit = "ns", figure = s.stream,
        probe = measure.each(function(copies, push, copy) return copies + math.max(push - copy, 0) end,
                             s.copies, s.push, s.copy),
        per = "two threads copy, and one makes a Lua string",
    }
    measure.row {
        name = "... bytes per nanosecond", unit = "GB/s",
        figure = measure.each(function(ns) return size / ns end, s.stream), series = "bandwidth", x = size,
    }
end
