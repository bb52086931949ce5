-- Buffers as notifiers of buffers: when they are notified, how they are connected, and what failing
-- ones do. Notifiers written in C are not tried here.

local spec   = require("spec")
local mtmsg  = require("mtmsg")
local carray = require("carray")

local test, eq, ok, gives, list = spec.test, spec.eq, spec.ok, spec.gives, spec.list
local raises, raises_like, bad_argument = spec.raises, spec.raises_like, spec.bad_argument

local failed = "rror while calling notifier"

-- The number of notifications since the last call.
local function notified(n)
    local count = n:msgcnt()
    n:clear()
    return count
end

local function connected(...)
    local b, n = mtmsg.newbuffer(), mtmsg.newbuffer()
    b:notifier(n, ...)
    return b, n
end

---- when

test("a notification is an empty message", function()
    local b, n = connected()
    b:addmsg("x")
    eq(n:msgcnt(), 1)
    gives(list(), n:nextmsg(0))
    eq(n:msgcnt(), 0)
    gives(list("x"), b:nextmsg(0))
end)

for _, arguments in ipairs{list(), list(">"), list(nil), list(">", nil), list(">", 0), list(">", -1),
                           list(">", -2^53), list(nil, nil)} do
    test(("every add notifies: notifier(n%s)"):format((", %s"):rep(arguments.n)
         :format(tostring(arguments[1]), tostring(arguments[2]))), function()
        local b, n = connected((table.unpack or unpack)(arguments, 1, arguments.n))
        local w = mtmsg.newwriter()
        for _ = 1, 3 do
            b:addmsg("x")
            eq(notified(n), 1)
        end
        b:addmsg()
        eq(notified(n), 1)
        b:setmsg("y")
        eq(notified(n), 1)
        w:addmsg(b)
        eq(notified(n), 1)
        w:setmsg(b)
        eq(notified(n), 1)
    end)
end

test("taking, clearing, closing and counting do not notify of adds", function()
    local b, n = connected()
    for _ = 1, 4 do
        b:addmsg("x")
    end
    eq(notified(n), 4)
    b:nextmsg(0)
    mtmsg.newreader():nextmsg(b, 0)
    b:msgcnt()
    b:clear()
    b:nextmsg(0)
    eq(notified(n), 0)
end)

for _, arguments in ipairs{list("<"), list("<", nil), list("<", 0), list("<", -5)} do
    test(("every removal notifies: notifier(n, '<'%s)")
         :format(arguments.n == 2 and ", " .. tostring(arguments[2]) or ""), function()
        local b, n = connected((table.unpack or unpack)(arguments, 1, arguments.n))
        local r = mtmsg.newreader()
        for i = 1, 5 do
            b:addmsg(i)
        end
        b:addmsg()
        b:addmsg("last")
        eq(notified(n), 0)
        for i = 1, 3 do
            gives(list(i), b:nextmsg(0))
            eq(notified(n), 1)
        end
        for i = 4, 5 do
            eq(r:nextmsg(b, 0), true)
            gives(list(i), r:next(-1))
            eq(notified(n), 1)
        end
        gives(list(), b:nextmsg(0))
        eq(notified(n), 1)
        gives(list("last"), b:nextmsg(0))
        eq(notified(n), 1)
    end)
end

test("a listener's receive notifies of the removal", function()
    local lst, n = mtmsg.newlistener(), mtmsg.newbuffer()
    local b1, b2 = lst:newbuffer(), lst:newbuffer()
    b1:notifier(n, "<")
    b1:addmsg("b1")
    b2:addmsg("b2")
    gives(list("b1"), lst:nextmsg(0))
    eq(notified(n), 1)
    gives(list("b2"), lst:nextmsg(0))
    eq(notified(n), 0)
    b1:addmsg("again")
    eq(mtmsg.newreader():nextmsg(lst, 0), true)
    eq(notified(n), 1)
end)

test("adding, clearing and an unsuccessful receive do not notify of removals", function()
    local b, n = connected("<")
    b:nextmsg(0)
    b:nextmsg(0.001)
    mtmsg.newreader():nextmsg(b, 0)
    b:addmsg("x")
    b:setmsg("y")
    b:clear()
    eq(notified(n), 0)
    local lst = mtmsg.newlistener()
    local lb = lst:newbuffer()
    lb:notifier(n, "<")
    lb:addmsg("x")
    lst:clear()
    lst:nextmsg(0)
    eq(notified(n), 0)
end)

