-- W8: a writer takes objects of five numbers, a reader gives them back; value by value, or five in one call. A hundred
-- objects make one message. The probe is the same calls on an object that only checks its self, reads and pushes; what
-- the library takes beyond it is counted per value.

local measure = require "measure"
local mtmsg = require "mtmsg"
local box = require "box" ()

local MESSAGES, OBJECTS, VALUES = 20, 100, 5
local BATCH = MESSAGES * OBJECTS * VALUES

local buffer, writer, reader = mtmsg.newbuffer(), mtmsg.newwriter(), mtmsg.newreader()

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

-- A meter for n values: with the library's objects both halves run, and the wanted one is timed.
local function real(mode, which)
    return function(n)
        local clock, spent, batches = measure.clock, { 0, 0 }, math.ceil(n / BATCH)
        for _ = 1, batches do
            local t0 = clock()
            for _ = 1, MESSAGES do
                write[mode](writer)
                writer:addmsg(buffer)
            end
            local t1 = clock()
            for _ = 1, MESSAGES do
                reader:nextmsg(buffer)
                read[mode](reader)
            end
            local t2 = clock()
            spent[1], spent[2] = spent[1] + t1 - t0, spent[2] + t2 - t1
        end
        return spent[which] * n / (batches * BATCH)
    end
end

local function probe(calls)
    return function(n)
        local batches = math.ceil(n / BATCH)
        local begin = measure.clock()
        for _ = 1, batches * MESSAGES do calls(box) end
        return (measure.clock() - begin) * n / (batches * BATCH)
    end
end

local s = measure.take {
    { "write single", real("single", 1) }, { "write single probe", probe(write.single) },
    { "write batched", real("batched", 1) }, { "write batched probe", probe(write.batched) },
    { "read single", real("single", 2) }, { "read single probe", probe(read.single) },
    { "read batched", real("batched", 2) }, { "read batched probe", probe(read.batched) },
}
local function minus(a, b) return a - b end
for _, row in ipairs {
    { "write single", "writer:add, value by value" }, { "write batched", "writer:add, five values" },
    { "read single", "reader:next, value by value" }, { "read batched", "reader:next, five values" },
} do
    local figure, calls = s[row[1]], s[row[1] .. " probe"]
    measure.row { name = row[2] .. ", per value", unit = "ns", figure = figure, probe = calls, per = "the same calls" }
    measure.row { name = "... beyond these calls", unit = "ns", figure = measure.each(minus, figure, calls), most = 25 }
end
