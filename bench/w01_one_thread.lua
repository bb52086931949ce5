--[[ W1: one thread

A message is added and received at once. The probe is the same pair of method calls on an object that holds
one message in itself: they check their self, read the same arguments, push the same results. What the library
adds is the queue: two locks taken and given back (four atomic operations), encoding, copying and decoding. A
second row compares with the same calls that take and give back a lock in each: what the locks alone are to blame
for is the difference between the two probes.

A string is limited by two copies, and by what Lua spends on making it. Up to 4 KB there is a third one: making the
string may fail, and then the message must still be there, so it is copied out under the lock, and the string is made
without it. A second row compares with that. The naive queue makes it under its mutex, and keeps that for ever if Lua
has no memory. A longer message has a block of its own, which goes from hand to hand; its receiver holds it, and takes
it after a second look at the queue. From some 64 KB on the two copies are all that counts.

![Cost by size](performance-size.svg)
]]

local measure = require "measure"
local rows = require "rows"
local box = require "box" ()

local loop = measure.loop

local samples = measure.take {
    measure.here("int", function(lib, m)
        local buffer = lib.newbuffer()
        return m.loop(function(n) for _ = 1, n do buffer:addmsg(42) buffer:nextmsg() end end)
    end),
    { "int probe", loop(function(n) for _ = 1, n do box:put1(42) box:get1() end end) },
    { "int locked", loop(function(n) for _ = 1, n do box:put1_locked(42) box:get1_locked() end end) },
    measure.here("three", function(lib, m)
        local buffer = lib.newbuffer()
        return m.loop(function(n) for _ = 1, n do buffer:addmsg(42, "ten chars.", 1.5) buffer:nextmsg() end end)
    end),
    { "three probe", loop(function(n) for _ = 1, n do box:put3(42, "ten chars.", 1.5) box:get3() end end) },
    { "three locked", loop(function(n)
        for _ = 1, n do box:put3_locked(42, "ten chars.", 1.5) box:get3_locked() end
    end) },
}
for _, kind in ipairs { { "int", "one small integer", 1.25 }, { "three", "integer, 10 characters, float", 1.5 } } do
    rows.family({
        name = "add+next, " .. kind[2], unit = "ns", figure = samples[kind[1]], probe = samples[kind[1] .. " probe"],
        per = "the same calls without a queue", most = kind[3],
    }, { { "and with a lock in each", samples[kind[1] .. " locked"], "the same calls with a lock" } })
end

-- ---- strings of any length

local function add_and_next(lib, m, size)
    local buffer, text = lib.newbuffer(), ("x"):rep(size)
    return m.loop(function(n) for _ = 1, n do buffer:addmsg(text) buffer:nextmsg() end end)
end

local KB, JUDGED = 1024, 16384
rows.plot {
    name = "size", title = "Add and next of a string, one thread", series = "size", scale = "xy",
    x = "length of the string", x_unit = "bytes", y = "time per message", y_unit = "ns",
}
for _, step in ipairs {
    { "16 B", 16 }, { "64 B", 64 }, { "255 B", 255 }, { "256 B", 256 }, { "1 KB", KB }, { "4 KB", 4 * KB },
    { "16 KB", 16 * KB }, { "64 KB", 64 * KB }, { "256 KB", 256 * KB }, { "1 MB", KB * KB },
} do
    local name, size = step[1], step[2]
    local text = ("x"):rep(size)
    local s = measure.take({
        measure.here("string", add_and_next, size),
        { "probe", loop(function(n) for _ = 1, n do box:put_string(text) box:get_string() end end) },
        { "locked", loop(function(n)
            for _ = 1, n do box:put_string_locked(text) box:get_string_locked() end
        end) },
    }, { slice = measure.slice / 2 })
    rows.family({
        name = "add+next, string of " .. name, unit = "ns", figure = s["string"], probe = s["probe"],
        per = "copy in, push", most = size <= JUDGED and 1.5 or nil, series = "size", x = size,
        why = size <= 4 * KB and "a third copy keeps the message if making the string fails"
            or "a block from hand to hand, and a second look at the queue, keep the message if making the string fails",
    }, { { "and under a lock in each, copied out", s["locked"], "copy in, copy out, push, each under a lock" } })
end