test("an add above the threshold notifies", function()
    for threshold = 1, 4, 0.5 do
        local b, n = connected(">", threshold)
        for count = 1, 6 do
            b:addmsg(count)
            eq(notified(n), count > threshold and 1 or 0)
        end
        for count = 5, threshold - 1, -1 do
            b:nextmsg(0)
            b:addmsg("again")
            eq(notified(n), count + 1 > threshold and 1 or 0)
            b:nextmsg(0)
        end
    end
end)

test("a removal below the threshold notifies", function()
    for threshold = 1, 4, 0.5 do
        local b, n = connected("<", threshold)
        for count = 1, 6 do
            b:addmsg(count)
        end
        for count = 5, 0, -1 do
            gives(list(6 - count), b:nextmsg(0))
            eq(notified(n), count < threshold and 1 or 0)
        end
    end
end)

test("a huge threshold is never exceeded, and always above the count", function()
    for _, threshold in ipairs{2^31 - 1, 2^31, 2^32, 2^53, 1e19, math.huge} do
        local b, added, removed = mtmsg.newbuffer(), mtmsg.newbuffer(), mtmsg.newbuffer()
        b:notifier(added, ">", threshold)
        b:notifier(removed, "<", threshold)
        for i = 1, 3 do
            b:addmsg(i)
            b:nextmsg(0)
        end
        eq(notified(added), 0)
        eq(notified(removed), 3)
    end
end)

test("setmsg counts as an add that leaves one message", function()
    for threshold, expected in pairs{[-0.5] = 1, [0] = 1, [1] = 0, [2] = 0} do
        local b, n = connected(">", threshold)
        for i = 1, 5 do
            b:addmsg(i)
        end
        notified(n)
        b:setmsg("one")
        eq(notified(n), expected)
    end
end)

test("an add that fails does not notify", function()
    local b, n = mtmsg.newbuffer(8, 0), mtmsg.newbuffer()
    b:notifier(n)
    b:addmsg("1")
    b:addmsg("2")
    eq(notified(n), 2)
    eq(b:addmsg("3"), false)
    for _, statement in ipairs{"b:addmsg(('x'):rep(9))", "b:setmsg(('x'):rep(9))", "b:addmsg({})"} do
        spec.error_of(statement, {b = b})
    end
    b:abort()
    spec.error_of("b:addmsg('x')", {b = b})
    eq(notified(n), 0)
end)

test("a receive that fails to decode does not notify", function()
    local b, n = connected("<")
    b:addmsg(carray.new("int", {3}))
    carray.fail("raise", 1)
    spec.error_of("b:nextmsg(0)", {b = b})
    eq(notified(n), 0)
    eq(b:nextmsg(0):get(1), 3)
    eq(notified(n), 1)
end)

test("both directions at once", function()
    local b, added, removed = mtmsg.newbuffer(), mtmsg.newbuffer(), mtmsg.newbuffer()
    b:notifier(added, ">", 1)
    b:notifier(removed, "<", 1)
    b:addmsg(1)
    b:addmsg(2)
    eq(notified(added), 1)
    eq(notified(removed), 0)
    b:nextmsg(0)
    eq(notified(removed), 0)
    b:nextmsg(0)
    eq(notified(removed), 1)
    eq(notified(added), 0)
end)

test("one buffer can be the notifier of many, in both directions", function()
    local n = mtmsg.newbuffer()
    local buffers = {}
    for i = 1, 10 do
        buffers[i] = mtmsg.newbuffer()
        buffers[i]:notifier(n)
        buffers[i]:notifier(n, "<")
    end
    for i = 1, 10 do
        buffers[i]:addmsg(i)
    end
    eq(notified(n), 10)
    for i = 1, 10 do
        gives(list(i), buffers[i]:nextmsg(0))
    end
    eq(notified(n), 10)
end)

test("a listener's buffer as notifier", function()
    local lst = mtmsg.newlistener()
    local b, n = mtmsg.newbuffer(), lst:newbuffer()
    b:notifier(n)
    b:addmsg("x")
    eq(n:msgcnt(), 1)
    gives(list(), lst:nextmsg(0))
    eq(n:msgcnt(), 0)
end)

---- connecting and disconnecting

