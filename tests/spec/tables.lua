-- Tables, functions and modules as values: what arrives, what it accounts for, and what is told of what can't travel.

local mtmsg = require("mtmsg")
local tap   = require("tap")

local math_type = math.type or function() return "number" end

local function trip(...)
    local buffer = mtmsg.newbuffer()
    assert(buffer:addmsg(...))
    return buffer:nextmsg(0)
end

local function same(a, b, seen)
    seen = seen or {}
    if type(a) ~= "table" or type(b) ~= "table" then
        return a == b and type(a) == type(b) and (type(a) ~= "number" or math_type(a) == math_type(b))
    end
    if seen[a] then return seen[a] == b end
    seen[a] = b
    local count = 0
    for k, v in pairs(a) do
        count = count + 1
        if not same(v, b[k], seen) then return false end
    end
    for _ in pairs(b) do count = count - 1 end
    return count == 0
end

local function arrives(...)
    local list = { trip(...) }
    for i = 1, select("#", ...) do tap.ok(same((select(i, ...)), list[i]), "value " .. i .. " differs") end
    return (table.unpack or unpack)(list)
end

tap.test("tables of every shape arrive as they were", function()
    arrives({})
    arrives({ 1, 2, 3 })
    arrives({ id = 1, name = "x", price = 1.5, tags = { "a", "b" }, ok = true, no = false })
    arrives({ 1, 2, nil, 4, [-1] = 0, [0] = "zero", [2 ^ 40] = 1, [1.5] = "half", [true] = "yes" })
    arrives({ [3] = 1, [4] = 2 })
    arrives({ ("key"):rep(100), [("long"):rep(20)] = 1, [("long"):rep(200)] = 2, [""] = 3, ["\0"] = 4 })
    local backwards, large = {}, {}
    for i = 50, 1, -1 do backwards[i] = i end
    for i = 1, 5000 do large[i] = i * 300 end
    for i = 1, 500 do large["field" .. i] = { i } end
    arrives(backwards, large, "after")
end)

tap.test("a table that occurs twice in a call, or in itself, arrives as one", function()
    local shared, cycle = { "shared" }, {}
    cycle.me, cycle[1], cycle[cycle] = cycle, shared, shared
    local list, one, again = trip({ shared, { shared } }, shared, cycle)
    tap.ok(list[1] == one and list[2][1] == one)
    tap.ok(again.me == again and again[1] == one and again[again] == one)
    tap.ok(one ~= shared and again ~= cycle)
end)

tap.test("between calls of writer:add there is no identity, within one there is", function()
    local buffer, writer, reader = mtmsg.newbuffer(), mtmsg.newwriter(), mtmsg.newreader()
    local t = { somekey = 1 }
    writer:add(t, t)
    writer:add(t, { somekey = 2 })
    writer:addmsg(buffer)
    tap.ok(reader:nextmsg(buffer))
    local a = reader:next()
    local b, c = reader:next(2)
    local d = reader:next()
    tap.ok(a == b and a ~= c)
    tap.is(c.somekey, 1)
    tap.is(d.somekey, 2)
    tap.gives({}, reader:next())
end)

tap.test("depth has no limit", function()
    local value, keys = {}, {}
    local inner, key = value, keys
    for i = 1, 100000 do inner.next = { i } inner = inner.next end
    for i = 1, 1000 do local k = {} key[k] = i key = k end
    value, keys = trip(value, keys)
    for i = 1, 100000 do value = value.next assert(value[1] == i) end
    for i = 1, 1000 do local k, v = next(keys) assert(v == i) keys = k end
    tap.is(next(keys), nil)
end)

tap.test("metamethods are not called, and a metatable travels by its name alone", function()
    local function fail() error("called") end
    local class = { __index = fail, __newindex = fail, __len = fail, __pairs = fail, __eq = fail, __tostring = fail }
    local plain = trip(setmetatable({ 1, x = 2 }, class))
    tap.is(getmetatable(plain), nil)
    tap.ok(same({ 1, x = 2 }, plain))
    tap.is(mtmsg.metatable("class"), nil)
    tap.is(mtmsg.metatable("class", class), class)
    tap.is(mtmsg.metatable("class"), class)
    local first, second = trip(setmetatable({ 1 }, class), { setmetatable({}, class), setmetatable({ 2 }, class) })
    tap.ok(getmetatable(first) == class and getmetatable(second[1]) == class and getmetatable(second[2]) == class)
    tap.is(rawget(second[2], 1), 2)
    tap.is(mtmsg.metatable("class", nil), nil)
    tap.is(getmetatable((trip(setmetatable({ 1 }, class)))), nil)
end)

