-- Which values travel and how they arrive, and that all others are refused without a trace.
-- Arrays are in carray.lua, sizes in accounting.lua.

local spec   = require("spec")
local mtmsg  = require("mtmsg")
local carray = require("carray")

local test, eq, ok, gives, list = spec.test, spec.eq, spec.ok, spec.gives, spec.list
local bad_argument = spec.bad_argument

local has_integers = math.type ~= nil
local inf = math.huge
local minus_zero = -1 / inf -- Lua 5.1 takes a constant -0.0 for 0

-- Sends the values in each way that there is; each must give exactly expected.
local function travel(expected, ...)
    local b, w, r = mtmsg.newbuffer(), mtmsg.newwriter(), mtmsg.newreader()
    local function check()
        gives(expected, b:nextmsg(0))
    end
    eq(b:addmsg(...), true) check()
    eq(b:setmsg(...), true) check()
    w:add(...)
    eq(w:addmsg(b), true) check()
    w:add(...)
    eq(w:setmsg(b), true) check()
    b:addmsg(...)
    eq(r:nextmsg(b, 0), true)
    gives(expected, r:next(-1))
    b:nonblock() -- so that it can do without arguments, and go a shorter way
    eq(b:addmsg(...), true)
    gives(expected, b:nextmsg())
end

local function arrives(...)
    travel(list(...), ...)
end

test("nil keeps its places", function()
    arrives(nil)
    arrives(nil, nil, nil)
    arrives(nil, 1, nil)
    arrives(1, nil, 2, nil, nil)
    arrives()
end)

test("booleans", function()
    arrives(true)
    arrives(false)
    arrives(true, false, false, true)
end)

test("small and large integral numbers", function()
    for _, n in ipairs{0, 1, 2, 127, 128, 254, 255, 256, 257, 32767, 32768, 65535, 65536, 2147483647,
                       2147483648, 4294967295, 4294967296, 2^52, 2^53 - 1, 2^53, 2^62, 2^63, -2^63} do
        arrives(n)
        arrives(-n)
    end
end)

test("floats", function()
    for _, n in ipairs{0.5, -0.5, 0.1, 1e-300, 1e300, 1.7976931348623157e308, 2.2250738585072014e-308, 4.9e-324,
                       2^64, 2^100, 9007199254740993.0, inf, 0/0, 3.0, minus_zero, 255.0, 256.0, -1.0} do
        arrives(n)
        arrives(-n)
    end
end)

test("minus zero keeps its sign", function()
    local b = mtmsg.newbuffer()
    b:addmsg(minus_zero, 0.0)
    local minus, plus = b:nextmsg(0)
    eq(1 / minus, -inf)
    eq(1 / plus, inf)
end)

if has_integers then
    test("integers and floats keep their subtypes, over the whole range", function()
        local load = load
        for _, source in ipairs{"math.maxinteger", "math.mininteger", "math.maxinteger - 1", "-1", "0", "255",
                                "256", "1 << 53", "(1 << 53) + 1", "-(1 << 53) - 1"} do
            local n = load("return " .. source)()
            eq(math.type(n), "integer")
            arrives(n)
            arrives(n + 0.0)
        end
        local b = mtmsg.newbuffer()
        b:addmsg(1, 1.0)
        local i, f = b:nextmsg(0)
        eq(math.type(i), "integer")
        eq(math.type(f), "float")
    end)
end

test("strings of all lengths and bytes", function()
    local bytes = {}
    for i = 0, 255 do
        bytes[i + 1] = string.char(i)
    end
    local all = table.concat(bytes)
    arrives(all)
    for _, n in ipairs{0, 1, 2, 253, 254, 255, 256, 257, 1000, 1023, 1024, 1025, 2048, 4095, 4096, 8192,
                       65535, 65536, 100000} do
        arrives(("\0x"):rep(n):sub(1, n))
        arrives(n, ("z"):rep(n), "", n)
    end
    arrives("", "\0", "\0\0")
end)

test("a string of megabytes", function()
    local s = ("0123456789abcdef"):rep(262144)
    local b = mtmsg.newbuffer()
    b:addmsg(s)
    b:addmsg("after")
    ok((b:nextmsg(0)) == s)
    gives(list("after"), b:nextmsg(0))
end)

