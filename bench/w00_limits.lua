--[[ W0: the limits

What the single steps cost of which everything is made. Three of them decide the rest. A call from Lua into C
costs as much as all else in adding a small message. A system call costs several messages, and one that puts a
thread to sleep and wakes another costs hundreds. And where two processors write to one cache line, it has to
travel.
]]

local measure = require "measure"
local rows = require "rows"
local box = require "box" ()
local duo, limits = require "duo", require "limits"

local loop = measure.loop
local KB = 1024

local steps = {
    { "empty method call into C", loop(function(n) for _ = 1, n do box:empty() end end) },
    { "... with a tag check of self", loop(function(n) for _ = 1, n do box:check() end end) },
    { "... that reads one integer, and pushes true", loop(function(n) for _ = 1, n do box:put1(42) end end) },
    { "... that pushes one integer", loop(function(n) for _ = 1, n do box:get1() end end) },
    { "... that reads three values", loop(function(n) for _ = 1, n do box:put3(42, "ten chars.", 1.5) end end) },
    { "... that pushes three values", loop(function(n) for _ = 1, n do box:get3() end end) },
    { "push a string of 1 KB", function(n) return limits.push(n, KB) end },
    { "push a string of 64 KB", function(n) return limits.push(n, 64 * KB) end },
    { "push a string of 1 MB", function(n) return limits.push(n, KB * KB) end },
    { "memcpy of 1 KB", function(n) return limits.memcpy(n, KB) end },
    { "memcpy of 64 KB", function(n) return limits.memcpy(n, 64 * KB) end },
    { "memcpy of 1 MB", function(n) return limits.memcpy(n, KB * KB) end },
    { "lock and unlock", limits.lock },
    { "read the clock", limits.clock },
    { "malloc and free", limits.malloc },
    { "futex wake with nobody asleep", limits.wake },
    { "futex ping-pong, asleep, round trip", function(n) return duo.pingpong(n, 0) end, 100 },
    { "futex ping-pong, spinning 50 us before sleep", function(n) return duo.pingpong(n, 50e-6) end, 100 },
    { "ring of 16-byte messages between two threads", duo.ring, 100000 },
}

local samples = measure.take(steps)
for _, step in ipairs(steps) do
    rows.row { name = step[1], unit = "ns", figure = samples[step[1]] }
end