tap.test("metatables that copies would be hurt by are not registered", function()
    for _, name in ipairs { "__gc", "__close", "__mode" } do
        local ok, err = pcall(mtmsg.metatable, "x", { [name] = "k" })
        tap.is(ok, false)
        tap.contains(err, "a metatable with " .. name .. " cannot be registered")
    end
    local one = {}
    mtmsg.metatable("one", one)
    tap.contains(select(2, pcall(mtmsg.metatable, "one", {})), "another metatable has this name")
    tap.contains(select(2, pcall(mtmsg.metatable, "two", one)), "the metatable has another name")
    tap.is(mtmsg.metatable("one", one), one)
    mtmsg.metatable("one", nil)
    tap.contains(select(2, pcall(mtmsg.metatable)), "string expected")
    tap.contains(select(2, pcall(mtmsg.metatable, "x", 1)), "table expected")
end)

tap.test("functions arrive with their variables, and may be recursive", function()
    local function factorial(n) if n < 2 then return 1 end return n * factorial(n - 1) end
    local limit = { 10 }
    local f, g, settings = trip(factorial, function(n) limit[1] = limit[1] + n return limit[1] end, limit)
    tap.is(f(5), 120)
    tap.is(g(5), 15)
    tap.is(settings[1], 15)
    tap.is(limit[1], 10)
    tap.is(trip(function(...) return select("#", ...) end)(1, nil, nil), 3)
end)

tap.test("the table of globals becomes the receiver's", function()
    local f = trip(function() return tostring(print) end)
    tap.is(f(), tostring(print))
    tap.ok(trip(_G) == _G)
    tap.ok(trip({ { _G } })[1][1] == _G)
end)

tap.test("a variable that two functions share", function()
    local count = 0
    local add, get = trip(function() count = count + 1 end, function() return count end)
    add()
    add()
    tap.is(get(), debug.upvalueid and not rawget(_G, "jit") and 2 or 0)
    tap.is(count, 0)
end)

tap.test("modules and their functions go by name where they could not travel", function()
    tap.ok(trip(mtmsg) == mtmsg)
    tap.ok(trip(mtmsg.newbuffer) == mtmsg.newbuffer)
    tap.ok(trip(require) == require)
    local same_id = trip(function(buffer_id) return mtmsg.buffer(buffer_id):id() end)
    local buffer = mtmsg.newbuffer()
    tap.is(same_id(buffer:id()), buffer:id())
    package.loaded["a module of this test"] = { gmatch = ("x"):gmatch(".") }
    local module = package.loaded["a module of this test"]
    tap.ok(trip(module.gmatch) == module.gmatch)
    mtmsg.newbuffer() -- what was sent by name is looked up where it arrives:
    buffer:addmsg(module.gmatch)
    package.loaded["a module of this test"] = {}
    local ok, err = pcall(buffer.nextmsg, buffer, 0)
    tap.is(ok, false)
    tap.contains(err, "has no 'gmatch' here")
    tap.is(buffer:msgcnt(), 1)
    package.loaded["a module of this test"] = nil
end)

tap.test("methods arrive as what they are there, alone and in what is sent", function()
    local buffer, listener = mtmsg.newbuffer(), mtmsg.newlistener()
    local objects = { buffer, listener, mtmsg.newtopic(), mtmsg.newwriter(), mtmsg.newreader() }
    for _, object in ipairs(objects) do
        local count = 0
        for name, method in pairs(debug.getmetatable(object).__index) do
            if type(method) == "function" then
                local arrived = trip(method)
                tap.is(type(arrived), "function", mtmsg.type(object) .. "." .. name)
                tap.is(type(trip({ method })[1]), "function", mtmsg.type(object) .. "." .. name .. " in a table")
                if _VERSION ~= "Lua 5.1" then tap.ok(arrived == method) end
                count = count + 1
            end
        end
        tap.ok(count >= 3)
    end
    local addmsg, nextmsg = buffer.addmsg, buffer.nextmsg
    tap.ok(trip(nextmsg) == nextmsg)
    local job = trip(function(to) return addmsg(to, "one"), nextmsg(to, 0) end)
    local added, got = job(mtmsg.newbuffer())
    tap.is(added, true)
    tap.is(got, "one")
    tap.is(trip(addmsg)(buffer, "two"), true)
    tap.is(trip(nextmsg)(buffer, 0), "two")
    tap.is(select(2, pcall(trip(listener.nextmsg), buffer)):match("^[^\n]*mtmsg.listener expected") ~= nil, true)
end)

