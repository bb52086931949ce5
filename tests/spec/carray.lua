-- Arrays as values: how they travel, how given ones are used again, and what failing and missing
-- providers lead to. What arrays cost is in accounting.lua.

local spec   = require("spec")
local mtmsg  = require("mtmsg")
local carray = require("carray")

local test, eq, ok, no, gives, list = spec.test, spec.eq, spec.ok, spec.no, spec.gives, spec.list
local bad_argument = spec.bad_argument

local types = {"uchar", "schar", "short", "ushort", "int", "uint", "long", "ulong", "float", "double", "llong",
               "ullong"}

local function check_array(array, type_name, ...)
    eq(mtmsg.type(array), "carray")
    eq(array:type(), type_name)
    gives(list(...), array:values())
end

-- The ways to receive one message with given arrays: f(buffer, array...) returns its values.
local ways = {
    {"buffer:nextmsg", function(b, ...) return b:nextmsg(0, ...) end},
    {"reader:next", function(b, ...)
        local r = mtmsg.newreader()
        eq(r:nextmsg(b, 0), true)
        return r:next(-1, ...)
    end},
    {"listener:nextmsg", function(b, ...)
        local lst = mtmsg.newlistener()
        local lb = lst:newbuffer()
        local w, r = mtmsg.newwriter(), mtmsg.newreader()
        eq(r:nextmsg(b, 0), true)
        w:add(r:next(-1))
        w:addmsg(lb)
        return lst:nextmsg(0, ...)
    end},
}

local function for_each_way(name, body)
    for _, way in ipairs(ways) do
        test(way[1] .. ": " .. name, function() body(way[2], mtmsg.newbuffer()) end)
    end
end

-- This test comes first: nothing of the provider must be known from an earlier receive.
test("without the module carray a receive raises and the message stays", function()
    local b, r = mtmsg.newbuffer(), mtmsg.newreader()
    b:addmsg("first", carray.new("int", {42}))
    local path, cpath, loaded = package.path, package.cpath, package.loaded.carray
    package.path, package.cpath, package.loaded.carray = "", "", nil
    local received, err = pcall(b.nextmsg, b, 0)
    local count = b:msgcnt()
    local into_reader = r:nextmsg(b, 0)
    local decoded, reader_err = pcall(r.next, r, -1)
    package.path, package.cpath, package.loaded.carray = path, cpath, loaded
    eq(received, false)
    spec.matches(err, "carray")
    eq(count, 1)
    eq(into_reader, true)
    eq(decoded, false)
    spec.matches(reader_err, "carray")
    local first, array = r:next(-1)
    eq(first, "first")
    check_array(array, "int", 42)
end)

test("without the module carray given arrays are enough", function()
    local b, given = mtmsg.newbuffer(), carray.new("int", 0)
    b:addmsg(carray.new("int", {42}))
    local path, cpath, loaded = package.path, package.cpath, package.loaded.carray
    package.path, package.cpath, package.loaded.carray = "", "", nil
    local received, array = pcall(b.nextmsg, b, 0, given)
    package.path, package.cpath, package.loaded.carray = path, cpath, loaded
    eq(received, true)
    eq(array, given)
    check_array(given, "int", 42)
end)

test("with another module of the name carray a receive raises and the message stays", function()
    local b, loaded = mtmsg.newbuffer(), package.loaded.carray
    b:addmsg(carray.new("int", {42}))
    package.loaded.carray = {}
    local received, err = pcall(b.nextmsg, b, 0)
    package.loaded.carray = loaded
    eq(received, false)
    spec.matches(err, "carray.*no C API")
    check_array(b:nextmsg(0), "int", 42)
end)

for_each_way("every element type arrives as it was", function(receive, b)
    for _, name in ipairs(types) do
        b:addmsg("before", carray.new(name, {1, 0, 100, 7}), "after")
        local before, array, after = receive(b)
        eq(before, "before")
        eq(after, "after")
        eq(array:type(), name)
        eq(array:len(), 4)
        for i, expected in ipairs{1, 0, 100, 7} do
            ok(array:get(i) == expected)
        end
    end
end)

