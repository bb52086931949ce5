--[[ W8: writers and readers

A writer takes objects of five numbers, a reader gives them back; value by value, or five in one call. A hundred
objects make one message. Values go into memory of the writer's own, without any lock, and come from the reader's. The
probe is the same calls on an object that only checks its self, reads and pushes; what a value costs beyond that is
encoding or decoding it. Giving several values to one call saves most of it: the call is what is dear. The naive queue
has no writers: each call's values are a message there.
]]

local measure = require "measure"
local mtmsg = require "mtmsg"
local rows = require "rows"
local box = require "box" ()

local MESSAGES, OBJECTS, VALUES = 20, 100, 5
local BATCH = MESSAGES * OBJECTS * VALUES

local write, read = {}, {}
function write.single(to)
    for _ = 1, OBJECTS do to:add(1.5) to:add(2.5) to:add(3.5) to:add(4.5) to:add(5.5) end
end
function write.batched(to)
    for _ = 1, OBJECTS do to:add(1.5, 2.5, 3.5, 4.5, 5.5) end
end
function read.single(from)
    for _ = 1, OBJECTS do from:next() from:next() from:next() from:next() from:next() end
end
function read.batched(from)
    for _ = 1, OBJECTS do from:next(5) end
end

-- The box by the names of the methods of writers and readers, so that the same code runs.
local methods = debug.getmetatable(box).__index
methods.add, methods.next = methods.write, methods.read
box:write(1.5, 2.5, 3.5, 4.5, 5.5)

-- A meter for n values: both halves run, MESSAGES times each, and the wanted one is timed.
local function halves(write_one, read_one, which)
    return function(n)
        local clock, spent, batches = measure.clock, { 0, 0 }, math.ceil(n / BATCH)
        for _ = 1, batches do
            local t0 = clock()
            for _ = 1, MESSAGES do write_one() end
            local t1 = clock()
            for _ = 1, MESSAGES do read_one() end
            local t2 = clock()
            spent[1], spent[2] = spent[1] + t1 - t0, spent[2] + t2 - t1
        end
        return spent[which] * n / (batches * BATCH)
    end
end

local function real(mode, which)
    local buffer, writer, reader = mtmsg.newbuffer(), mtmsg.newwriter(), mtmsg.newreader()
    local function write_one()
        write[mode](writer)
        writer:addmsg(buffer)
    end
    local function read_one()
        reader:nextmsg(buffer)
        read[mode](reader)
    end
    return halves(write_one, read_one, which)
end

local naive = {}
function naive.single(which)
    local b = require "naive".newbuffer()
    return halves(function()
        for _ = 1, OBJECTS do b:addmsg(1.5) b:addmsg(2.5) b:addmsg(3.5) b:addmsg(4.5) b:addmsg(5.5) end
    end, function()
        for _ = 1, OBJECTS do b:nextmsg() b:nextmsg() b:nextmsg() b:nextmsg() b:nextmsg() end
    end, which)
end
function naive.batched(which)
    local b = require "naive".newbuffer()
    return halves(function()
        for _ = 1, OBJECTS do b:addmsg(1.5, 2.5, 3.5, 4.5, 5.5) end
    end, function()
        for _ = 1, OBJECTS do b:nextmsg() end
    end, which)
end

local function probe(calls)
    return function(n)
        local batches = math.ceil(n / BATCH)
        local begin = measure.clock()
        for _ = 1, batches * MESSAGES do calls(box) end
        return (measure.clock() - begin) * n / (batches * BATCH)
    end
end

local kinds, entries = {
    { "write", "single", 1, "writer:add, value by value" }, { "write", "batched", 1, "writer:add, five values" },
    { "read", "single", 2, "reader:next, value by value" }, { "read", "batched", 2, "reader:next, five values" },
}, {}
for i, kind in ipairs(kinds) do
    local calls, mode, which = kind[1] == "write" and write or read, kind[2], kind[3]
    entries[2 * i - 1] = { i, mtmsg = real(mode, which), naive = naive[mode](which) }
    entries[2 * i] = { -i, probe(calls[mode]) }
end
local s = measure.take(entries)
local function minus(a, b) return a - b end
for i, kind in ipairs(kinds) do
    rows.row { name = kind[4] .. ", per value", unit = "ns", figure = s[i], probe = s[-i], per = "the same calls" }
    rows.row {
        name = "... beyond these calls", unit = "ns", figure = measure.each(minus, s[i], s[-i]), most = 25,
        again = true,
    }
end