tap.test("functions of the module are those of the state that receives them", function()
    for name, value in pairs(mtmsg) do
        if type(value) == "function" then
            for _, arrived in ipairs { trip(value), trip({ value })[1] } do
                tap.is(type(arrived), "function", name)
                if _VERSION ~= "Lua 5.1" then tap.ok(arrived == value, name) end
            end
        end
    end
    local choose = mtmsg.select
    tap.ok(trip(choose) == choose)
    local job = trip(function(...) return choose(0, ...) end)
    local one, other = mtmsg.newbuffer(), mtmsg.newbuffer()
    other:addmsg("there")
    local source, got = job(one, other)
    tap.ok(source == other)
    tap.is(got, "there")
end)

tap.test("a state can refuse functions: then the message stays", function()
    local buffer = mtmsg.newbuffer()
    tap.is(mtmsg.functions(), true)
    tap.is(mtmsg.functions(false), true)
    buffer:addmsg({ function() end })
    local ok, err = pcall(buffer.nextmsg, buffer, 0)
    tap.is(ok, false)
    tap.contains(err, "this Lua state refuses functions")
    tap.is(buffer:msgcnt(), 1)
    tap.is(mtmsg.functions(true), false)
    tap.is(type(buffer:nextmsg(0)[1]), "function")
    tap.contains(select(2, pcall(mtmsg.functions, nil)), "boolean expected")
end)

-- Bytes of the values, as a fixed writer counts them.
local function size_of(...)
    local writer = mtmsg.newwriter()
    writer:add(...)
    local bytes = tonumber(tostring(writer):match("bytes=(%d+)"))
    local exact, less = mtmsg.newwriter(bytes, 0), mtmsg.newwriter(math.max(bytes - 1, 0), 0)
    exact:add(...)
    tap.ok(not pcall(less.add, less, ...))
    return bytes
end

tap.test("what tables account for", function()
    local shared = {}
    tap.is(size_of({}), 9)
    tap.is(size_of({ 1, 2, 3 }), 9 + 3 * 2)
    tap.is(size_of({ 1, nil, 3 }), 9 + 2 + 2 + 2)
    tap.is(size_of({ x = true }), 9 + 3 + 2)
    tap.is(size_of({ { abcd = 1 }, { abcd = 1 }, { abcd = 1 } }), 9 + 3 * 9 + 6 + 5 + 5 + 3 * 2)
    tap.is(size_of({ { abc = 1 }, { abc = 1 } }), 9 + 2 * 9 + 5 + 5 + 2 * 2)
    tap.is(size_of({ { [("k"):rep(41)] = 1 }, { [("k"):rep(41)] = 1 } }), 9 + 2 * 9 + 2 * 43 + 2 * 2)
    tap.is(size_of(shared, shared, { shared }), 9 + 5 + 9 + 5)
    tap.is(size_of(_G), 1)
    tap.is(size_of(require("mtmsg")), 1 + 2 + 5 + 1)
end)

tap.test("what tables account for does not depend on the order of their keys", function()
    local shared = { "shared" }
    local sizes = {}
    for round = 1, 20 do
        local t = {}
        for i = 1, round * 3 do t["gone" .. i] = 1 end
        for i = 1, round * 3 do t["gone" .. i] = nil end
        t.first, t.second, t.third = { somekey = shared }, { somekey = shared, other = 1 }, { other = { somekey = 2 } }
        sizes[size_of(t)] = true
    end
    next(sizes)
    tap.is(next(sizes, (next(sizes))), nil)
end)

tap.test("a finalizer may change the table that is being sent", function()
    local victim = {}
    for i = 1, 300 do victim["field" .. i] = { i } end
    local function finalizer(f)
        if _VERSION ~= "Lua 5.1" then return setmetatable({}, { __gc = f }) end
        local proxy = newproxy(true) -- luacheck: ignore
        getmetatable(proxy).__gc = f
        return proxy
    end
    local buffer = mtmsg.newbuffer()
    local older = pcall(collectgarbage, "setpause", 0)
    if not older then collectgarbage("param", "pause", 0) end
    for round = 1, 50 do
        finalizer(function()
            for i = round, 300, 7 do victim["field" .. i] = nil end
            for i = 1, 50 do victim[i] = {} end
            buffer:addmsg({ "nested", { victim[1] } })
        end)
        pcall(buffer.addmsg, buffer, victim, function() return victim end)
        for i = 1, 300 do victim["field" .. i] = { i } end
    end
    if older then collectgarbage("setpause", 200) else collectgarbage("param", "pause", 200) end
    while buffer:nextmsg(0) do end
    tap.is(buffer:msgcnt(), 0)
end)

tap.done()