test("strings of digits stay strings", function()
    arrives("1", 1, "0x10", "1e5")
end)

test("light userdata", function()
    for _, n in ipairs{0, 1, 4096, 2^31, 2^40} do
        if n < 256 ^ carray.sizeof("pointer") / 2 then
            arrives(carray.pointer(n))
        end
    end
    local b = mtmsg.newbuffer()
    b:addmsg(carray.pointer(7))
    eq(type((b:nextmsg(0))), "userdata")
end)

test("a C function arrives as one that does the same", function()
    local b = mtmsg.newbuffer()
    for _, f in ipairs{carray.twice, carray.sizeof} do
        b:addmsg("before", f, "after")
        local before, g, after = b:nextmsg(0)
        eq(before, "before")
        eq(type(g), "function")
        eq(after, "after")
        if f == carray.twice then
            eq(g(21), 42)
        else
            eq(g("uchar"), 1)
        end
        if _VERSION ~= "Lua 5.1" then
            eq(g, f)
        end
    end
end)

test("each function of the standard library arrives", function()
    local b = mtmsg.newbuffer()
    for name, library in pairs{_G = _G, string = string, table = table, math = math, io = io, os = os, debug = debug,
                               coroutine = coroutine, package = package} do
        for key, f in pairs(library) do
            if type(f) == "function" and package.loaded[name] == library then
                b:addmsg(f)
                local g = b:nextmsg(0)
                eq(type(g), "function")
                eq(debug.getinfo(g, "S").what, debug.getinfo(f, "S").what)
                if debug.getinfo(f, "u").nups > 0 and debug.getinfo(f, "S").what == "C" then
                    ok(g == f, name .. "." .. key)
                end
                eq(b:msgcnt(), 0)
            end
        end
    end
end)

