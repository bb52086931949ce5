--[[ W10: large strings

The bytes are copied twice: out of the sender's Lua string, and into the receiver's. The two copies can overlap
in a stream; the dearer one is the limit. In the probe of the first row one thread copies alone, from its own cache; a
second row compares with two threads of plain C, between whose processors the bytes have to travel; a third adds what
Lua does for a string beyond copying it. From 1 MB on it is the allocator that counts in Lua 5.x: each new
string is fresh memory, whose pages the system hands out and takes back. With glibc two settings help:
`MALLOC_MMAP_THRESHOLD_=1073741824 MALLOC_TRIM_THRESHOLD_=1073741824` in the environment keep the memory in the
process. LuaJIT keeps equal strings once, and here each message is the same: its price is that of comparing.

In the streams some 4 MB are under way, and an acknowledgement comes back for each half of them. Then few strings are
in flight at a time, and each is acknowledged by itself: what the library keeps for the next message has to be enough
for these, or else each message is memory that the system has to clear first. The last rows do the same in one
thread: so many strings are added, then received.

![Bandwidth by size](performance-bandwidth.svg)
]]

local measure = require "measure"
local crew = require "crew"
local duo = require "duo"
local limits = require "limits"
local rows = require "rows"

local KB, MB = 1024, 1024 * 1024
local AHEAD, AHEAD_MIN = 4 * MB, 8 -- bytes, messages

-- At most `ahead` strings are under way; an acknowledgement stands for `each` of them.
local producer = [[
    local lib, id, acks, n, size, ahead, each = ...
    lib = require(lib)
    local buffer, acks = lib.buffer(id), lib.buffer(acks)
    local text = ("x"):rep(size)
    return function()
        local free = ahead
        for i = 1, n do
            if free == 0 then acks:nextmsg() free = each end
            buffer:addmsg(text)
            free = free - 1
        end
    end
]]
local consumer = [[
    local lib, id, acks, n, size, each = ...
    lib = require(lib)
    local buffer, acks = lib.buffer(id), lib.buffer(acks)
    return function()
        for i = 1, n do
            assert(#buffer:nextmsg() == size)
            if i % each == 0 then acks:addmsg() end
        end
    end
]]

local function stream(lib, size, ahead, each)
    return function(n)
        local buffer, acks = require(lib).newbuffer(), require(lib).newbuffer()
        return crew.run {
            { "producer", producer, lib, buffer, acks, n, size, ahead, each },
            { "consumer", consumer, lib, buffer, acks, n, size, each },
        }
    end
end

-- The limits: of one thread, and of two that have room for so many.
local function copy(size) return { "copy", function(n) return limits.memcpy(n, size) end } end
local function push(size) return { "push", function(n) return limits.push(n, size) end } end
local function copies(size, ahead, least)
    return { "copies", function(n) return duo.copies(n, size, ahead) end, least }
end

-- Copying, and what Lua does for a string beyond copying it.
local function with_strings(made, s)
    return measure.each(function(c, p, one) return c + math.max(p - one, 0) end, made, s.push, s.copy)
end
local WITH_STRINGS = "two threads copy, and one makes a Lua string"

-- ---- streams

rows.plot {
    name = "bandwidth", title = "Stream of strings between two threads", series = "bandwidth", scale = "x",
    x = "length of the string", x_unit = "bytes", y = "GB per second",
}
for _, step in ipairs { { "1 KB", KB }, { "16 KB", 16 * KB }, { "64 KB", 64 * KB }, { "1 MB", MB } } do
    local size = step[2]
    local ahead = math.max(AHEAD_MIN, AHEAD / size)
    local s = measure.take({
        measure.both("stream", stream, 100, size, ahead, ahead / 2), copy(size), push(size), copies(size, ahead, 100),
    }, { slice = 2 * measure.slice })
    rows.family({
        name = "stream of strings of " .. step[1], unit = "ns", figure = s.stream,
        probe = measure.each(math.max, s.copy, s.push), per = "the dearer of copy and push",
        most = size >= 64 * KB and 1.2 or nil, series = "bandwidth", x = size, y = size / measure.median(s.stream),
    }, {
        { "against copying between two threads in C", s.copies, "two threads copy in and out" },
        { "against that and what else Lua does for a string", with_strings(s.copies, s), WITH_STRINGS,
          size == KB and 1.5 or nil },
    })
end

-- ---- few in flight, each acknowledged

for _, step in ipairs {
    { "4 KB, 16", 4 * KB, 16 }, { "64 KB, 16", 64 * KB, 16 }, { "1 MB, 8", MB, 8, 1.2 },
    { "16 MB, 3", 16 * MB, 3, 1.2 },
} do
    local size, ahead = step[2], step[3]
    local least = size < MB and 100 or measure.quick and ahead or 4 * ahead
    local s = measure.take({
        measure.both("stream", stream, least, size, ahead, 1), copy(size), push(size), copies(size, ahead, least),
    }, { slice = 2 * measure.slice })
    rows.family({
        name = ("strings of %s in flight, two threads"):format(step[1]), unit = "ns", figure = s.stream,
        probe = with_strings(s.copies, s), per = WITH_STRINGS, most = step[4],
    }, { { "against copying between two threads in C", s.copies, "two threads copy in and out" } })
end

local function in_flight(lib, m, size, ahead)
    local buffer, text, now = lib.newbuffer(), ("x"):rep(size), require "host".now
    return function(n)
        local begin, batches = now(), math.ceil(n / ahead)
        for _ = 1, batches do
            for _ = 1, ahead do buffer:addmsg(text) end
            for _ = 1, ahead do assert(#buffer:nextmsg() == size) end
        end
        return (now() - begin) * n / (batches * ahead)
    end
end

for _, step in ipairs { { "1 MB, 8", MB, 8 }, { "16 MB, 3", 16 * MB, 3 } } do
    local size, ahead = step[2], step[3]
    local s = measure.take({
        measure.here("batch", in_flight, size, ahead), copy(size), push(size),
        { "shelf", function(n) return limits.shelf(n, size, ahead) end, ahead },
    }, { slice = 2 * measure.slice })
    rows.row {
        name = ("strings of %s in flight, one thread"):format(step[1]), unit = "ns", figure = s.batch,
        probe = with_strings(s.shelf, s), per = "copies in C, and making a Lua string", most = 1.2,
    }
end
