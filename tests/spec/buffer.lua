-- A buffer as a queue: adding, taking, counting, creating. Values, sizes, timeouts, listeners and
-- notifiers have specs of their own.

local spec  = require("spec")
local mtmsg = require("mtmsg")

local test, eq, gives, list = spec.test, spec.eq, spec.gives, spec.list

test("messages come out as they were put in, first in first out", function()
    local b = mtmsg.newbuffer()
    eq(b:addmsg("first", 1), true)
    eq(b:addmsg("second", 2, false), true)
    eq(b:addmsg("third"), true)
    gives(list("first", 1), b:nextmsg(0))
    gives(list("second", 2, false), b:nextmsg(0))
    gives(list("third"), b:nextmsg(0))
    gives(list(), b:nextmsg(0))
end)

test("taking without a timeout returns a waiting message at once", function()
    local b = mtmsg.newbuffer()
    b:addmsg("one")
    b:addmsg("two")
    gives(list("one"), spec.take(b))
    gives(list("two"), spec.take(b, nil))
end)

test("msgcnt counts messages, not values", function()
    local b = mtmsg.newbuffer()
    eq(b:msgcnt(), 0)
    b:addmsg(1, 2, 3)
    eq(b:msgcnt(), 1)
    b:addmsg()
    eq(b:msgcnt(), 2)
    b:nextmsg(0)
    eq(b:msgcnt(), 1)
    b:nextmsg(0)
    eq(b:msgcnt(), 0)
    b:nextmsg(0)
    eq(b:msgcnt(), 0)
end)

test("a message without values is a message", function()
    local b = mtmsg.newbuffer()
    eq(b:addmsg(), true)
    b:addmsg("next")
    gives(list(), b:nextmsg(0))
    gives(list("next"), b:nextmsg(0))
    eq(b:setmsg(), true)
    eq(b:msgcnt(), 1)
    gives(list(), b:nextmsg(0))
    eq(b:msgcnt(), 0)
end)

test("all references see the same messages", function()
    local b = mtmsg.newbuffer("refs")
    local same = mtmsg.buffer("refs")
    b:addmsg(1)
    same:addmsg(2)
    b:addmsg(3)
    eq(same:msgcnt(), 3)
    gives(list(1), same:nextmsg(0))
    gives(list(2), b:nextmsg(0))
    gives(list(3), same:nextmsg(0))
    eq(b:msgcnt(), 0)
end)

test("buffers do not share messages", function()
    local a, b = mtmsg.newbuffer(), mtmsg.newbuffer()
    a:addmsg("for a")
    gives(list(), b:nextmsg(0))
    gives(list("for a"), a:nextmsg(0))
end)

test("name, size and grow are optional", function()
    local cases = {
        {args = list()},
        {args = list("named"), name = "named"},
        {args = list("named", 18), name = "named"},
        {args = list("named", 18, 1.9), name = "named"},
        {args = list(18)},
        {args = list(18, 1.9)},
        {args = list("", 18, 1), name = ""},
        {args = list("18"), name = "18"},
        {args = list("n", 18, 18, 1.9), name = "n"},
        {args = list("n", 18, 1.5, {}, print), name = "n"},
    }
    local unpack = table.unpack or unpack
    local lst = mtmsg.newlistener()
    for _, case in ipairs(cases) do
        for _, b in ipairs{mtmsg.newbuffer(unpack(case.args, 1, case.args.n)),
                           lst:newbuffer(unpack(case.args, 1, case.args.n))} do
            eq(b:name(), case.name)
            for i = 1, 20 do
                eq(b:addmsg(("x"):rep(i)), true)
            end
            for i = 1, 20 do
                gives(list(("x"):rep(i)), b:nextmsg(0))
            end
        end
    end
end)

test("every grow factor but 0 takes any number of bytes", function()
    for _, grow in ipairs{2, 1, 0.5, 1e-9, 1.0001, 3.7, 100} do
        for _, size in ipairs{0, 1, 10, 99.5, 5000, -1, -2^62} do
            local b = mtmsg.newbuffer(size, grow)
            for i = 1, spec.many(50, 5) do
                eq(b:addmsg(i, ("y"):rep(i * 37)), true)
            end
            for i = 1, spec.many(50, 5) do
                gives(list(i, ("y"):rep(i * 37)), b:nextmsg(0))
            end
        end
    end
end)

test("long and short messages alternate in order", function()
    local b = mtmsg.newbuffer()
    local lengths = {0, 1, 100, 5000, 3, 70000, 254, 255, 256, 4096, 1000000, 7, 65536, 1023, 1024, 1025}
    for round = 1, 3 do
        for _, n in ipairs(lengths) do
            b:addmsg(n, (tostring(round)):rep(n))
        end
    end
    eq(b:msgcnt(), 3 * #lengths)
    for round = 1, 3 do
        for _, n in ipairs(lengths) do
            gives(list(n, (tostring(round)):rep(n)), b:nextmsg(0))
        end
    end
    eq(b:msgcnt(), 0)
end)

test("a long backlog keeps its order while it grows and shrinks", function()
    local b = mtmsg.newbuffer()
    local put, taken = 0, 0
    for step = 1, spec.many(300, 5) do
        for _ = 1, step % 13 * 10 do
            put = put + 1
            b:addmsg(put, "payload")
        end
        for _ = 1, math.min(step % 11 * 10, put - taken) do
            taken = taken + 1
            gives(list(taken, "payload"), b:nextmsg(0))
        end
        eq(b:msgcnt(), put - taken)
    end
    while taken < put do
        taken = taken + 1
        gives(list(taken, "payload"), b:nextmsg(0))
    end
    gives(list(), b:nextmsg(0))
end)

test("messages with many values of all kinds", function()
    local unpack = table.unpack or unpack
    local b = mtmsg.newbuffer()
    local kinds = {
        function(i) return i + 0.5 end,
        function(i) return i % 250 end,
        function() return nil end,
        function(i) return i % 2 == 0 end,
        function(i) return ("s"):rep(i % 7) end,
        function(i) return i % 3 == 0 and tostring(i) or i end,
        function(i) return i % 50 == 0 and ("x"):rep(i * 20) or -i end,
    }
    for _, count in ipairs(spec.thorough and {30, 100, 240, 500, 1000, 3000} or {50, 500}) do
        for _, kind in ipairs(kinds) do
            local values = {n = count}
            for i = 1, count do
                values[i] = kind(i)
            end
            b:addmsg(unpack(values, 1, count))
            gives(values, b:nextmsg(0))
        end
    end
end)

test("a message with too many values for the stack raises and stays", function()
    local w, r, b = mtmsg.newwriter(), mtmsg.newreader(), mtmsg.newbuffer()
    local unpack = table.unpack or unpack
    local thousand = {}
    for i = 1, 1000 do
        thousand[i] = i
    end
    for _ = 1, 1001 do
        w:add(unpack(thousand))
    end
    eq(w:addmsg(b), true)
    b:addmsg("later")
    for _ = 1, 2 do
        spec.error_of("b:nextmsg(0)", {b = b})
        eq(b:msgcnt(), 2)
    end
    eq(r:nextmsg(b), true)
    gives(list(1, 2, 3), r:next(3))
    gives(list("later"), b:nextmsg(0))
end)

spec.run()
