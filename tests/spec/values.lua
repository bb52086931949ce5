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
if rawget(_G, "jit") then
    refused[#refused + 1] = {"a cdata", "require('ffi').new('int64_t', 1)"}
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
if not rawget(_G, "setfenv") then -- else the environment of these cases comes first, with all that is in it
    local value = "{f = (function() local out = io.stdout; return function() return out end end)()}"
    inside[#inside + 1] = {"a file as variable", value, ".f upvalue out"}
end

for _, case in ipairs(inside) do
    local name, value, place = case[1], case[2], case[3]
    test(name .. " is refused, and its place is named", function()
        local b, w = mtmsg.newbuffer(), mtmsg.newwriter()
        local env = {b = b, w = w, print_ = function() end}
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
