--[[ W5: listeners

The producer goes round all buffers of a listener, so that each of them becomes ready anew with nearly each
message. Whatever the number of buffers, entering the ready queue and leaving it is one step; what grows is the
memory that is touched, some 700 bytes per buffer, and with it the misses of the caches. The rows between say to
how many random accesses that amounts.

In one thread, adding to each buffer in turn and receiving through the listener is compared with receiving from
the buffer itself, of as many buffers. Replacing a buffer of a listener is creating one, joining, leaving and freeing.

![Cost by number of buffers](performance-buffers.svg)
]]

local measure = require "measure"
local crew = require "crew"
local limits = require "limits"
local mtmsg = require "mtmsg"
local rows = require "rows"

local producer = [[
    local lib, n, count, ids = ...
    lib, ids = require(lib), require "mtmsg".buffer(ids)
    local buffers = {}
    for i = 1, count do
        local id = ids:nextmsg()
        buffers[i] = lib.buffer(id)
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
    local lib, id, n = ...
    local listener = require(lib).listener(id)
    return function() for i = 1, n do listener:nextmsg() end end
]]

-- A listener with that many buffers, which this state keeps; their ids go round in another buffer.
local function new_family(lib, count)
    local family = { listener = require(lib).newlistener(), ids = mtmsg.newbuffer() }
    for i = 1, count do
        family[i] = family.listener:newbuffer()
        family.ids:addmsg(family[i]:id())
    end
    return family
end

local function stream(lib, count)
    local family = new_family(lib, count)
    return function(n)
        return crew.run {
            { "producer", producer, lib, n, count, family.ids },
            { "consumer", consumer, lib, family.listener, n },
        }
    end
end

local counts, entries = { 1, 10, 100, 1000, 10000 }, {}
for i, count in ipairs(counts) do entries[i] = measure.both(count, stream, 20000, count) end
local s = measure.take(entries, { slice = 2 * measure.slice })

-- The limit: each object that is looked at lies somewhere else in as much memory.
local OBJECT = 1700 -- bytes of a buffer with its first ring and its handle
local function access(count)
    return { count, function(n) return limits.access(n, count, OBJECT) end, count }
end
local price = measure.take { access(1000), access(10000) }

rows.plot {
    name = "buffers", title = "A listener with many buffers, two threads", series = "buffers", scale = "x",
    x = "buffers", y = "time per message", y_unit = "ns",
}
for _, count in ipairs(counts) do
    rows.row {
        name = ("listener with %d buffer%s, two threads"):format(count, count > 1 and "s" or ""), unit = "ns",
        figure = s[count], probe = count > 1 and s[1] or nil, per = count > 1 and "one buffer" or nil,
        most = count > 1 and 1.5 or nil, series = "buffers", x = count,
    }
    if price[count] then
        rows.row {
            name = "... beyond one buffer, in random accesses among as many", unit = "", naive = false,
            figure = measure.each(function(many, one, ns) return (many - one) / ns end, s[count], s[1], price[count]),
        }
    end
end
for _, count in ipairs { 1000, 10000 } do
    rows.row { name = ("a random access among %d objects"):format(count), unit = "ns", figure = price[count] }
end

-- ---- one thread

local function through(lib, m, count)
    local listener, buffers, at = lib.newlistener(), {}, 0
    for i = 1, count do buffers[i] = listener:newbuffer() end
    return m.loop(function(n)
        for _ = 1, n do
            at = at % count + 1
            buffers[at]:addmsg(42)
            listener:nextmsg()
        end
    end)
end

local function without(count)
    local buffers, at = {}, 0
    for i = 1, count do buffers[i] = mtmsg.newbuffer() end
    return measure.loop(function(n)
        for _ = 1, n do
            at = at % count + 1
            buffers[at]:addmsg(42)
            buffers[at]:nextmsg()
        end
    end)
end

local LOCKS = "the listener's lock, and the exchanges by which a buffer enters its queue, beside two locks: see W0"
for _, count in ipairs { 1, 1000, 10000 } do
    s = measure.take { measure.here("through", through, count), { "own", without(count) } }
    rows.row {
        name = ("add+next through a listener with %d buffer%s, one thread"):format(count, count > 1 and "s" or ""),
        unit = "ns", figure = s.through, probe = s.own, per = "the buffers' own", most = 1.5, why = LOCKS,
    }
end

-- ---- joining and leaving

-- The collector would visit every buffer of this state: it waits, and the call that it makes is made here.
local function replace(lib, m, count)
    local family = { listener = lib.newlistener() }
    for i = 1, count do family[i] = family.listener:newbuffer() end
    local release = debug.getmetatable(family[1]).__gc
    return function(n)
        collectgarbage()
        collectgarbage("stop")
        local at, begin = 0, m.clock()
        for _ = 1, n do
            at = at % count + 1
            release(family[at])
            family[at] = family.listener:newbuffer()
        end
        local seconds = m.clock() - begin
        collectgarbage("restart")
        return seconds
    end
end

entries = {}
for i, count in ipairs { 10, 1000, 10000 } do entries[i] = measure.here(count, replace, count) end
s = measure.take(entries, { slice = measure.slice / 5 })
local MEMORY = "600 bytes to be set to what they are at first, and a block beside the userdata, which outlives a "
    .. "finalizer that fails: see malloc in W0"
rows.row { name = "replace one of 10 listener buffers", unit = "ns", figure = s[10], why = MEMORY }
for _, count in ipairs { 1000, 10000 } do
    rows.row {
        name = ("replace one of %d listener buffers"):format(count), unit = "ns", figure = s[count], probe = s[10],
        per = "one of 10", most = 1.5, why = MEMORY,
    }
end
