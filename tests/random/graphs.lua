-- Random tables, nested, shared and cyclic, with keys of every kind, compared after their journey through a buffer,
-- a writer and a reader; and the same on its way to another state. A graph that differs is named by its seed.

local mtmsg   = require("mtmsg")
local tap     = require("tap")
local threads = require("threads")

local seconds = tonumber(os.getenv("MTMSG_SECONDS") or "3") or 3
local seed = tonumber(os.getenv("MTMSG_SEED") or "") or math.floor(mtmsg.time() * 1000 % 2147483647)

-- The module that the other state loads, too: its source is sent as text.
local source = [=[
local graphs = {}
local mtmsg = require("mtmsg")
local math_type = math.type or function() return "number" end

-- A generator of its own, the same in every Lua.
local function generator(seed)
    local state = seed % 2147483647
    if state <= 0 then state = 1 end
    return function(n)
        state = state * 16807 % 2147483647
        return state % n + 1
    end
end

-- Objects that are there as long as the test runs.
local function object(number)
    if number == 1 then return mtmsg.listener("graph 1") end
    if number == 2 then return mtmsg.topic("graph 2") end
    return mtmsg.buffer("graph " .. number)
end

local function scalar(random)
    local kind = random(10)
    if kind == 10 then return object(random(4)) end
    if kind == 1 then return random(300) - 20 end
    if kind == 2 then return (random(2000000) - 1000000) * 4096 end
    if kind == 3 then return random(1000) / 7 end
    if kind == 4 then return random(2) == 1 end
    if kind == 5 then return ("v"):rep(random(60)) end
    if kind == 6 then return ("long "):rep(random(200)) end
    if kind == 7 then return "\0bytes\255" .. random(5) end
    if kind == 8 then return -0.5 end
    return "key" .. random(8)
end

local function key(random, tables)
    local kind = random(12)
    if kind <= 5 then return "key" .. random(12) end
    if kind <= 8 then return random(12) end
    if kind == 9 then return random(100) / 8 end
    if kind == 10 then return random(2) == 1 end
    if kind == 11 then return tables[random(#tables)] end
    return "a long key that is more than forty bytes in length, number " .. random(3)
end

-- The first of the tables leads to all others.
function graphs.make(seed)
    local random = generator(seed)
    local tables = {}
    for i = 1, random(random(4) == 1 and 60 or 8) do tables[i] = {} end
    for i = 2, #tables do
        local parent = tables[random(i - 1)]
        if random(3) == 1 then parent[#parent + 1] = tables[i] else parent["to" .. i] = tables[i] end
    end
    for i = 1, #tables do
        local t = tables[i]
        for j = 1, random(10) - 1 do t[#t + 1] = scalar(random) end
        for _ = 1, random(8) - 1 do
            t[key(random, tables)] = random(4) == 1 and tables[random(#tables)] or scalar(random)
        end
    end
    return tables[1]
end

-- Names all tables in the order in which they are met from the first one on, by keys that have an order.
local function describe(root)
    local numbers, count, out, queue = { [root] = 1 }, 1, {}, { root }
    local function name(value)
        local kind = type(value)
        if kind == "table" then return numbers[value] and "#" .. numbers[value] or nil end
        if kind == "userdata" then return mtmsg.type(value) .. ("%.17g"):format(value:id()) end
        if kind == "number" then return math_type(value) .. ("%.17g"):format(value) end
        return kind .. tostring(value)
    end
    local at = 0
    while at < #queue do
        at = at + 1
        local plain, by_table = {}, {}
        for k, v in pairs(queue[at]) do
            if type(k) == "table" then by_table[#by_table + 1] = { k, v } else plain[#plain + 1] = { name(k), v } end
        end
        table.sort(plain, function(a, b) return a[1] < b[1] end)
        out[#out + 1] = "table " .. at .. ":" .. #plain .. "," .. #by_table
        for _, pair in ipairs(plain) do
            local v = pair[2]
            if type(v) == "table" and not numbers[v] then
                count = count + 1
                numbers[v] = count
                queue[count] = v
            end
            out[#out + 1] = pair[1] .. "=" .. name(v)
        end
        graphs.keys[at] = by_table
    end
    -- all tables have numbers now, but those that are met by keys that are tables alone
    for i = 1, #queue do
        local lines = {}
        for _, pair in ipairs(graphs.keys[i]) do
            lines[#lines + 1] = (name(pair[1]) or "other") .. "=>" .. (name(pair[2]) or "other")
        end
        table.sort(lines)
        out[#out + 1] = table.concat(lines, ";")
    end
    return table.concat(out, "\n")
end

function graphs.describe(root)
    graphs.keys = {}
    return describe(root)
end

return graphs
]=]

local graphs = assert((loadstring or load)(source))()
local objects = { mtmsg.newlistener("graph 1"), mtmsg.newtopic("graph 2"),
                  mtmsg.newbuffer("graph 3"), mtmsg.newbuffer("graph 4") }
assert(#objects == 4) -- they live as long as this chunk

local function through_buffer(value)
    local buffer = mtmsg.newbuffer()
    buffer:addmsg(1, value, "between", value)
    local one, first, between, second = buffer:nextmsg(0)
    assert(one == 1 and between == "between" and rawequal(first, second))
    return first
end

local function through_writer(value)
    local buffer, writer, reader = mtmsg.newbuffer(), mtmsg.newwriter(), mtmsg.newreader()
    writer:add("x", value)
    writer:add(value, value)
    writer:addmsg(buffer)
    reader:nextmsg(buffer)
    assert(reader:next() == "x")
    local first = reader:next()
    local second = reader:next()
    local third = reader:next()
    assert(not rawequal(first, second) and rawequal(second, third) and reader:next() == nil)
    assert(graphs.describe(first) == graphs.describe(second))
    return second
end

local function through_fixed(value)
    local writer = mtmsg.newwriter()
    writer:add(value)
    local size = tonumber(tostring(writer):match("bytes=(%d+)"))
    local record = size + (size < 255 and 1 or 9)
    local buffer, small = mtmsg.newbuffer(record, 0), mtmsg.newbuffer(record - 1, 0)
    assert(buffer:addmsg(value))
    assert(not pcall(small.addmsg, small, value))
    return buffer:nextmsg(0)
end

local function each_seed(f)
    local last, count = mtmsg.time() + seconds / 3, 0
    repeat
        f(seed + count)
        count = count + 1
    until mtmsg.time() > last
    tap.note(count .. " graphs from the seed " .. seed)
end

tap.test("tables arrive as they were sent, by every way there is", function()
    each_seed(function(number)
        local value = graphs.make(number)
        local expected = graphs.describe(value)
        for _, way in ipairs { through_buffer, through_writer, through_fixed } do
            local text = graphs.describe(way(value))
            if text ~= expected then error("seed " .. number .. ": " .. expected .. "\n--- became\n" .. text, 0) end
        end
    end)
end)

-- Lua 5.5 has another call for it.
local function set_collector(pause, stepmul)
    if pcall(collectgarbage, "setpause", pause) then
        collectgarbage("setstepmul", stepmul)
    else
        collectgarbage("param", "pause", pause)
        collectgarbage("param", "stepmul", stepmul)
    end
end

tap.test("tables arrive the same while the collector runs all the time", function()
    set_collector(rawget(_G, "jit") and 100 or 0, 1000) -- with a pause of 0 LuaJIT may collect for minutes
    each_seed(function(number)
        local value = graphs.make(number)
        if graphs.describe(through_buffer(value)) ~= graphs.describe(value) then error("seed " .. number, 0) end
    end)
    set_collector(200, 200)
end)

tap.test("tables arrive in another state as they were sent", function()
    local there, back = mtmsg.newbuffer(), mtmsg.newbuffer()
    local thread = threads.start(function(there_id, back_id, text)
        local lib = require("mtmsg")
        local known = assert((loadstring or load)(text))()
        local from, to = lib.buffer(there_id), lib.buffer(back_id)
        while true do
            local value = from:nextmsg(30)
            if value == nil then return end
            to:addmsg(known.describe(value), value)
        end
    end, there:id(), back:id(), source)
    each_seed(function(number)
        local value = graphs.make(number)
        local expected = graphs.describe(value)
        there:addmsg(value)
        local text, again = back:nextmsg(30)
        if text ~= expected or graphs.describe(again) ~= expected then error("seed " .. number, 0) end
    end)
    there:addmsg(nil)
    thread:join()
end)

tap.done()