test("extreme elements arrive bit by bit", function()
    local b = mtmsg.newbuffer()
    for name, elements in pairs{uchar = {0, 255}, schar = {-128, 127}, short = {-32768, 32767}, ushort = {65535},
                                int = {-2147483648, 2147483647}, uint = {4294967295}, llong = {-2^53, 2^53},
                                float = {0.5, -2^-149, 2^127, 1 / 0}, double = {1e308, -5e-324, -1 / 0}} do
        local array = carray.new(name, elements)
        b:addmsg(array)
        gives(list(array:values()), b:nextmsg(0):values())
    end
    b:addmsg(carray.new("double", {0/0}))
    local nan = b:nextmsg(0):get(1)
    ok(nan ~= nan)
end)

for_each_way("arrays of zero length", function(receive, b)
    for _, name in ipairs(types) do
        b:addmsg(carray.new(name, 0))
        b:addmsg(carray.new(name, 0), carray.new(name, 0))
        check_array(receive(b), name)
        local given = carray.new(name, 3)
        local first, second = receive(b, given)
        eq(first, given)
        check_array(first, name)
        check_array(second, name)
    end
end)

for_each_way("large arrays", function(receive, b)
    for _, count in ipairs{1000, 100000} do
        local array = carray.new("double", count)
        array:set(1, 1.5)
        array:set(count, 2.5)
        b:addmsg(array, count)
        local received = receive(b)
        eq(received:len(), count)
        eq(received:get(1), 1.5)
        eq(received:get(2), 0.0)
        eq(received:get(count), 2.5)
    end
end)

for_each_way("several arrays in a message, between other values", function(receive, b)
    b:addmsg(1, carray.new("short", {1, 2}), "x", carray.new("float", {0.5}), carray.new("short", {3}), nil)
    local one, short, x, float, short2, last = receive(b)
    gives(list(1, "x", nil), one, x, last)
    check_array(short, "short", 1, 2)
    check_array(float, "float", 0.5)
    check_array(short2, "short", 3)
end)

test("arrays through setmsg and writers", function()
    local b, w = mtmsg.newbuffer(), mtmsg.newwriter()
    b:setmsg(carray.new("int", {1}))
    check_array(b:nextmsg(0), "int", 1)
    w:add(carray.new("int", {2}))
    w:add(carray.new("int", {3}))
    w:addmsg(b)
    local two, three = b:nextmsg(0)
    check_array(two, "int", 2)
    check_array(three, "int", 3)
end)

test("a message keeps the elements of the moment in which it was added", function()
    local b, w = mtmsg.newbuffer(), mtmsg.newwriter()
    local array = carray.new("int", {1, 2})
    b:addmsg(array)
    w:add(array)
    array:set(1, 10)
    array:setlen(1)
    w:addmsg(b)
    check_array(b:nextmsg(0), "int", 1, 2)
    check_array(b:nextmsg(0), "int", 1, 2)
    check_array(array, "int", 10)
end)

test("a readonly array can be sent", function()
    local b = mtmsg.newbuffer()
    b:addmsg(carray.new("int", {4}, "readonly"))
    local received = b:nextmsg(0)
    check_array(received, "int", 4)
    received:set(1, 5)
    check_array(received, "int", 5)
end)

test("no array is kept by messages, writers or readers", function()
    spec.collect()
    local before = carray.live()
    local b, w, r = mtmsg.newbuffer(), mtmsg.newwriter(), mtmsg.newreader()
    do
        local array = carray.new("int", {1})
        b:addmsg(array)
        b:addmsg(array)
        w:add(array)
        b:nextmsg(0, array)
        r:nextmsg(b)
        r:next(1, array)
        array = nil
    end
    spec.collect()
    eq(carray.live(), before)
    w:clear()
end)

---- given arrays

for_each_way("a given array of the same type is filled and returned", function(receive, b)
    for _, length in ipairs{0, 2, 3, 100} do
        local given = carray.new("int", length)
        b:addmsg(carray.new("int", {4, 5, 6}))
        eq(receive(b, given), given)
        check_array(given, "int", 4, 5, 6)
    end
end)

