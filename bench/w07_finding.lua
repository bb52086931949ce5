-- W7: buffers are found by id and by name, among ten up to 100,000, in random order; the memory of an idle buffer; a
-- million of them. The buffers belong to another Lua state, so that the collector of this one has little to do.

local host = require "host"
local measure = require "measure"
local limits = require "limits"
local mtmsg = require "mtmsg"

-- Makes buffers named prefix1, prefix2, ..., sends their ids, and keeps them until told. Answers with the bytes of heap
-- that each takes, without its userdata where that is in the same heap.
local holder = [[
    local count, prefix, ids, leave = ...
    local mtmsg, limits = require "mtmsg", require "limits"
    ids, leave = mtmsg.buffer(ids), mtmsg.buffer(leave)
    local buffers = {}
    for i = 1, count do buffers[i] = false end
    collectgarbage() collectgarbage("stop")
    local heap, lua = limits.heap(), collectgarbage("count")
    for i = 1, count do
        if prefix then buffers[i] = mtmsg.newbuffer(prefix .. i)
        else buffers[i] = mtmsg.newbuffer() end
    end
    heap, lua = limits.heap() - heap, (collectgarbage("count") - lua) * 1024
    if jit then lua = 0 end
    for i = 1, count do ids:addmsg(buffers[i]:id()) end
    ids:addmsg((heap - lua) / count)
    leave:nextmsg()
]]

local leave = {}

-- Returns the ids, and the bytes of one buffer.
local function hold(count, prefix)
    local ids, bye = mtmsg.newbuffer(), mtmsg.newbuffer()
    local thread = host.thread(holder, count, prefix, ids:id(), bye:id())
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

-- Finds all keys in turn, and gives up what was found at once, as the collector would do later.
local function find(keys)
    local release = debug.getmetatable(mtmsg.newbuffer()).__gc
    local at = 0
    return function(n)
        collectgarbage()
        collectgarbage("stop")
        local begin = measure.clock()
        for _ = 1, n do
            at = at % #keys + 1
            release(mtmsg.buffer(keys[at]))
        end
        local seconds = measure.clock() - begin
        collectgarbage("restart")
        return seconds
    end
end

local counts, ids, names = { 10, 1000, measure.quick and 10000 or 100000 }, {}, {}
for i, count in ipairs(counts) do
    local prefix = ("bench %d of "):format(count)
    ids[i] = { count, find(shuffle((hold(count, prefix)))) }
    names[i] = { count, find(names_of(count, prefix)) }
end

-- The limit: each thing that is looked at lies somewhere else in as much memory.
local OBJECT = 640 -- bytes
local most = counts[#counts]
local access = measure.take({
    { "access", function(n) return limits.access(n, most, OBJECT) end, most },
}).access
measure.row { name = ("a random access among %d objects"):format(most), unit = "ns", figure = access }

for _, kind in ipairs { { "id", ids }, { "name", names } } do
    local s = measure.take(kind[2], { slice = measure.slice / 5 })
    for i, count in ipairs(counts) do
        measure.row {
            name = ("find by %s among %d buffers"):format(kind[1], count), unit = "ns", figure = s[count],
            probe = i > 1 and s[10] or nil, per = i > 1 and "among 10" or nil, most = i > 1 and 3 or nil,
            series = "find by " .. kind[1], x = count,
        }
    end
    measure.row {
        name = "... beyond that among 10, in random accesses", unit = "",
        figure = measure.each(function(many, few, one) return (many - few) / one end, s[most], s[10], access),
    }
end

for _, away in ipairs(leave) do away() end
leave = {}

local _, bytes = hold(10000)
measure.row { name = "heap of an idle buffer of default size", unit = "bytes", figure = bytes, most = 600 }
leave[1]()
leave = {}

local million = measure.quick and 20000 or 1000000
local list = hold(million)
local s = measure.take({ { "find", find(shuffle(list)) } }, { slice = measure.slice / 5 })
measure.row { name = ("find by id among %d live buffers"):format(million), unit = "ns", figure = s.find }
leave[1]()
