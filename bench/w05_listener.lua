-- W5: one thread adds to the buffers of a listener in turn, another receives from the listener; and buffers join and
-- leave a listener that has many. The probe is the same with one buffer, or with ten.

local measure = require "measure"
local crew = require "crew"
local limits = require "limits"
local mtmsg = require "mtmsg"

local producer = [[
    local n, count, ids = ...
    local mtmsg = require "mtmsg"
    ids = mtmsg.buffer(ids)
    local buffers = {}
    for i = 1, count do
        local id = ids:nextmsg()
        buffers[i] = mtmsg.buffer(id)
        ids:addmsg(id)
    end
    return function()
        local at = 0
        for i = 1, n do
            at = at % count + 1
            buffers[at]:addmsg(42)
        end
    end
]]
local consumer = [[
    local id, n = ...
    local listener = require "mtmsg".listener(id)
    return function() for i = 1, n do listener:nextmsg() end end
]]

-- A listener with that many buffers, which this state keeps; their ids go round in another buffer.
local function new_family(count)
    local family = { listener = mtmsg.newlistener(), ids = mtmsg.newbuffer() }
    for i = 1, count do
        family[i] = family.listener:newbuffer()
        family.ids:addmsg(family[i]:id())
    end
    return family
end

local function stream(family)
    return function(n)
        return crew.run {
            { "producer", producer, n, #family, family.ids },
            { "consumer", consumer, family.listener, n },
        }
    end
end

-- The collector would visit every buffer of this state: it waits, and the call that it makes is made here.
local function replace(family)
    local release = debug.getmetatable(family[1]).__gc
    return function(n)
        collectgarbage()
        collectgarbage("stop")
        local at, begin = 0, measure.clock()
        for _ = 1, n do
            at = at % #family + 1
            release(family[at])
            family[at] = family.listener:newbuffer()
        end
        local seconds = measure.clock() - begin
        collectgarbage("restart")
        return seconds
    end
end

local counts, meters = { 1, 10, 100, 1000, 10000 }, {}
for i, count in ipairs(counts) do meters[i] = { count, stream(new_family(count)), 20000 } end
local s = measure.take(meters, { slice = 2 * measure.slice })

-- The limit: each object that is looked at lies somewhere else in as much memory.
local OBJECT = 1700 -- bytes of a buffer with its first ring and its handle
local function access(count)
    return { count, function(n) return limits.access(n, count, OBJECT) end, count }
end
local price = measure.take { access(1000), access(10000) }

for _, count in ipairs(counts) do
    measure.row {
        name = ("listener with %d buffer%s, two threads"):format(count, count > 1 and "s" or ""), unit = "ns",
        figure = s[count], probe = count > 1 and s[1] or nil, per = count > 1 and "one buffer" or nil,
        most = count > 1 and 1.5 or nil, series = "buffers", x = count,
    }
    if price[count] then
        measure.row {
            name = "... beyond one buffer, in random accesses among as many", unit = "",
            figure = measure.each(function(many, one, ns) return (many - one) / ns end, s[count], s[1], price[count]),
        }
    end
end
for _, count in ipairs { 1000, 10000 } do
    measure.row { name = ("a random access among %d objects"):format(count), unit = "ns", figure = price[count] }
end

s = measure.take({
    { 10, replace(new_family(10)) }, { 1000, replace(new_family(1000)) }, { 10000, replace(new_family(10000)) },
}, { slice = measure.slice / 5 })
measure.row { name = "replace one of 10 listener buffers", unit = "ns", figure = s[10] }
measure.row {
    name = "replace one of 1000 listener buffers", unit = "ns", figure = s[1000], probe = s[10],
    per = "one of 10", most = 1.5,
}
measure.row {
    name = "replace one of 10000 listener buffers", unit = "ns", figure = s[10000], probe = s[10],
    per = "one of 10", most = 1.5,
}