for_each_way("given arrays are used in their order", function(receive, b)
    local a, c, d = carray.new("int", 1), carray.new("int", 2), carray.new("int", 3)
    b:addmsg(carray.new("int", {1}), "x", carray.new("int", {2}))
    local first, _, second = receive(b, a, c, d)
    eq(first, a)
    eq(second, c)
    check_array(a, "int", 1)
    check_array(c, "int", 2)
    eq(d:len(), 0)
end)

for_each_way("an array of another type is set to length 0 and passed over", function(receive, b)
    local int, float, double = carray.new("int", 2), carray.new("float", 3), carray.new("double", 4)
    b:addmsg(carray.new("float", {0.5}), carray.new("int", {1}))
    local first, second = receive(b, int, float, double)
    eq(first, float)
    check_array(float, "float", 0.5)
    eq(int:len(), 0)
    check_array(second, "int", 1)
    no(rawequal(second, int))
    eq(double:len(), 0)
end)

for_each_way("types of the same size do not match", function(receive, b)
    local pairs_of_types = {{"uchar", "schar"}, {"int", "uint"}, {"int", "float"}, {"llong", "double"},
                            {"long", carray.sizeof("long") == carray.sizeof("int") and "int" or "llong"}}
    for _, pair in ipairs(pairs_of_types) do
        local given = carray.new(pair[2], 1)
        b:addmsg(carray.new(pair[1], {1}))
        local received = receive(b, given)
        no(rawequal(received, given))
        eq(received:type(), pair[1])
        ok(received:get(1) == 1)
        eq(given:len(), 0)
    end
end)

for_each_way("nil entries are passed over", function(receive, b)
    local a, c = carray.new("int", 1), carray.new("int", 2)
    b:addmsg(carray.new("int", {1}), carray.new("int", {2}))
    local first, second = receive(b, nil, a, nil, nil, c, nil)
    eq(first, a)
    eq(second, c)
    b:addmsg(carray.new("int", {3}))
    check_array((receive(b, nil)), "int", 3)
end)

for_each_way("unused arrays are set to length 0", function(receive, b)
    for _, message in ipairs{list(), list(1, "x"), list(carray.new("uchar", 1))} do
        local a, c = carray.new("int", 1), carray.new("float", 2)
        b:addmsg((table.unpack or unpack)(message, 1, message.n))
        receive(b, a, c)
        eq(a:len(), 0)
        eq(c:len(), 0)
    end
end)

test("more arrays than were given: the rest is new", function()
    local b, given = mtmsg.newbuffer(), carray.new("int", 5)
    b:addmsg(carray.new("int", {1}), carray.new("int", {2}), carray.new("int", {3}))
    local one, two, three = b:nextmsg(0, given)
    eq(one, given)
    check_array(one, "int", 1)
    check_array(two, "int", 2)
    check_array(three, "int", 3)
end)

test("a large array that was made for a message is given for the next ones, larger and smaller", function()
    local b, array = mtmsg.newbuffer(), nil
    for _, length in ipairs{20000, 30000, 10, 0, 40000} do
        b:addmsg(carray.new("int", length))
        local received = b:nextmsg(0, array)
        ok(array == nil or rawequal(received, array))
        array = received
        eq(array:len(), length)
    end
    array:setlen(50000)
    eq(array:len(), 50000)
end)

test("nextmsg without message leaves given arrays as they are", function()
    local b, lst, given = mtmsg.newbuffer(), mtmsg.newlistener(), carray.new("int", {1, 2})
    local lb = lst:newbuffer()
    gives(list(), b:nextmsg(0, given))
    gives(list(), b:nextmsg(0.001, given))
    gives(list(), lst:nextmsg(0, given))
    b:nonblock()
    gives(list(), b:nextmsg(given))
    gives(list(), b:nextmsg(nil, given))
    lb:abort()
    spec.error_of("lb:nextmsg(0, given)", {lb = lb, given = given})
    check_array(given, "int", 1, 2)
end)

