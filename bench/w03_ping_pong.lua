--[[ W3: ping-pong

A message goes to another thread, and an answer comes back; nothing can overlap. A thread that sleeps needs
two system calls, and a processor that has gone idle takes its time to wake up, more than anything else
here. So a receiver looks for a short time, as long as that has paid lately, before it sleeps. The probe does
this with one word per direction, looks as long as the library does before it sleeps, and does nothing else. A
message has its bytes on one cache line and is counted on another, both are written under a lock and read under one,
and two calls of Lua stand before it and after it. What the calls cost by themselves is in the row below.

Go's channel takes 0.3 to 0.5 microseconds for this, as its two goroutines change over on one processor, which two
threads of the system cannot do; a Go program that keeps both processors busy pays what others do.
]]

local host = require "host"
local measure = require "measure"
local crew = require "crew"
local duo = require "duo"
local mtmsg = require "mtmsg"
local rows = require "rows"

local SPIN, LEAST = 50e-6, 100

local server = [[
    local lib, to, from, n = ...
    lib = require(lib)
    to, from = lib.buffer(to), lib.buffer(from)
    return function() for i = 1, n do to:addmsg(i) assert(from:nextmsg() == i) end end
]]
local returner = [[
    local lib, to, from, n = ...
    lib = require(lib)
    to, from = lib.buffer(to), lib.buffer(from)
    return function() for i = 1, n do to:addmsg((from:nextmsg())) end end
]]

local function ping_pong(lib)
    return function(n)
        local there, back = require(lib).newbuffer(), require(lib).newbuffer()
        return crew.run {
            { "server", server, lib, there, back, n },
            { "returner", returner, lib, back, there, n },
        }
    end
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
    measure.both("lua", ping_pong, LEAST),
    { "calls", calls, LEAST },
    { "c", function(n) return duo.pingpong(n, SPIN) end, LEAST },
    { "asleep", function(n) return duo.pingpong(n, 0) end, LEAST },
}, { slice = 2 * measure.slice })

rows.family({
    name = "ping-pong, round trip", unit = "ns", figure = s.lua, probe = s.c, most = 1.5,
    per = "the same in C, spinning", chart = "Round trip: there and back",
}, {
    { "against that and the calls themselves", measure.each(function(c, both) return c + both end, s.c, s.calls),
      "the same in C, and the four calls in one thread" },
    { "and against a round trip that sleeps", s.asleep, "the same in C, sleeping" },
})
