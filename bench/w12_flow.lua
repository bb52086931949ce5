--[[ W12: choosing, and waiting for room

A select over some buffers is compared with a listener that serves the same number of buffers, in one thread, with one
message queued at a time, at the source that is looked at last in half of all cases. A wait joins each source and leaves
it again: its price per source is that of a select whose time is up at once, over 16 sources and over 2. Go's select
does the same over channels, compiled, its channels named in the program. A second row compares with a call of C that
checks as many arguments and pushes as many results, and does nothing else, and one that takes an integer. LuaJIT's
compiler sees a listener's nextmsg, and select of up to 16 buffers.

A stream through a buffer with a limit, put by putmsg, stands beside the same stream put by addmsg without a limit; with
a limit of 1 each message waits for the one before. A loop over messages() stands beside one over nextmsg.
]]

local measure = require "measure"
local crew = require "crew"
local mtmsg = require "mtmsg"
local rows = require "rows"
local new_box = require "box"

local unpack = rawget(_G, "unpack") or table.unpack
local LEAST = 5000

-- ---- choosing, one thread

-- The sources are arguments of their own: unpacking a table would cost as much as looking at them.
local code = [[
    local mtmsg, measure, %s = ...
    local buffers, select_ = { %s }, mtmsg.select
    local at, count = 0, #buffers
    return measure.loop(function(n)
        for _ = 1, n do
            at = at %% count + 1
            buffers[at]:addmsg(42)
            select_(nil, %s)
        end
    end)
]]
local limit = [[
    local mtmsg, measure, %s = ...
    local first = %s
    local choose = first.choose
    return measure.loop(function(n)
        for _ = 1, n do
            first:put1(42)
            choose(%s)
        end
    end)
]]

local function with_sources(code, count, new)
    local sources, names = {}, {}
    for i = 1, count do sources[i], names[i] = new(), "s" .. i end
    local list = table.concat(names, ", ")
    return assert((loadstring or load)(code:format(list, list, list)))(mtmsg, measure, unpack(sources))
end

local function listen(count)
    local listener, buffers, at = mtmsg.newlistener(), {}, 0
    for i = 1, count do buffers[i] = listener:newbuffer() end
    return measure.loop(function(n)
        for _ = 1, n do
            at = at % count + 1
            buffers[at]:addmsg(42)
            listener:nextmsg()
        end
    end)
end

local function in_vain(count)
    local buffers = {}
    for i = 1, count do buffers[i] = mtmsg.newbuffer() end
    return measure.loop(function(n)
        for _ = 1, n do mtmsg.select(1e-9, unpack(buffers)) end
    end)
end

local counts, entries = { 2, 4, 16 }, {}
for _, count in ipairs(counts) do
    entries[#entries + 1] = { "select" .. count, with_sources(code, count, mtmsg.newbuffer) }
    entries[#entries + 1] = { "listener" .. count, listen(count) }
    entries[#entries + 1] = { "limit" .. count, with_sources(limit, count, new_box) }
end
entries[#entries + 1] = { "vain2", in_vain(2) }
entries[#entries + 1] = { "vain16", in_vain(16) }
local s = measure.take(entries)
for _, count in ipairs(counts) do
    rows.family({
        name = ("add+select over %d buffers"):format(count), unit = "ns", figure = s["select" .. count],
        probe = s["listener" .. count], per = "a listener over as many", most = 1.5, naive = false,
    }, { { "against checking as many arguments", s["limit" .. count], "calls of C with as many arguments" } })
end
rows.row { name = "a wait of select over 2 buffers, in vain", unit = "ns", figure = s.vain2, naive = false }
rows.row {
    name = "... and for each source beyond them", unit = "ns", naive = false,
    figure = measure.each(function(many, few) return (many - few) / 14 end, s.vain16, s.vain2),
}

-- ---- streams, two threads

local producers = {
    add = [[
        local id, n = ...
        local buffer = require "mtmsg".buffer(id)
        return function() for i = 1, n do buffer:addmsg(42) end end
    ]],
    put = [[
        local id, n = ...
        local buffer = require "mtmsg".buffer(id)
        return function() for i = 1, n do buffer:putmsg(42) end end
    ]],
}
local consumers = {
    next = [[
        local id, n = ...
        local buffer = require "mtmsg".buffer(id)
        return function() for i = 1, n do buffer:nextmsg() end end
    ]],
    messages = [[
        local id, n = ...
        local buffer = require "mtmsg".buffer(id)
        return function()
            local left = n
            for _ in buffer:messages() do
                left = left - 1
                if left == 0 then return end
            end
        end
    ]],
}

local function stream(limit, producer, consumer)
    return function(n)
        local buffer = mtmsg.newbuffer { limit = limit }
        return crew.run {
            { "producer", producers[producer], buffer, n },
            { "consumer", consumers[consumer], buffer, n },
        }
    end
end

s = measure.take({
    { "plain", stream(nil, "add", "next"), LEAST },
    { "put1", stream(1, "put", "next"), LEAST },
    { "put16", stream(16, "put", "next"), LEAST },
    { "put1000", stream(1000, "put", "next"), LEAST },
    { "messages", stream(nil, "add", "messages"), LEAST },
}, { slice = 2 * measure.slice })
for _, limit in ipairs { 1000, 16, 1 } do
    rows.row {
        name = ("a stream put by putmsg, limit %d"):format(limit), unit = "ns", figure = s["put" .. limit],
        probe = s.plain, per = "a stream without a limit", naive = false,
    }
end
rows.row {
    name = "a stream through messages()", unit = "ns", figure = s.messages, probe = s.plain, per = "one by nextmsg",
    naive = false,
}
