-- What close and abort do to each operation, and what still works. Waiting threads that are woken
-- by them are not told here.

local spec  = require("spec")
local mtmsg = require("mtmsg")

local test, eq, gives, list = spec.test, spec.eq, spec.gives, spec.list
local raises, label = spec.raises, spec.label

local aborted = "mtmsg.error.operation_aborted"

local function closed(object)
    return "mtmsg.error.object_closed: " .. label(object)
end

-- statements on an object o that receive, and on a buffer o that add
local receiving = {"o:nextmsg()", "o:nextmsg(0)", "o:nextmsg(1)", "o:nextmsg(-1)", "r:nextmsg(o)",
                   "r:nextmsg(o, 0)", "r:nextmsg(o, 1)", "o:nonblock()", "o:nonblock(true)"}
local adding = {"o:addmsg()", "o:addmsg('x')", "o:setmsg()", "o:setmsg('x')", "w:addmsg(o)", "w:setmsg(o)",
                "o:addmsg(('x'):rep(100000))", "o:setmsg(('x'):rep(100000))"}

local function check(expected, o, ...)
    local env = {o = o, n = mtmsg.newbuffer(), r = mtmsg.newreader(), w = mtmsg.newwriter()}
    env.w:add("written")
    for _, statements in ipairs{...} do
        for _, statement in ipairs(statements) do
            raises(expected, statement, env)
        end
    end
end

-- What must work in every state.
local function check_always(o, kind)
    eq(o:id(), o:id())
    eq(o:name(), kind .. " name")
    -- the C library of Windows writes addresses without 0x
    spec.matches(tostring(o), "^mtmsg%." .. kind .. ": 0?x?%x+ %(name=\"" .. kind .. " name\",id=%d+%)$")
    eq(mtmsg.type(o), "mtmsg." .. kind)
    eq(o:isnonblock(), false)
    eq(type(o:isabort()), "boolean")
end

test("a closed buffer raises object_closed", function()
    local b = mtmsg.newbuffer("buffer name")
    local same = mtmsg.buffer(b:id())
    b:addmsg("dropped")
    b:close()
    for _, o in ipairs{b, same, mtmsg.buffer(b:id())} do
        check(closed(b), o, receiving, adding, {"o:clear()", "o:notifier(n)", "o:notifier(nil)",
                                                "o:notifier(nil, '<')"})
        check_always(o, "buffer")
        eq(o:msgcnt(), 0)
    end
end)

test("a closed listener raises object_closed, and so do its buffers", function()
    local lst = mtmsg.newlistener("listener name")
    local buffers = {lst:newbuffer("buffer name"), lst:newbuffer("buffer name"), lst:newbuffer("buffer name")}
    buffers[1]:addmsg("dropped")
    buffers[2]:addmsg("dropped")
    lst:close()
    for _, o in ipairs{lst, mtmsg.listener(lst:id())} do
        check(closed(lst), o, receiving, {"o:clear()", "o:newbuffer()", "o:newbuffer('x', 1, 0)"})
        check_always(o, "listener")
    end
    for _, b in ipairs(buffers) do
        check(closed(b), b, receiving, adding, {"o:clear()"})
        check_always(b, "buffer")
        eq(b:msgcnt(), 0)
    end
end)

test("closing may be repeated, and abort and isabort work on what is closed", function()
    local lst = mtmsg.newlistener()
    for _, o in ipairs{mtmsg.newbuffer(), lst:newbuffer(), lst} do
        o:close()
        o:close()
        eq(o:isabort(), false)
        o:abort()
        eq(o:isabort(), true)
        check(closed(o), o, receiving)
        o:abort(false)
        eq(o:isabort(), false)
        check(closed(o), o, receiving)
    end
end)

test("what is closed and aborted reports closed", function()
    local b, lst = mtmsg.newbuffer(), mtmsg.newlistener()
    local lb = lst:newbuffer()
    b:abort()
    b:close()
    lst:abort()
    lst:close()
    check(closed(b), b, receiving, adding)
    check(closed(lst), lst, receiving)
    check(closed(lb), lb, receiving, adding)
    lst:abort(false)
    check(closed(lst), lst, receiving)
    mtmsg.abort()
    raises(closed(b), "b:addmsg('x')", {b = b})
    raises(closed(b), "b:nextmsg(0)", {b = b})
    raises(closed(lst), "lst:nextmsg(0)", {lst = lst})
    mtmsg.abort(false)
    raises(closed(b), "b:addmsg('x')", {b = b})
end)