test("reader:next always touches given arrays", function()
    local r, given = mtmsg.newreader(), carray.new("int", {1, 2})
    gives(list(), r:next(1, given))
    eq(given:len(), 0)
end)

test("arrays may be given without timeout or count", function()
    local lst, r = mtmsg.newlistener(), mtmsg.newreader()
    local b = lst:newbuffer()
    local a, c = carray.new("int", 0), carray.new("float", 0)
    local function add()
        b:addmsg(carray.new("int", {1}), carray.new("float", {0.5}))
    end
    local function check(int, float)
        eq(int, a)
        eq(float, c)
        check_array(int, "int", 1)
        check_array(float, "float", 0.5)
        a:setlen(0)
        c:setlen(0)
    end
    add()
    check(b:nextmsg(a, c))
    add()
    check(lst:nextmsg(a, c))
    add()
    check(b:nextmsg(nil, a, c))
    add()
    r:nextmsg(b)
    eq(r:next(a, c), a)
    eq(r:next(nil, c), c)
end)

test("reader:next uses given arrays for the values it takes alone", function()
    local b, r = mtmsg.newbuffer(), mtmsg.newreader()
    local a, c = carray.new("int", 1), carray.new("int", 1)
    b:addmsg(carray.new("int", {1}), carray.new("int", {2}))
    r:nextmsg(b)
    eq(r:next(1, a, c), a)
    eq(c:len(), 0)
    eq(r:next(5, c, a), c)
    eq(a:len(), 0)
    check_array(c, "int", 2)
end)

---- wrong arguments

test("what is no writable array is refused before anything is taken", function()
    local lst = mtmsg.newlistener()
    local b, r = lst:newbuffer(), mtmsg.newreader()
    local given = carray.new("int", {1, 2})
    local env = {b = b, lst = lst, r = r, c = given, carray = carray, mtmsg = mtmsg}
    b:addmsg("in the reader")
    r:nextmsg(b)
    b:addmsg("kept")
    for _, value in ipairs{"5", "'text'", "true", "false", "{}", "print", "function() end", "io.stdout",
                           "carray.userdata()", "carray", "b", "carray.new('int', {1}, 'readonly')",
                           "setmetatable({c}, {_capi_carray = carray.capi('future')})",
                           "setmetatable({c}, {_capi_carray = carray.capi('otherkey')})",
                           "setmetatable({c}, {_capi_carray = carray.capi('short')})",
                           "setmetatable({c}, {_capi_carray = 'text'})"} do
        local text = not value:find("_capi") and "carray expected" or nil
        for _, receiver in ipairs{"b:nextmsg", "lst:nextmsg", "r:next"} do
            local name = receiver:match("%a+$")
            bad_argument(2, name, ("%s(0, %s)"):format(receiver, value), env, text)
            bad_argument(2, name, ("%s(nil, %s, c)"):format(receiver, value), env, text)
            bad_argument(2, name, ("%s(c, %s)"):format(receiver, value), env, text)
            bad_argument(4, name, ("%s(0, nil, c, %s, c)"):format(receiver, value), env, text)
        end
    end
    eq(given:len(), 2)
    eq(b:msgcnt(), 1)
    gives(list("kept"), lst:nextmsg(0))
    gives(list("in the reader"), r:next(-1))
end)

test("what is no array is refused as first argument, too", function()
    local lst = mtmsg.newlistener()
    local b, r = lst:newbuffer(), mtmsg.newreader()
    local env = {b = b, lst = lst, r = r, carray = carray}
    b:addmsg("kept")
    for _, value in ipairs{"'text'", "true", "false", "{}", "print", "io.stdout", "carray", "carray.userdata()"} do
        bad_argument(1, "nextmsg", ("b:nextmsg(%s)"):format(value), env, "timeout seconds or carray expected")
        bad_argument(1, "nextmsg", ("lst:nextmsg(%s)"):format(value), env, "timeout seconds or carray expected")
        bad_argument(1, "next", ("r:next(%s)"):format(value), env, "integer or carray expected")
    end
    local readonly = "carray.new('int', {1}, 'readonly')"
    bad_argument(1, "nextmsg", ("b:nextmsg(%s)"):format(readonly), env)
    bad_argument(1, "nextmsg", ("lst:nextmsg(%s)"):format(readonly), env)
    bad_argument(1, "next", ("r:next(%s)"):format(readonly), env)
    gives(list("kept"), b:nextmsg(0))
end)

