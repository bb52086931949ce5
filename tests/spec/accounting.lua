-- Byte accounting: what each value and each message costs, and what a fixed size admits. Growing
-- storage is in buffer.lua.

local spec   = require("spec")
local mtmsg  = require("mtmsg")
local carray = require("carray")

local test, eq, gives, list = spec.test, spec.eq, spec.gives, spec.list
local raises, raises_like, label = spec.raises, spec.raises_like, spec.label

local has_integers = math.type ~= nil
local unpack = table.unpack or unpack

local function string_of(n)
    return ("s"):rep(n)
end

-- { what, its bytes, the values }
local rows = {
    {"nothing", 0, list()},
    {"nil", 1, list(nil)},
    {"three nils", 3, list(nil, nil, nil)},
    {"true", 2, list(true)},
    {"false", 2, list(false)},
    {"integer 0", 2, list(0)},
    {"integer 1", 2, list(1)},
    {"integer 255", 2, list(255)},
    {"integer 256", 9, list(256)},
    {"integer -1", 9, list(-1)},
    {"large integer", 9, list(2147483648)},
    {"2^53", 9, list(2^53)},
    {"0.5", 9, list(0.5)},
    {"255.5", 9, list(255.5)},
    {"minus zero", 9, list(-1 / math.huge)},
    {"infinity", 9, list(math.huge)},
    {"float 1.0", has_integers and 9 or 2, list(1.0)},
    {"float 255.0", has_integers and 9 or 2, list(255.0)},
    {"empty string", 2, list("")},
    {"string of 1", 3, list("1")},
    {"string of 2", 4, list("m2")},
    {"string of 251", 253, list(string_of(251))},
    {"string of 252, one byte under a long message", 254, list(string_of(252))},
    {"string of 253, the first long message", 255, list(string_of(253))},
    {"string of 254", 256, list(string_of(254))},
    {"string of 255", 257, list(string_of(255))},
    {"string of 256", 265, list(string_of(256))},
    {"string of 257", 266, list(string_of(257))},
    {"string of 70000", 70009, list(string_of(70000))},
    {"light userdata", 9, list(carray.pointer(1))},
    {"C function", 9, list(carray.twice)},
    {"values of all kinds", 1 + 2 + 2 + 9 + 9 + 5 + 9 + 9,
     list(nil, true, 7, -7, 0.25, "abc", carray.pointer(1), carray.twice)},
    {"254 bytes in 127 values", 254, list(unpack((function()
        local t = {}
        for i = 1, 127 do t[i] = i % 2 == 0 end
        return t
    end)()))},
    {"255 bytes in 128 values", 255, list(unpack((function()
        local t = {}
        for i = 1, 127 do t[i] = i end
        t[128] = nil
        return t
    end)(), 1, 128))},
}