test("closing a listener's buffer leaves the listener and its other buffers open", function()
    local lst = mtmsg.newlistener()
    local b1, b2 = lst:newbuffer(), lst:newbuffer()
    b1:addmsg("dropped")
    b2:addmsg("kept")
    b1:close()
    gives(list("kept"), lst:nextmsg(0))
    gives(list(), lst:nextmsg(0))
    eq(b2:addmsg("more"), true)
    gives(list("more"), lst:nextmsg(0))
end)

test("a closed buffer counts as connected until its last reference goes", function()
    local lst = mtmsg.newlistener()
    local b = lst:newbuffer()
    b:close()
    gives(list(), lst:nextmsg(0))
    b = nil
    spec.collect()
    spec.raises_like("^mtmsg%.error%.no_buffers", "lst:nextmsg(0)", {lst = lst})
end)

test("a writer keeps its values where the buffer is closed or aborted", function()
    local b1, b2, w = mtmsg.newbuffer(), mtmsg.newbuffer(), mtmsg.newwriter()
    w:add("kept", 1)
    b1:abort()
    raises(aborted, "w:addmsg(b)", {w = w, b = b1})
    raises(aborted, "w:setmsg(b)", {w = w, b = b1})
    b1:close()
    raises(closed(b1), "w:addmsg(b)", {w = w, b = b1})
    raises(closed(b1), "w:setmsg(b)", {w = w, b = b1})
    eq(w:addmsg(b2), true)
    gives(list("kept", 1), b2:nextmsg(0))
end)

test("an aborted buffer raises and keeps its messages", function()
    local b = mtmsg.newbuffer("buffer name")
    local same = mtmsg.buffer(b:id())
    b:addmsg("first")
    b:addmsg("second")
    for _, abort in ipairs{"b:abort()", "b:abort(true)"} do
        assert((loadstring or load)("local b = ... " .. abort))(b)
        for _, o in ipairs{b, same, mtmsg.buffer(b:id())} do
            eq(o:isabort(), true)
            check(aborted, o, receiving, adding)
            check_always(o, "buffer")
            eq(o:msgcnt(), 2)
        end
        same:abort(false)
        eq(b:isabort(), false)
    end
    eq(b:addmsg("third"), true)
    gives(list("first"), same:nextmsg(0))
    gives(list("second"), b:nextmsg(0))
    gives(list("third"), b:nextmsg(0))
end)

test("notifiers can be connected while aborted", function()
    local b, n = mtmsg.newbuffer(), mtmsg.newbuffer()
    b:abort()
    b:notifier(n)
    b:notifier(nil)
    b:notifier(n, "<")
    b:abort(false)
    b:addmsg("x")
    b:nextmsg(0)
    eq(n:msgcnt(), 1)
end)

test("aborting a listener aborts its buffers and loses nothing", function()
    local lst = mtmsg.newlistener("listener name")
    local b1, b2 = lst:newbuffer("buffer name"), lst:newbuffer("buffer name")
    b1:addmsg("m1")
    b2:addmsg("m2")
    for _, abort in ipairs{"lst:abort()", "lst:abort(true)"} do
        assert((loadstring or load)("local lst = ... " .. abort))(lst)
        for _, o in ipairs{lst, mtmsg.listener(lst:id())} do
            eq(o:isabort(), true)
            check(aborted, o, receiving)
            check_always(o, "listener")
        end
        for _, b in ipairs{b1, b2} do
            eq(b:isabort(), true)
            check(aborted, b, receiving, adding)
            eq(b:msgcnt(), 1)
        end
        lst:abort(false)
        for _, o in ipairs{lst, b1, b2} do
            eq(o:isabort(), false)
        end
    end
    local got = {[lst:nextmsg(0)] = true, [lst:nextmsg(0)] = true}
    eq(got.m1 and got.m2, true)
    gives(list(), lst:nextmsg(0))
    eq(b1:addmsg("m3"), true)
    gives(list("m3"), lst:nextmsg(0))
end)