if rawget(_G, "jit") then
    local ffi = require("ffi")
    local int64 = ffi.typeof("int64_t")
    local near = int64(2^53) -- from here on not all integers are numbers

    -- Whether it is wide is said, not asked: 2^63 - 1 becomes 2^63 as a number, and what int64_t that is to be compared
    -- with depends on the processor.
    local function is_kept(value, wide)
        local b, w, r = mtmsg.newbuffer(), mtmsg.newwriter(), mtmsg.newreader()
        local function check(what, ...)
            eq(select("#", ...), 1)
            local got = ...
            eq(type(got), wide and "cdata" or "number", what)
            ok(not wide or ffi.istype(int64, got), what)
            ok(got == value, what .. ": " .. tostring(got))
        end
        for _, nonblock in ipairs{false, true} do
            if nonblock then b:nonblock() end
            b:addmsg(value) check("addmsg", b:nextmsg(0))
            b:addmsg(value) check("peekmsg", select(2, b:peekmsg(0))) check("nextmsg", b:nextmsg())
            b:setmsg(value) check("setmsg", select(2, b:getmsg()))
            b:putmsg(value) check("putmsg", b:nextmsg())
            b:addmsg(value)
            for _, got in b:messages(0) do check("messages", got) end
            w:add(value, value) w:addmsg(b) check("writer", select(2, b:nextmsg()))
            b:addmsg(true, value, "text") check("among others", (select(2, b:nextmsg())))
            b:addmsg(value, 1, 2, 3, 4) check("the first of five", (b:nextmsg()))
            b:addmsg(value, ("x"):rep(5000)) check("in a long message", (b:nextmsg()))
            b:addmsg(value, 7) eq(r:nextmsg(b, 0), true) check("reader", r:next()) eq(r:next(), 7)
            b:addmsg({value, 2, x = {value}, [1.5] = value})
            local t = b:nextmsg()
            check("in a table", t[1]) check("deep in a table", t.x[1]) check("behind a number", t[1.5]) eq(t[2], 2)
            b:addmsg(function() return value end) check("variable", b:nextmsg()())
        end
        eq(b:msgcnt(), 0)
    end

    test("integers of 64 bits arrive as numbers where these are exact, else as themselves", function()
        for _, number in ipairs{255, 2^53, -2^63} do is_kept(int64(number)) end
        for _, integer in ipairs{near + 1, -near - 1, near * 1023 + (near - 1)} do is_kept(integer, true) end
        local b = mtmsg.newbuffer()
        for _, number in ipairs{0, 1, -1, 256, -2^53, 2^53 + 2, -2^53 - 2, 2^60, -2^60} do
            b:addmsg(int64(number))
            gives(list(number), b:nextmsg(0))
        end
        for _, integer in ipairs{near * 4 + 2, -near * 1024 + 1} do
            b:addmsg(integer)
            ok(b:nextmsg(0) == integer)
        end
        eq(mtmsg.type(near + 1), "cdata")
    end)

    test("they come from constants, other names of the type, and references, too", function()
        local b = mtmsg.newbuffer()
        local array = ffi.new("int64_t[2]", near + 1, -5)
        b:addmsg(assert(loadstring("return 9007199254740993LL"))(), array[0], array[1],
                 ffi.cast("int64_t &", array), ffi.new("const int64_t", 4), ffi.new("long long", 6),
                 ffi.new(ffi.abi("64bit") and "intptr_t" or "int64_t", 7))
        local constant, first, second, reference, const, long, pointer = b:nextmsg(0)
        ok(constant == near + 1) ok(first == near + 1) ok(reference == near + 1)
        gives(list(-5, 4, 6, 7), second, const, long, pointer)
        array[0] = 1
        ok(first == near + 1)
        b:addmsg(near + 1)
        b:addmsg(near + 1)
        local one, other = b:nextmsg(0), b:nextmsg(0)
        ok(one == near + 1 and other == near + 1)
    end)

    test("they account for what integers account for", function()
        for _, case in ipairs{{0, 2}, {255, 2}, {256, 9}, {-1, 9}, {near + 1, 9}} do
            local value, bytes = int64(case[1]), case[2]
            local b, short, w = mtmsg.newbuffer(1 + bytes, 0), mtmsg.newbuffer(bytes, 0), mtmsg.newwriter(bytes, 0)
            eq(b:addmsg(value), true)
            eq(b:addmsg(nil), false)
            ok(b:nextmsg(0) == value)
            local fits, err = pcall(short.addmsg, short, value)
            ok(not fits and err:find("message_size", 1, true) ~= nil, err)
            w:add(value)
            ok(not pcall(w.add, w, nil))
        end
    end)

    test("as keys of tables integers stay numbers", function()
        local b, w = mtmsg.newbuffer(), mtmsg.newwriter()
        b:addmsg({[2^60] = int64(7), [2^53] = near + 1})
        local t = b:nextmsg(0)
        eq(t[2^60], 7)
        ok(t[2^53] == near + 1)
        w:add("as it was")
        ok(not pcall(w.add, w, {[near + 1] = 1}))
        w:addmsg(b)
        gives(list("as it was"), b:nextmsg(0))
    end)

    test("structs do not pass for integers by what their metatypes say", function()
        local b = mtmsg.newbuffer()
        local struct = ffi.metatype("struct { int64_t one; }", {
            __tostring = function() return "5LL" end, __eq = function() return true end,
        })
        bad_argument(1, "addmsg", "b:addmsg(struct())", {b = b, struct = struct}, "parameter type not supported")
        bad_argument(2, "addmsg", "b:addmsg(1, struct())", {b = b, struct = struct}, "parameter type not supported")
        eq(b:msgcnt(), 0)
    end)
end