for _, name in ipairs{"uchar", "schar", "short", "ushort", "int", "uint", "long", "ulong", "float", "double",
                      "llong", "ullong"} do
    for _, count in ipairs(spec.thorough and {0, 1, 7, 40} or {7}) do
        local bytes = 11 + count * carray.sizeof(name)
        rows[#rows + 1] = {("%d %s in an array"):format(count, name), bytes, list(carray.new(name, count))}
    end
end

local function header(bytes)
    return bytes < 255 and 1 or 9
end

-- What is in the first place of b has arrived whole: the number of values tells, for values.lua
-- and carray.lua look at the values.
local function check_arrival(b, values)
    eq(select("#", b:nextmsg(0)), values.n)
    eq(b:msgcnt(), 0)
end

for _, row in ipairs(rows) do
    local name, bytes, values = row[1], row[2], row[3]
    local total = bytes + header(bytes)
    local function arguments()
        return unpack(values, 1, values.n)
    end

    test(("%s: a buffer of %d bytes takes it, one of %d does not"):format(name, total, total - 1), function()
        for _, put in ipairs{"addmsg", "setmsg"} do
            local b, less = mtmsg.newbuffer(total, 0), mtmsg.newbuffer("less", total - 1, 0)
            for _ = 1, 3 do
                eq(b[put](b, arguments()), true)
                eq(b:addmsg(), false)
                check_arrival(b, values)
            end
            raises(("mtmsg.error.message_size: message size %d exceeds limit of %d bytes for %s")
                   :format(total, total - 1, label(less)),
                   ("b:%s(f())"):format(put), {b = less, f = arguments})
            eq(less:msgcnt(), 0)
        end
    end)

    test(("%s: a writer of %d bytes takes it"):format(name, bytes), function()
        local b, w = mtmsg.newbuffer(), mtmsg.newwriter(bytes, 0)
        for _ = 1, 3 do
            w:add(arguments())
            raises_like("^mtmsg%.error%.message_size: message size %d+ exceeds limit of " .. bytes .. " bytes for ",
                        "w:add(nil)", {w = w})
            eq(w:addmsg(b), true)
            check_arrival(b, values)
        end
    end)

    test(("%s: a reader of %d bytes takes it"):format(name, bytes), function()
        local b, r = mtmsg.newbuffer(), mtmsg.newreader(bytes, 0)
        for _ = 1, 3 do
            b:addmsg(arguments())
            eq(r:nextmsg(b, 0), true)
            eq(select("#", r:next(-1)), values.n)
        end
    end)

    if bytes > 0 then
        local pattern = ("^mtmsg%%.error%%.message_size: message size %d exceeds limit of %d bytes for ")
                        :format(bytes, bytes - 1)

        test(("%s: a writer of %d bytes does not take it"):format(name, bytes - 1), function()
            local b, w = mtmsg.newbuffer(), mtmsg.newwriter(bytes - 1, 0)
            if values.n == 1 then
                raises_like(pattern, "w:add(f())", {w = w, f = arguments})
            else
                raises_like("^mtmsg%.error%.message_size: ", "w:add(f())", {w = w, f = arguments})
            end
            eq(w:addmsg(b), true)
            gives(list(), b:nextmsg(0))
        end)

        test(("%s: a reader of %d bytes does not take it"):format(name, bytes - 1), function()
            local b, r = mtmsg.newbuffer(), mtmsg.newreader(bytes - 1, 0)
            b:addmsg(arguments())
            b:addmsg("second")
            raises_like(pattern, "r:nextmsg(b, 0)", {r = r, b = b})
            eq(b:msgcnt(), 2)
            eq(select("#", b:nextmsg(0)), values.n)
        end)
    end
end

test("a writer's values need a header in a buffer of fixed size", function()
    for _, n in ipairs{1, 252, 253, 300} do
        local w = mtmsg.newwriter()
        w:add(string_of(n))
        local bytes = n + (n <= 255 and 2 or 9)
        local total = bytes + header(bytes)
        local b, less = mtmsg.newbuffer(total, 0), mtmsg.newbuffer(total - 1, 0)
        for _, put in ipairs{"addmsg", "setmsg"} do
            raises(("mtmsg.error.message_size: message size %d exceeds limit of %d bytes for %s")
                   :format(total, total - 1, label(less)), ("w:%s(b)"):format(put), {w = w, b = less})
        end
        eq(w:addmsg(b), true)
        gives(list(string_of(n)), b:nextmsg(0))
    end
end)

test("a writer holds no header: 254 and 255 bytes are alike", function()
    for _, bytes in ipairs{254, 255, 256} do
        local w = mtmsg.newwriter(bytes, 0)
        for _ = 1, bytes do
            w:add(nil)
        end
        spec.error_of("w:add(nil)", {w = w})
    end
end)

test("full is false, too large is an error", function()
    local b = mtmsg.newbuffer("b", 4, 0)
    eq(b:addmsg("1"), true)
    raises("mtmsg.error.message_size: message size 5 exceeds limit of 4 bytes for " .. label(b),
           "b:addmsg('m2')", {b = b})
    eq(b:addmsg("2"), false)
    eq(b:msgcnt(), 1)
    gives(list("1"), b:nextmsg(0))
    eq(b:addmsg("2"), true)
    gives(list("2"), b:nextmsg(0))
end)

test("messages are admitted up to the last byte together", function()
    local b = mtmsg.newbuffer(100, 0)
    for _ = 1, 25 do
        eq(b:addmsg("x"), true)
    end
    eq(b:addmsg(), false)
    gives(list("x"), b:nextmsg(0))
    eq(b:addmsg("xy"), false)
    eq(b:addmsg("x"), true)
    eq(b:msgcnt(), 25)
    b:nextmsg(0)
    b:nextmsg(0)
    eq(b:addmsg(string_of(5)), true)
    eq(b:addmsg(), false)
    eq(b:msgcnt(), 24)
end)

test("empty messages cost their header", function()
    local b = mtmsg.newbuffer(5, 0)
    for _ = 1, 5 do
        eq(b:addmsg(), true)
    end
    eq(b:addmsg(), false)
    eq(b:msgcnt(), 5)
end)

test("long and short headers add up", function()
    local b = mtmsg.newbuffer(255 + 264, 0)
    eq(b:addmsg(string_of(252)), true)
    eq(b:addmsg(string_of(253)), true)
    eq(b:addmsg(), false)
    gives(list(string_of(252)), b:nextmsg(0))
    eq(b:addmsg(string_of(253)), false)
    eq(b:addmsg(string_of(252)), true)
end)

test("nothing fits into a fixed size of 0", function()
    for _, b in ipairs{mtmsg.newbuffer(0, 0), mtmsg.newbuffer(-5, 0), mtmsg.newbuffer("zero", 0, 0),
                       mtmsg.newlistener():newbuffer(0, 0), mtmsg.newbuffer(-2^40, -1)} do
        for _, put in ipairs{"addmsg", "setmsg"} do
            raises("mtmsg.error.message_size: message size 1 exceeds limit of 0 bytes for " .. label(b),
                   ("b:%s()"):format(put), {b = b})
        end
        eq(b:msgcnt(), 0)
    end
end)

test("a negative grow factor is 0", function()
    for _, grow in ipairs{0, -1, -0.5, -1e300, -math.huge} do
        local b, w = mtmsg.newbuffer(4, grow), mtmsg.newwriter(3, grow)
        eq(b:addmsg("1"), true)
        eq(b:addmsg("2"), false)
        w:add("1")
        raises_like("^mtmsg%.error%.message_size: ", "w:add('2')", {w = w})
        raises_like("^mtmsg%.error%.message_size: ", "r:nextmsg(b)", {r = mtmsg.newreader(2, grow), b = b})
    end
end)

test("the default size is 1024, fixed where grow is 0", function()
    local b = mtmsg.newbuffer("default", nil, 0)
    eq(b:addmsg(string_of(1024 - 9 - 9)), true)
    eq(b:addmsg(), false)
    raises_like("message size 1025 exceeds limit of 1024 bytes", "b:setmsg(('x'):rep(1007))", {b = b})
end)

test("setmsg counts what it replaces as free", function()
    local b = mtmsg.newbuffer(8, 0)
    eq(b:addmsg("1"), true)
    eq(b:addmsg("2"), true)
    eq(b:setmsg(string_of(5)), true)
    eq(b:addmsg(), false)
    eq(b:setmsg("3"), true)
    eq(b:addmsg("4"), true)
    eq(b:addmsg(), false)
    gives(list("3"), b:nextmsg(0))
    gives(list("4"), b:nextmsg(0))
end)

test("a setmsg that does not fit changes nothing", function()
    local b = mtmsg.newbuffer(8, 0)
    b:addmsg("1")
    b:addmsg("2")
    local w = mtmsg.newwriter()
    w:add(string_of(6))
    raises_like("^mtmsg%.error%.message_size: message size 9 ", "b:setmsg('123456')", {b = b})
    raises_like("^mtmsg%.error%.message_size: message size 9 ", "w:setmsg(b)", {b = b, w = w})
    eq(b:msgcnt(), 2)
    gives(list("1"), b:nextmsg(0))
    eq(b:addmsg("3"), true)
    eq(b:addmsg(), false)
    gives(list("2"), b:nextmsg(0))
    gives(list("3"), b:nextmsg(0))
end)

test("clear makes room", function()
    local b = mtmsg.newbuffer(8, 0)
    for _ = 1, 20 do
        eq(b:addmsg("1"), true)
        eq(b:addmsg("2"), true)
        eq(b:addmsg(), false)
        eq(b:clear(), true)
    end
    eq(b:addmsg(string_of(5)), true)
end)

test("a fixed buffer works for any number of messages", function()
    local b = mtmsg.newbuffer(50, 0)
    local put, taken = 0, 0
    for _ = 1, spec.many(2000, 20) do
        while b:addmsg(string_of(put % 40)) do
            put = put + 1
        end
        for _ = 1, put % 3 + 1 do
            if taken < put then
                gives(list(string_of(taken % 40)), b:nextmsg(0))
                taken = taken + 1
            end
        end
    end
    eq(b:msgcnt(), put - taken)
end)

test("all strings that the accounting admits go in and out of a large fixed buffer", function()
    local size = 200000
    local b = mtmsg.newbuffer(size, 0)
    for _, n in ipairs{size - 18, size / 2 - 18, 5000, spec.many(4000, 20000), spec.many(3000, 30000),
                       spec.many(100, 9000)} do
        local s, cost, count = string_of(n), 0, 0
        local one = n + (n <= 255 and 2 or 9)
        one = one + header(one)
        while cost + one <= size do
            eq(b:addmsg(s), true)
            cost, count = cost + one, count + 1
        end
        eq(b:addmsg(s), false)
        eq(b:msgcnt(), count)
        for _ = 1, count do
            gives(list(s), b:nextmsg(0))
        end
    end
end)

-- With nil for its timeout a receive goes the long way, which takes first.
test("bytes are free while a taken message is decoded, and a message put back may overfill", function()
    local size = 11 + 4 + 1
    local b = mtmsg.newbuffer(2 * size, 0)
    b:addmsg(carray.new("int", {42}))
    local added, full
    carray.hook(function()
        carray.hook(nil)
        added = b:addmsg(string_of(2 * size - 3))
        full = b:addmsg()
        error("decoding ends here")
    end)
    raises_like("decoding ends here", "b:nextmsg(nil)", {b = b})
    eq(added, true)
    eq(full, false)
    eq(b:msgcnt(), 2)
    eq(b:addmsg(), false)
    eq(b:nextmsg(0):get(1), 42)
    eq(b:addmsg(), false)
    gives(list(string_of(2 * size - 3)), b:nextmsg(0))
    eq(b:addmsg(string_of(2 * size - 3)), true)
    eq(b:addmsg(), false)
end)

spec.run()