test("a second notifier of the same direction is refused", function()
    local b, n = mtmsg.newbuffer(), mtmsg.newbuffer()
    local env = {b = b, n = n, other = mtmsg.newbuffer(), same = mtmsg.buffer(b:id())}
    b:notifier(n)
    for _, statement in ipairs{"b:notifier(n)", "b:notifier(other)", "b:notifier(other, '>', 3)",
                               "same:notifier(other)"} do
        raises("mtmsg.error.has_notifier", statement, env)
    end
    b:notifier(n, "<")
    for _, statement in ipairs{"b:notifier(n, '<')", "b:notifier(other, '<')", "same:notifier(other, '<', 3)"} do
        raises("mtmsg.error.has_notifier", statement, env)
    end
    b:addmsg("x")
    eq(notified(env.other), 0)
    eq(notified(n), 1)
end)

test("nil disconnects the notifier of one direction", function()
    local b, n, other = mtmsg.newbuffer(), mtmsg.newbuffer(), mtmsg.newbuffer()
    local same = mtmsg.buffer(b:id())
    for _, disconnect in ipairs{function() b:notifier(nil) end, function() b:notifier(nil, ">") end,
                                function() same:notifier(nil) end, function() b:notifier(nil, ">", 5) end} do
        b:notifier(n)
        b:notifier(other, "<")
        b:addmsg("x")
        eq(notified(n), 1)
        disconnect()
        b:addmsg("y")
        eq(notified(n), 0)
        b:nextmsg(0)
        eq(notified(other), 1)
        b:notifier(nil, "<")
        b:nextmsg(0)
        eq(notified(other), 0)
    end
end)

test("disconnecting where nothing is connected does nothing", function()
    local b = mtmsg.newbuffer()
    b:notifier(nil)
    b:notifier(nil, "<")
    b:notifier(nil, ">")
    eq(b:addmsg("x"), true)
end)

test("only objects with the notify interface can be notifiers", function()
    local b, n = mtmsg.newbuffer(), mtmsg.newbuffer()
    local env = {b = b, n = n, carray = carray, lst = mtmsg.newlistener(), w = mtmsg.newwriter(),
                 r = mtmsg.newreader(), api = debug.getmetatable(n)._capi_notify}
    for _, value in ipairs{"1", "'text'", "setmetatable({}, {_capi_notify = api})", "true", "false", "{}", "print",
                           "function() end", "io.stdout", "lst",
                           "w", "r", "carray.userdata()", "carray.userdata({_capi_notify = 1})",
                           "carray.userdata({_capi_notify = carray.userdata()})",
                           "carray.userdata({_capi_notify = carray.capi('plain')})",
                           "setmetatable({}, {_capi_notify = carray.capi('short')})",
                           "setmetatable({}, {_capi_notify = 'text'})", "carray.pointer(1)",
                           "coroutine.create(function() end)"} do
        bad_argument(1, "notifier", ("b:notifier(%s)"):format(value), env)
        bad_argument(1, "notifier", ("b:notifier(%s, '<')"):format(value), env)
    end
    for _, value in ipairs{"'x'", "''", "'<>'", "{}", "true"} do
        bad_argument(2, "notifier", ("b:notifier(n, %s)"):format(value), env)
        bad_argument(2, "notifier", ("b:notifier(nil, %s)"):format(value), env)
    end
    for _, value in ipairs{"'x'", "{}", "true", "print"} do
        bad_argument(3, "notifier", ("b:notifier(n, '>', %s)"):format(value), env)
    end
    b:notifier(n)
    b:notifier(n, "<")
end)

test("a connected notifier needs no other reference", function()
    local b, n = mtmsg.newbuffer(), mtmsg.newbuffer("the notifier")
    b:notifier(n)
    n = nil
    spec.collect()
    b:addmsg("x")
    eq(mtmsg.buffer("the notifier"):msgcnt(), 1)
    spec.collect()
    eq(mtmsg.buffer("the notifier"):msgcnt(), 1)
    b:notifier(nil)
    spec.collect()
    raises('mtmsg.error.unknown_object: buffer name "the notifier"', "mtmsg.buffer('the notifier')",
           {mtmsg = mtmsg})
end)

test("a buffer that goes lets its notifiers go", function()
    local b = mtmsg.newbuffer()
    b:notifier(mtmsg.newbuffer("for adds"))
    b:notifier(mtmsg.newbuffer("for removals"), "<")
    spec.collect()
    eq(mtmsg.buffer("for adds"):msgcnt(), 0)
    eq(mtmsg.buffer("for removals"):msgcnt(), 0)
    b = nil
    spec.collect()
    for _, name in ipairs{"for adds", "for removals"} do
        raises(('mtmsg.error.unknown_object: buffer name "%s"'):format(name), "mtmsg.buffer(name)",
               {mtmsg = mtmsg, name = name})
    end
end)