-- { a value that does not travel, as Lua source }
local refused = {
    {"a coroutine", "coroutine.create(function() end)"},
    {"a file", "io.stdout"},
    {"a userdata without metatable", "carray.userdata()"},
    {"a userdata with a foreign metatable", "carray.userdata({})"},
    {"a C function with upvalues", "carray.closure()"},
    {"a writer", "mtmsg.newwriter()"},
    {"a reader", "mtmsg.newreader()"},
}
local jit = rawget(_G, "jit")
if jit then
    for _, value in ipairs{"new('uint64_t', 1)", "new('int64_t[1]')", "cast('void *', 0)", "typeof('int64_t')"} do
        refused[#refused + 1] = {"a cdata, " .. value .. ",", "require('ffi')." .. value}
    end
end

for _, case in ipairs(refused) do
    local name, value = case[1], case[2]
    test(name .. " is refused without a trace", function()
        local b, w = mtmsg.newbuffer(), mtmsg.newwriter()
        local env = {mtmsg = mtmsg, carray = carray, b = b, w = w}
        b:addmsg("kept")
        w:add("kept", "too")
        for position, before in ipairs{"", "'x', ", "nil, 'y', "} do
            for _, call in ipairs{{"b", "addmsg"}, {"b", "setmsg"}, {"w", "add"}} do
                bad_argument(position, call[2], ("%s:%s(%s%s, 'z')"):format(call[1], call[2], before, value), env,
                             "parameter type not supported")
            end
        end
        eq(b:msgcnt(), 1)
        eq(w:addmsg(b), true)
        gives(list("kept"), b:nextmsg(0))
        gives(list("kept", "too"), b:nextmsg(0))
        eq(b:msgcnt(), 0)
    end)
end

-- { what is refused, as Lua source, and where in the first argument it is }
local inside = {
    {"a file in a table", "{io.stdout}", "[1]"},
    {"a thread behind the sequence", "{1, 2, nil, coroutine.create(print_)}", "[4]"},
    {"a file deep inside", "{1, {x = {}, y = {{[true] = io.stdout}}}}", "[2].y[1][true]"},
    {"a thread in a field", "{workers = {main = coroutine.create(print_)}}", '.workers["main"]'},
    {"a field with a strange name", "{['a \\n\"'] = io.stdout}", '["a \\010\\""]'},
    {"a file as key", "{x = {[io.stdout] = 1}}", ".x (as key)"},
}
if jit then
    inside[#inside + 1] = {"a cdata in a table", "{1, {x = require_('ffi').new('uint64_t', 1)}}", '[2]["x"]'}
    inside[#inside + 1] = {"an integer of 64 bits as key", "{x = {[require_('ffi').new('int64_t', 1)] = 1}}",
                           ".x (as key)"}
end
if not rawget(_G, "setfenv") then -- else the environment of these cases comes first, with all that is in it
    local value = "{f = (function() local out = io.stdout; return function() return out end end)()}"
    inside[#inside + 1] = {"a file as variable", value, ".f upvalue out"}
end

for _, case in ipairs(inside) do
    local name, value, place = case[1], case[2], case[3]
    test(name .. " is refused, and its place is named", function()
        local b, w = mtmsg.newbuffer(), mtmsg.newwriter()
        local env = {b = b, w = w, print_ = function() end, require_ = require}
        b:addmsg("kept")
        w:add("kept", "too")
        for position, before in ipairs{"", "'x', ", "{{}}, 'y', "} do
            for _, call in ipairs{{"b", "addmsg"}, {"b", "setmsg"}, {"w", "add"}} do
                local err = spec.error_of(("%s:%s(%s%s, 'z')"):format(call[1], call[2], before, value), env)
                local pattern = "^case:1: bad argument #%d to '%s' %%(parameter type not supported: [%%a*]+ at %%[%d%%]"
                eq(err:match(pattern:format(position, call[2], position) .. "(.*)%)$"), place)
            end
        end
        eq(b:msgcnt(), 1)
        eq(w:addmsg(b), true)
        gives(list("kept"), b:nextmsg(0))
        gives(list("kept", "too"), b:nextmsg(0))
        eq(b:msgcnt(), 0)
    end)
end

test("refused values take no bytes of a fixed size", function()
    local b, w = mtmsg.newbuffer(10, 0), mtmsg.newwriter(9, 0)
    local env = {b = b, w = w}
    for _ = 1, 20 do
        bad_argument(2, "addmsg", "b:addmsg('1234567', io.stdout)", env, "parameter type not supported")
        bad_argument(2, "setmsg", "b:setmsg('1234567', io.stdout)", env, "parameter type not supported")
        bad_argument(2, "add", "w:add('1234567', io.stdout)", env, "parameter type not supported")
    end
    w:add("1234567")
    eq(w:addmsg(b), true)
    gives(list("1234567"), b:nextmsg(0))
    eq(b:addmsg("1234567"), true)
end)

spec.run()