test("what has no usable array interface is refused as a value", function()
    local b, w = mtmsg.newbuffer(), mtmsg.newwriter()
    local env = {b = b, w = w, carray = carray, c = carray.new("int", 1)}
    for _, kind in ipairs{"future", "otherkey", "short"} do
        local value = ("setmetatable({c}, {_capi_carray = carray.capi('%s')})"):format(kind)
        for _, call in ipairs{"b:addmsg", "b:setmsg", "w:add"} do
            bad_argument(2, call:match("%a+$"), ("%s(1, %s)"):format(call, value), env)
        end
    end
    eq(b:msgcnt(), 0)
    w:addmsg(b)
    gives(list(), b:nextmsg(0))
end)

test("the interface is found on tables, in newer minor versions and further down the list", function()
    local b = mtmsg.newbuffer()
    for _, kind in ipairs{"plain", "newer", "chained"} do
        local meta = {_capi_carray = carray.capi(kind)}
        b:addmsg("before", setmetatable({carray.new("int", {1, 2})}, meta))
        local before, array = b:nextmsg(0)
        eq(before, "before")
        check_array(array, "int", 1, 2)
        local given = setmetatable({carray.new("int", 7)}, meta)
        b:addmsg(array)
        eq(b:nextmsg(0, given), given)
        check_array(given[1], "int", 1, 2)
    end
end)

---- failing providers

for _, fault in ipairs{"new", "raise"} do
    test(("a receive loses nothing where no array can be made (%s)"):format(fault), function()
        local b, r = mtmsg.newbuffer(), mtmsg.newreader()
        b:addmsg("first", carray.new("int", {1}), carray.new("int", {2}))
        b:addmsg("second")
        for which = 1, 2 do
            carray.fail(fault, which)
            local err = spec.error_of("b:nextmsg(0)", {b = b})
            if fault == "raise" then
                spec.matches(err, "raised on demand")
            end
            eq(b:msgcnt(), 2)
        end
        eq(r:nextmsg(b), true)
        for which = 1, 2 do
            carray.fail(fault, which)
            spec.error_of("r:next(-1)", {r = r})
        end
        local first, one, two = r:next(-1)
        eq(first, "first")
        check_array(one, "int", 1)
        check_array(two, "int", 2)
        gives(list("second"), b:nextmsg(0))
        carray.fail()
    end)
end

test("a receive loses nothing where a given array cannot be resized", function()
    local b, r = mtmsg.newbuffer(), mtmsg.newreader()
    local given = carray.new("int", 0)
    b:addmsg("first", carray.new("int", {1, 2}))
    b:addmsg("second")
    carray.fail("resize", 1)
    spec.error_of("b:nextmsg(0, given)", {b = b, given = given})
    eq(b:msgcnt(), 2)
    r:nextmsg(b)
    carray.fail("resize", 1)
    spec.error_of("r:next(-1, given)", {r = r, given = given})
    local first, array = r:next(-1, given)
    eq(first, "first")
    eq(array, given)
    check_array(given, "int", 1, 2)
    gives(list("second"), b:nextmsg(0))
end)

test("the provider may run any code while it makes an array", function()
    local lst = mtmsg.newlistener()
    local b = lst:newbuffer()
    local calls = 0
    carray.hook(function()
        calls = calls + 1
        local other = lst:newbuffer()
        other:addmsg("from the provider", calls)
        collectgarbage()
    end)
    for i = 1, 5 do
        b:addmsg(carray.new("int", {i}))
        check_array(b:nextmsg(0), "int", i)
    end
    carray.hook(nil)
    eq(calls, 5)
    for i = 1, 5 do
        gives(list("from the provider", i), lst:nextmsg(0))
    end
end)

spec.run()
