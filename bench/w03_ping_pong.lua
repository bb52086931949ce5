-- W3: a message goes to another thread, and its answer comes back, over two buffers. The probe does it in C, with one
-- word per direction, and looks as long as the library does before it sleeps.

local host = require "host"
local measure = require "measure"
local crew = require "crew"
local duo = require "duo"
local mtmsg = require "mtmsg"

local SPIN = 50e-6

local server = [[
    local to, from, n = ...
    local mtmsg = require "mtmsg"
    to, from = mtmsg.buffer(to), mtmsg.buffer(from)
    return function() for i = 1, n do to:addmsg(i) assert(from:nextmsg() == i) end end
]]
local returner = [[
    local to, from, n = ...
    local mtmsg = require "mtmsg"
    to, from = mtmsg.buffer(to), mtmsg.buffer(from)
    return function() for i = 1, n do to:addmsg((from:nextmsg())) end end
]]

local function ping_pong(n)
    local there, back = mtmsg.newbuffer(), mtmsg.newbuffer()
    return crew.run {
        { "server", server, there, back, n },
        { "returner", returner, back, there, n },
    }
end

-- What both threads do for a round trip, by one of them and without waiting: it is part of any answer.
local function calls(n)
    local buffer, begin = mtmsg.newbuffer(), host.now()
    for i = 1, n do
        buffer:addmsg(i) assert(buffer:nextmsg() == i)
        buffer:addmsg(i) assert(buffer:nextmsg() == i)
    end
    return host.now() - begin
end

local s = measure.take({
    { "lua", ping_pong, 100 },
    { "calls", calls, 100 },
    { "c", function(n) return duo.pingpong(n, SPIN) end, 100 },
    { "asleep", function(n) return duo.pingpong(n, 0) end, 100 },
}, { slice = 2 * measure.slice })

measure.row {
    name = "ping-pong, round trip", unit = "ns", figure = s.lua, probe = s.c, most = 3,
    per = "the same in C, spinning",
}
measure.row {
    name = "... against that and the calls themselves", unit = "ns", figure = s.lua,
    probe = measure.each(function(c, calls) return c + calls end, s.c, s.calls),
    per = "the same in C, and the four calls in one thread",
}
measure.row {
    name = "... and against a round trip that sleeps", unit = "ns", figure = s.lua, probe = s.asleep,
    per = "the same in C, sleeping",
}