---- notifiers that fail

test("a closed notifier is disconnected by its first notification", function()
    for _, direction in ipairs{">", "<"} do
        local b, n = connected(direction)
        n:close()
        eq(b:addmsg("x"), true)
        eq(b:addmsg("y"), true)
        gives(list("x"), b:nextmsg(0))
        local other = mtmsg.newbuffer()
        b:notifier(other, direction)
        b:addmsg("z")
        gives(list("y"), b:nextmsg(0))
        eq(notified(other), 1)
    end
end)

-- Buffers that cannot take a notification, each with what mends them.
local failing = {
    {"an aborted", function()
        local n = mtmsg.newbuffer()
        n:abort()
        return n, function() n:abort(false) end
    end},
    {"a full", function()
        local n = mtmsg.newbuffer(1, 0)
        n:addmsg()
        return n, function() n:clear() end
    end},
}

for _, case in ipairs(failing) do
    local what, new = case[1], case[2]

    test(what .. " notifier: the adding call raises, the message is in", function()
        local n, mend = new()
        local b, w = mtmsg.newbuffer(), mtmsg.newwriter()
        local env = {b = b, w = w}
        b:notifier(n)
        raises_like(failed, "b:addmsg('added')", env)
        eq(b:msgcnt(), 1)
        gives(list("added"), b:nextmsg(0))
        raises_like(failed, "b:setmsg('set')", env)
        eq(b:msgcnt(), 1)
        gives(list("set"), b:nextmsg(0))
        w:add("written")
        raises_like(failed, "w:addmsg(b)", env)
        eq(b:msgcnt(), 1)
        gives(list("written"), b:nextmsg(0))
        mend()
        n:clear()
        eq(b:addmsg("mended"), true)
        eq(n:msgcnt(), 1)
    end)

    test(what .. " notifier: nextmsg raises, the message is first in line again", function()
        local n, mend = new()
        local b = mtmsg.newbuffer()
        b:notifier(n, "<")
        b:addmsg("first", 1)
        b:addmsg("second", 2)
        for _ = 1, 3 do
            raises_like(failed, "b:nextmsg(0)", {b = b})
            eq(b:msgcnt(), 2)
        end
        mend()
        n:clear()
        gives(list("first", 1), b:nextmsg(0))
        eq(n:msgcnt(), 1)
        n:clear()
        gives(list("second", 2), b:nextmsg(0))
    end)

    test(what .. " notifier: a listener's nextmsg puts the message back, too", function()
        local n, mend = new()
        local lst = mtmsg.newlistener()
        local b1 = lst:newbuffer()
        b1:notifier(n, "<")
        b1:addmsg("first")
        b1:addmsg("second")
        for _ = 1, 3 do
            raises_like(failed, "lst:nextmsg(0)", {lst = lst})
            eq(b1:msgcnt(), 2)
        end
        mend()
        n:clear()
        gives(list("first"), lst:nextmsg(0))
        n:clear()
        gives(list("second"), lst:nextmsg(0))
        gives(list(), lst:nextmsg(0))
    end)

    test(what .. " notifier: reader:nextmsg raises, the message is in the reader", function()
        local n = new()
        local b, r = mtmsg.newbuffer(), mtmsg.newreader()
        b:notifier(n, "<")
        b:addmsg("first", 1)
        b:addmsg("second", 2)
        raises_like(failed, "r:nextmsg(b, 0)", {b = b, r = r})
        eq(b:msgcnt(), 1)
        gives(list("first", 1), r:next(-1))
        raises_like(failed, "r:nextmsg(b)", {b = b, r = r})
        eq(b:msgcnt(), 0)
        gives(list("second", 2), r:next(-1))
    end)
end

test("a notifier too small for any message fails", function()
    local b = mtmsg.newbuffer()
    b:notifier(mtmsg.newbuffer(0, 0))
    raises_like(failed, "b:addmsg('x')", {b = b})
    gives(list("x"), b:nextmsg(0))
end)

test("a message put back into a fixed buffer may overfill it", function()
    local b, n = mtmsg.newbuffer(4, 0), mtmsg.newbuffer()
    n:abort()
    b:notifier(n, "<")
    b:addmsg("1")
    raises_like(failed, "b:nextmsg(0)", {b = b})
    eq(b:addmsg("2"), false)
    n:abort(false)
    gives(list("1"), b:nextmsg(0))
    eq(b:addmsg("2"), true)
end)

