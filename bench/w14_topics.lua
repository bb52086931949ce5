--[[ W14: topics and leases

One message to many buffers, beside as many additions to buffers of their own by the same thread; only adding is
timed. A topic pays for its turn once and spares the calls. For a single subscriber it does all that an addition does,
takes one more lock, and tells how many have it: a second row adds what such a lock and such results cost. What is large
is stored once: the limit for 64 KB to a hundred subscribers is two additions of that string and a hundred of a number,
measured with a cache that strings of 64 KB have gone through as well: for each number that is received one is copied.
Go's figure is a loop over a hundred buffered channels.

The last rows are of readers: what it costs that a message is on lease until the next one is received.
]]

local measure = require "measure"
local mtmsg = require "mtmsg"
local rows = require "rows"
local new_box = require "box"

local LARGE = ("x"):rep(64 * 1024)

local function buffers(count, make)
    local list = {}
    for i = 1, count do list[i] = make() end
    return list
end

-- A meter of adding: `add` is called, and after `batch` of these all is received again, untimed; with `used` for each
-- message a large one goes through that buffer, so that the caches are as after receiving as many large ones.
local function adding(list, add, batch, used)
    return function(n)
        local clock, spent, left = measure.clock, 0, n
        while left > 0 do
            local count = math.min(batch, left)
            local begin = clock()
            for _ = 1, count do add() end
            spent = spent + clock() - begin
            for _, buffer in ipairs(list) do
                for _ = 1, count do
                    buffer:nextmsg()
                    if used then
                        used:addmsg(LARGE)
                        used:nextmsg()
                    end
                end
            end
            left = left - count
        end
        return spent
    end
end

local function by_topic(count, message, batch)
    local topic = mtmsg.newtopic()
    local list = buffers(count, function() return topic:subscribe() end)
    return adding(list, function() topic:addmsg(message) end, batch)
end

local function by_adds(count, message, batch, used)
    local list = buffers(count, mtmsg.newbuffer)
    return adding(list, function()
        for i = 1, count do list[i]:addmsg(message) end
    end, batch, used)
end

-- The same by the C API, as a topic is called, where LuaJIT's compiler sees buffers.
local function by_c_api(count, message, batch)
    local list = buffers(count, mtmsg.newbuffer)
    local add = measure.replaced(list[1].addmsg, "addmsg")
    return adding(list, function()
        for i = 1, count do add(list[i], message) end
    end, batch)
end

local is_compiled = measure.is_compiled()
local WHY_COMPILED = is_compiled and "LuaJIT's compiler sees additions to buffers, and calls C for topics" or nil

-- ---- topics

local function with_large(count, batch)
    local large = measure.take({
        { "topic", by_topic(count, LARGE, math.max(1, math.floor(batch / 100))) },
        { "one", by_adds(1, LARGE, 4) },
        { "small", by_adds(count, 7, math.max(1, math.floor(batch / 100)), mtmsg.newbuffer()) },
    }, { slice = measure.slice / 10 }) -- what is not timed takes much longer
    rows.row {
        name = ("64 KB to %d subscribers"):format(count), unit = "ns", figure = large.topic,
        probe = measure.each(function(one, small_ones) return 2 * one + small_ones end, large.one, large.small),
        per = "2 adds of 64 KB, and as many of a number", most = 1, why = WHY_COMPILED,
    }
end

-- What a call has to do more than an addition, which returns true: a lock, and two numbers as results.
local box = new_box()
local more = measure.take {
    { "locked", measure.loop(function(n) for _ = 1, n do box:put1_locked(7) end end) },
    { "unlocked", measure.loop(function(n) for _ = 1, n do box:put1(7) end end) },
    { "two", measure.loop(function(n) for _ = 1, n do box:read(2) end end) },
    { "one", measure.loop(function(n) for _ = 1, n do box:read(1) end end) },
}

local function with_more(adds)
    return measure.each(function(add, locked, unlocked, two, one) return add + locked - unlocked + two - one end,
        adds, more.locked, more.unlocked, more.two, more.one)
end

for _, count in ipairs { 1, 10, 100, 1000 } do
    local batch = math.max(1, math.floor(2000 / count))
    local entries = { { "topic", by_topic(count, 7, batch) }, { "adds", by_adds(count, 7, batch) } }
    if is_compiled then entries[3] = { "by C", by_c_api(count, 7, batch) } end
    local small = measure.take(entries)
    local by_c, beside = small["by C"] or small.adds, {}
    if is_compiled then beside[1] = { "against additions by the C API", by_c, "as many adds by the C API" } end
    if count == 1 then
        beside[#beside + 1] = { "against one by the C API, a lock, and results", with_more(by_c), "an add, and these" }
    end
    rows.family({
        name = ("a number to %d subscribers"):format(count), unit = "ns", figure = small.topic, probe = small.adds,
        per = "as many adds", most = 1,
        why = count == 1 and "a topic does all that an addition does, takes a lock more, and has two results"
            or WHY_COMPILED,
    }, beside)
    if count <= 100 then with_large(count, batch) end
end

-- ---- leases

local function reading(source, add, options)
    local reader = mtmsg.newreader(options)
    return measure.loop(function(n)
        for _ = 1, n do
            add()
            reader:nextmsg(source)
            reader:next(2)
        end
        reader:clear()
    end)
end

for _, what in ipairs { "a buffer", "a listener" } do
    local function sides(options)
        local listener = what == "a listener" and mtmsg.newlistener() or nil
        local buffer = listener and listener:newbuffer() or mtmsg.newbuffer()
        local meter = reading(listener or buffer, function() buffer:addmsg(7, "job") end, options)
        return function(n) return meter(n), buffer and nil end -- keeps the buffer
    end
    local s = measure.take { { "lease", sides { lease = true } }, { "plain", sides {} } }
    rows.row {
        name = ("add, and read by a lease from %s"):format(what), unit = "ns", figure = s.lease, probe = s.plain,
        per = "a plain reader", most = 1.1,
    }
end
