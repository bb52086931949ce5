--[[ W7: finding

Buffers are found by id and by name, in random order; they belong to another Lua state. Ids and names have a hash
table, which grows with the number of objects. A find in random order among many misses the cache, and often the
translation of addresses, too: for the table's slot, for the object, for those before it in the same slot, and for
the name. How often is told by the price of one random access in as much memory, beside the figures. Ten buffers are
found without a single miss, so a factor of 3 leaves room for few of them.

A probe tells what the userdata costs: it makes the same calls of Lua for one as large, with metatable and finalizer,
that refers to what is found by number in a table under one lock, and is on a list; and it does nothing else. The naive
queue has a fifth of that userdata, and no list, and what it finds is never gone.

![Finding by id](performance-finding-by-id.svg) ![Finding by name](performance-finding-by-name.svg)
]]

local host = require "host"
local measure = require "measure"
local limits = require "limits"
local mtmsg = require "mtmsg"
local rows = require "rows"

-- Makes buffers named prefix1, prefix2, ..., sends their ids, and keeps them until told. Answers with the bytes of heap
-- that each takes, without its userdata where that is in the same heap.
local holder = [[
    local lib, count, prefix, ids, leave = ...
    local mtmsg, limits = require "mtmsg", require "limits"
    lib, ids, leave = require(lib), mtmsg.buffer(ids), mtmsg.buffer(leave)
    local buffers = {}
    for i = 1, count do buffers[i] = false end
    collectgarbage() collectgarbage("stop")
    local heap, lua = limits.heap(), collectgarbage("count")
    for i = 1, count do
        if prefix then buffers[i] = lib.newbuffer(prefix .. i)
        else buffers[i] = lib.newbuffer() end
    end
    heap, lua = limits.heap() - heap, (collectgarbage("count") - lua) * 1024
    if jit then lua = 0 end
    for i = 1, count do ids:addmsg(buffers[i]:id()) end
    ids:addmsg((heap - lua) / count)
    leave:nextmsg()
]]

local leave = {}

local function all_leave()
    for _, away in ipairs(leave) do away() end
    leave = {}
end

-- Returns the ids, and the bytes of one buffer.
local function hold(lib, count, prefix)
    local ids, bye = mtmsg.newbuffer(), mtmsg.newbuffer()
    local thread = host.thread(holder, lib, count, prefix, ids:id(), bye:id())
    leave[#leave + 1] = function()
        bye:addmsg()
        assert(thread:join())
    end
    local list = {}
    for i = 1, count do list[i] = ids:nextmsg() end
    return list, ids:nextmsg()
end

local function shuffle(list)
    math.randomseed(1)
    for i = #list, 2, -1 do
        local other = math.random(i)
        list[i], list[other] = list[other], list[i]
    end
    return list
end

-- In the order in which they will be used, so that it is not these strings that the processor has to wait for.
local function names_of(count, prefix)
    local numbers, list = {}, {}
    for i = 1, count do numbers[i] = i end
    shuffle(numbers)
    for i = 1, count do list[i] = prefix .. numbers[i] end
    return list
end

-- Finds all keys in turn, and gives up what was found at once, as the collector would do later. keys is a list of
-- them, or has one for each module.
local function find(lib, m, keys)
    local release = debug.getmetatable(lib.newbuffer()).__gc
    local at, name = 0, lib == require "naive" and "naive" or "mtmsg"
    keys = keys[name] or keys
    return function(n)
        collectgarbage()
        collectgarbage("stop")
        local begin = m.clock()
        for _ = 1, n do
            at = at % #keys + 1
            release(lib.buffer(keys[at]))
        end
        local seconds = m.clock() - begin
        collectgarbage("restart")
        return seconds
    end
end

-- Holds as many buffers of each module, and returns their ids in random order.
local function hold_all(count, prefix)
    local ids = {}
    for _, lib in ipairs(measure.subjects) do ids[lib] = shuffle((hold(lib, count, prefix))) end
    return ids
end

local counts, ids, names = { 10, 100, 1000, 10000, 100000 }, {}, {}
if measure.quick then counts[#counts] = nil end
for i, count in ipairs(counts) do
    local prefix = ("bench %d of "):format(count)
    ids[i] = measure.here(count, find, hold_all(count, prefix))
    names[i] = measure.here(count, find, names_of(count, prefix))
end

-- The limit: each thing that is looked at lies somewhere else in as much memory.
local OBJECT = 560 -- bytes
local most = counts[#counts]
local access = measure.take({
    { "access", function(n) return limits.access(n, most, OBJECT) end, most },
}).access
rows.row { name = ("a random access among %d objects"):format(most), unit = "ns", figure = access }

-- The least that a find among ten costs, which are found by number.
local found = require "found"
local few = {}
for i = 1, counts[1] do few[i] = found.newbuffer():id() end
ids[#ids + 1] = { "least", measure.copy(find)(found, measure, shuffle(few)) }
names[#names + 1] = ids[#ids]
local HASH = "a name is hashed, by a key, before the lock is taken: that takes as long as comparing ten short ones"
local MEMORY = "a block beside the userdata, which outlives a finalizer that fails: one malloc and free more, see W0"
local MISSES = "what is found, and where it stands in the table, are far from the cache: see the naive queue"

for _, kind in ipairs { { "id", ids }, { "name", names } } do
    rows.plot {
        name = "finding-by-" .. kind[1], title = "Finding a buffer by its " .. kind[1], series = "find by " .. kind[1],
        scale = kind[1] == "id" and "x" or "xy", x = "buffers", y = "time", y_unit = "ns",
    }
    local s = measure.take(kind[2], { slice = measure.slice / 5 })
    for i, count in ipairs(counts) do
        local judged = i > 1 and (count == 1000 or count == most)
        local why = judged and count == most and MISSES or kind[1] == "id" and MEMORY
            or i == 1 and HASH or nil
        rows.row {
            name = ("find by %s among %d buffers"):format(kind[1], count), unit = "ns", figure = s[count],
            probe = i > 1 and s[10] or nil, per = i > 1 and "among 10" or nil, most = judged and 3 or nil,
            series = "find by " .. kind[1], x = count, why = why,
        }
    end
    rows.row {
        name = ("find by %s among %d buffers, and the probe"):format(kind[1], counts[1]), unit = "ns", again = true,
        figure = s[counts[1]], probe = s.least, per = "userdata, lock, table",
    }
    rows.row {
        name = "... beyond that among 10, in random accesses", unit = "", naive = false,
        figure = measure.each(function(many, few, one) return (many - few) / one end, s[most], s[10], access),
    }
end
all_leave()

local _, bytes = hold("mtmsg", 10000)
rows.row { name = "heap of an idle buffer of default size", unit = "bytes", figure = bytes, most = 600 }
all_leave()

local million = measure.quick and 20000 or 1000000
local s = measure.take({ measure.here("find", find, hold_all(million)) }, { slice = measure.slice / 5 })
rows.row { name = ("find by id among %d live buffers"):format(million), unit = "ns", figure = s.find, why = MISSES }
all_leave()
