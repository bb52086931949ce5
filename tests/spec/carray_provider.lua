-- The module carray of the tests does what the other specs take for granted. Nothing of mtmsg is
-- tried here.

local spec   = require("spec")
local carray = require("carray")

local test, eq, gives, list = spec.test, spec.eq, spec.gives, spec.list

local integers = {uchar = {0, 255}, schar = {-128, 127}, short = {-32768, 32767}, ushort = {0, 65535},
                  int = {-2147483648, 2147483647}, uint = {0, 4294967295}, long = {-1, 1},
                  ulong = {0, 1}, llong = {-1, 4294967296}, ullong = {0, 4294967296}}

test("all integer types hold their extremes", function()
    for name, extremes in pairs(integers) do
        local a = carray.new(name, extremes)
        eq(a:type(), name)
        gives(list(extremes[1], extremes[2]), a:values())
    end
end)

test("floats and doubles hold fractions", function()
    for _, name in ipairs{"float", "double"} do
        local a = carray.new(name, {0.5, -2.25})
        eq(a:get(1), 0.5)
        a:set(1, 1024.125)
        gives(list(1024.125, -2.25), a:values())
    end
end)

test("a new array is zeroed and its length can be changed", function()
    local a = carray.new("int", 3)
    gives(list(0, 0, 0), a:values())
    a:set(3, 7)
    a:setlen(4)
    gives(list(0, 0, 7, 0), a:values())
    a:setlen(0)
    eq(a:len(), 0)
    eq(carray.new("double", 0):len(), 0)
end)

test("an array is released with its last reference", function()
    spec.collect()
    local before = carray.live()
    local a = carray.new("float", 10)
    eq(carray.live(), before + 1)
    eq(a:len(), 10)
    a = nil
    spec.collect()
    eq(carray.live(), before)
end)

test("resizing fails on demand", function()
    local a = carray.new("int", 1)
    carray.fail("resize", 2)
    a:setlen(2)
    spec.raises_like("cannot resize", "a:setlen(3)", {a = a})
    eq(a:len(), 2)
    a:setlen(3)
    carray.fail("resize", 1)
    carray.fail()
    a:setlen(4)
    eq(a:len(), 4)
end)

test("a readonly array cannot be resized", function()
    local a = carray.new("int", {1}, "readonly")
    spec.raises_like("cannot resize", "a:setlen(3)", {a = a})
    eq(a:get(1), 1)
end)

test("light userdata, full userdata and functions for other specs", function()
    eq(type(carray.pointer(5)), "userdata")
    eq(carray.pointer(5), carray.pointer(5))
    eq(type(carray.userdata()), "userdata")
    eq(carray.twice(4), 8)
    eq(carray.closure()(4), 8)
end)

spec.run()