test("a buffer's own abort(false) re-enables it alone", function()
    local lst = mtmsg.newlistener()
    local b1, b2 = lst:newbuffer(), lst:newbuffer()
    b1:addmsg("m1")
    b2:addmsg("m2")
    lst:abort()
    b1:abort(false)
    eq(b1:isabort(), false)
    eq(b2:isabort(), true)
    eq(lst:isabort(), true)
    check(aborted, lst, receiving)
    check(aborted, b2, receiving, adding)
    eq(b1:addmsg("m3"), true)
    gives(list("m1"), b1:nextmsg(0))
    lst:abort(false)
    eq(b2:isabort(), false)
    local got = {[lst:nextmsg(0)] = true, [lst:nextmsg(0)] = true}
    eq(got.m2 and got.m3, true)
end)

test("aborting a buffer does not abort its listener or the listener's other buffers", function()
    local lst = mtmsg.newlistener()
    local b1, b2 = lst:newbuffer(), lst:newbuffer()
    b1:addmsg("m1")
    b2:addmsg("m2")
    b1:abort()
    eq(lst:isabort(), false)
    eq(b2:isabort(), false)
    gives(list("m2"), lst:nextmsg(0))
    gives(list(), lst:nextmsg(0))
    eq(b1:msgcnt(), 1)
    b1:abort(false)
    gives(list("m1"), lst:nextmsg(0))
    gives(list(), lst:nextmsg(0))
end)

test("a re-enabled buffer that has messages goes to the end of the ready queue", function()
    local lst = mtmsg.newlistener()
    local b1, b2 = lst:newbuffer(), lst:newbuffer()
    b1:addmsg("b1")
    b2:addmsg("b2, first")
    b2:addmsg("b2, second")
    b1:abort()
    gives(list("b2, first"), lst:nextmsg(0))
    b1:abort(false)
    gives(list("b2, second"), lst:nextmsg(0))
    gives(list("b1"), lst:nextmsg(0))
end)

test("mtmsg.abort stops everything until mtmsg.abort(false)", function()
    local b, lst = mtmsg.newbuffer("buffer name"), mtmsg.newlistener("listener name")
    local lb = lst:newbuffer("a listener's")
    b:addmsg("kept")
    lb:addmsg("kept, too")
    local w, r, n = mtmsg.newwriter(), mtmsg.newreader(), mtmsg.newbuffer()
    local env = {mtmsg = mtmsg, lst = lst, id = b:id(), lid = lst:id(), r = r, w = w}
    mtmsg.abort()
    for _, o in ipairs{b, lb} do
        env.o = o
        for _, statements in ipairs{receiving, adding} do
            for _, statement in ipairs(statements) do
                raises(aborted, statement, env)
            end
        end
        eq(o:msgcnt(), 1)
    end
    env.o = lst
    for _, statement in ipairs(receiving) do
        raises(aborted, statement, env)
    end
    for _, statement in ipairs{"mtmsg.newbuffer()", "mtmsg.newbuffer('x', 10, 0)", "mtmsg.newlistener()",
                               "mtmsg.newlistener('x')", "lst:newbuffer()", "mtmsg.buffer(id)",
                               "mtmsg.buffer('buffer name')", "mtmsg.listener(lid)",
                               "mtmsg.listener('listener name')", "mtmsg.sleep(0)", "mtmsg.sleep(0.001)"} do
        raises(aborted, statement, env)
    end
    eq(b:name(), "buffer name")
    eq(lst:name(), "listener name")
    eq(mtmsg.type(b), "mtmsg.buffer")
    mtmsg.abort(false)
    eq(n:msgcnt(), 0)
    gives(list("kept"), b:nextmsg(0))
    gives(list("kept, too"), lst:nextmsg(0))
    eq(mtmsg.buffer("buffer name"):id(), b:id())
    eq(mtmsg.newbuffer():addmsg(), true)
end)

test("mtmsg.abort(false) also re-enables what was aborted on its own", function()
    local b, lst = mtmsg.newbuffer(), mtmsg.newlistener()
    local lb = lst:newbuffer()
    b:addmsg("one")
    lb:addmsg("two")
    b:abort()
    lst:abort()
    mtmsg.abort()
    mtmsg.abort(false)
    gives(list("one"), b:nextmsg(0))
    gives(list("two"), lst:nextmsg(0))
    eq(b:isabort(), false)
    eq(lst:isabort(), false)
    eq(lb:isabort(), false)
end)

test("what is created after mtmsg.abort(false) is not aborted", function()
    mtmsg.abort()
    mtmsg.abort(false)
    local lst = mtmsg.newlistener()
    local b = lst:newbuffer()
    eq(lst:isabort(), false)
    eq(b:isabort(), false)
    b:addmsg("x")
    gives(list("x"), lst:nextmsg(0))
end)

spec.run()