---- chains and rings

-- Buffers of which each notifies the next of adds.
local function chain(count)
    local buffers = {}
    for i = 1, count do
        buffers[i] = mtmsg.newbuffer()
        if i > 1 then
            buffers[i - 1]:notifier(buffers[i])
        end
    end
    return buffers
end

test("a notified buffer notifies its own notifier", function()
    local a, b, c, d = mtmsg.newbuffer(), mtmsg.newbuffer(), mtmsg.newbuffer(), mtmsg.newbuffer()
    a:notifier(b)
    b:notifier(c, ">", 1)
    c:notifier(d)
    a:addmsg("x")
    eq(b:msgcnt() .. c:msgcnt() .. d:msgcnt(), "100")
    a:addmsg("x")
    eq(b:msgcnt() .. c:msgcnt() .. d:msgcnt(), "211")
    a:notifier(nil)
    a:notifier(b, "<")
    a:nextmsg(0)
    eq(b:msgcnt() .. c:msgcnt() .. d:msgcnt(), "322")
end)

test("a chain of 100,000 buffers is notified to its end, and goes", function()
    local count = spec.many(100000, 100)
    local buffers = chain(count)
    eq(buffers[1]:addmsg("x"), true)
    for i = 1, count do
        eq(buffers[i]:msgcnt(), 1)
    end
    local first, last = buffers[1], buffers[count]:id()
    buffers = nil
    spec.collect()
    first:addmsg("y")
    eq(mtmsg.buffer(last):msgcnt(), 2)
    spec.collect()
    first = nil
    spec.collect()
    raises(("mtmsg.error.unknown_object: buffer id %.0f"):format(last), "mtmsg.buffer(last)",
           {mtmsg = mtmsg, last = last})
end)

test("a failure at the end of a chain leaves a message in each buffer before it", function()
    local buffers = chain(5)
    buffers[5]:abort()
    raises_like(failed, "b:addmsg('x')", {b = buffers[1]})
    for i = 1, 4 do
        eq(buffers[i]:msgcnt(), 1)
    end
    eq(buffers[5]:msgcnt(), 0)
end)

test("a closed buffer ends its chain", function()
    local buffers = chain(5)
    buffers[3]:close()
    eq(buffers[1]:addmsg("x"), true)
    eq(buffers[2]:msgcnt(), 1)
    eq(buffers[4]:msgcnt(), 0)
    buffers[2]:notifier(buffers[4])
    eq(buffers[1]:addmsg("x"), true)
    eq(buffers[5]:msgcnt(), 1)
end)

-- In a ring only the buffer where the walk ends may have been notified once more.
local function check_ring(buffers, start)
    buffers[start]:addmsg("x")
    for i, b in ipairs(buffers) do
        local count = b:msgcnt()
        ok(count == 1 or i == start and count == 2)
        b:clear()
    end
end

test("rings of all sizes end", function()
    for _, size in ipairs{1, 2, 3, 10, spec.many(10000, 50)} do
        local buffers = chain(size)
        buffers[size]:notifier(buffers[1])
        check_ring(buffers, 1)
        check_ring(buffers, size)
        check_ring(buffers, math.floor((size + 1) / 2))
        buffers[size]:notifier(nil)
    end
end)

test("a ring over removals ends", function()
    local a, b = mtmsg.newbuffer(), mtmsg.newbuffer()
    a:notifier(b, "<")
    b:notifier(a)
    a:addmsg("x")
    eq(b:msgcnt(), 0)
    gives(list("x"), a:nextmsg(0))
    eq(b:msgcnt(), 1)
    ok(a:msgcnt() <= 1)
    b:notifier(nil)
end)

test("a chain that runs into a ring ends", function()
    local buffers = chain(6)
    buffers[6]:notifier(buffers[3])
    eq(buffers[1]:addmsg("x"), true)
    for i = 1, 6 do
        local count = buffers[i]:msgcnt()
        ok(count == 1 or i == 3 and count == 2)
    end
    buffers[6]:notifier(nil)
end)

test("a ring that nobody references any more does no harm", function()
    for _, last in ipairs{function() end, function(b) b:close() end, function(b) b:abort() end} do
        local buffers = chain(3)
        buffers[3]:notifier(buffers[1])
        buffers[1]:addmsg("x")
        for i = 1, 3 do
            last(buffers[i])
        end
        buffers = nil
        spec.collect()
    end
end)

spec.run()
