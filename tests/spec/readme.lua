-- What the documentation of mtmsg 0.4 promises, sentence by sentence in its order, so that programs
-- written for it run unchanged. Promises about several threads are kept elsewhere.

local spec   = require("spec")
local mtmsg  = require("mtmsg")
local carray = require("carray")

local test, eq, ok, gives, list = spec.test, spec.eq, spec.ok, spec.gives, spec.list
local error_of = spec.error_of

-- The statement raises an error in which that error value is found.
local function raises(name, statement, env)
    local err = error_of(statement, env)
    ok(err:match(mtmsg.error[name]) ~= nil)
end

---- the example with a listener

test("example: several buffers of one listener", function()
    local listener = mtmsg.newlistener()
    local a = listener:newbuffer()
    local b = listener:newbuffer()
    a:addmsg("1st of a")
    b:addmsg("overwritten")
    a:addmsg("2nd of a")
    b:setmsg("1st of b")
    b:addmsg("2nd of b")
    ok(listener:nextmsg() == "1st of a")
    ok(listener:nextmsg() == "1st of b")
    ok(listener:nextmsg() == "2nd of a")
    ok(listener:nextmsg() == "2nd of b")
    ok(listener:nextmsg(0) == nil)
end)

---- module functions

test("newbuffer: name, size and grow are optional", function()
    for _, b in ipairs{mtmsg.newbuffer(), mtmsg.newbuffer("b"), mtmsg.newbuffer("b", 100),
                       mtmsg.newbuffer("b", 100, 1.5), mtmsg.newbuffer(100), mtmsg.newbuffer(100, 1.5)} do
        eq(mtmsg.type(b), "mtmsg.buffer")
        eq(b:addmsg(("x"):rep(5000)), true)
    end
end)

test("newbuffer: with grow factor 0 the memory is fixed by the size, 1024 if it is not given", function()
    for _, b in ipairs{mtmsg.newbuffer(1024, 0), mtmsg.newbuffer("b", nil, 0)} do
        eq(b:addmsg(("x"):rep(1000)), true)
        eq(b:addmsg(("x"):rep(100)), false)
        raises("message_size", "b:addmsg(('x'):rep(2000))", {b = b})
    end
end)

test("newbuffer: with a grow factor up to 1 and above the buffer grows", function()
    for _, grow in ipairs{0.5, 1, 2} do
        local b = mtmsg.newbuffer(10, grow)
        for i = 1, 100 do
            eq(b:addmsg(i, ("x"):rep(i)), true)
        end
        for i = 1, 100 do
            gives(list(i, ("x"):rep(i)), b:nextmsg())
        end
    end
end)

test("newbuffer: the buffer is collected after its last object", function()
    local b1 = mtmsg.newbuffer("collected buffer")
    local b2 = mtmsg.buffer("collected buffer")
    b1 = nil
    spec.collect()
    eq(mtmsg.buffer("collected buffer"):id(), b2:id())
    b2 = nil
    spec.collect()
    raises("unknown_object", "mtmsg.buffer('collected buffer')", {mtmsg = mtmsg})
end)

test("newbuffer: buffers offer the notify, receiver and sender interfaces", function()
    local metatable = debug.getmetatable(mtmsg.newbuffer())
    for _, key in ipairs{"_capi_notify", "_capi_receiver", "_capi_sender"} do
        eq(type(metatable[key]), "userdata")
    end
end)

test("buffer: finds a buffer by id and by name", function()
    local lst = mtmsg.newlistener()
    for _, b in ipairs{mtmsg.newbuffer("found 1"), lst:newbuffer("found 2")} do
        eq(mtmsg.buffer(b:id()):name(), b:name())
        eq(mtmsg.buffer(b:name()):id(), b:id())
        mtmsg.buffer(b:name()):addmsg("through the other object")
        gives(list("through the other object"), b:nextmsg())
    end
end)

test("buffer: the name must be unique, and something must be found", function()
    local b1, b2 = mtmsg.newbuffer("not unique"), mtmsg.newbuffer("not unique")
    raises("ambiguous_name", "mtmsg.buffer('not unique')", {mtmsg = mtmsg})
    raises("unknown_object", "mtmsg.buffer('no such name')", {mtmsg = mtmsg})
    raises("unknown_object", "mtmsg.buffer(1)", {mtmsg = mtmsg})
    ok(b1:id() ~= b2:id())
end)

test("newlistener: the name is optional, the listener is collected after its last object", function()
    eq(mtmsg.type(mtmsg.newlistener()), "mtmsg.listener")
    local l1 = mtmsg.newlistener("collected listener")
    local l2 = mtmsg.listener("collected listener")
    l1 = nil
    spec.collect()
    eq(mtmsg.listener("collected listener"):id(), l2:id())
    l2 = nil
    spec.collect()
    raises("unknown_object", "mtmsg.listener('collected listener')", {mtmsg = mtmsg})
end)

test("listener: finds a listener by id and by name", function()
    local lst = mtmsg.newlistener("found listener")
    eq(mtmsg.listener(lst:id()):name(), "found listener")
    eq(mtmsg.listener("found listener"):id(), lst:id())
end)

test("listener: the name must be unique, and something must be found", function()
    local l1, l2 = mtmsg.newlistener("not unique"), mtmsg.newlistener("not unique")
    raises("ambiguous_name", "mtmsg.listener('not unique')", {mtmsg = mtmsg})
    raises("unknown_object", "mtmsg.listener('no such name')", {mtmsg = mtmsg})
    raises("unknown_object", "mtmsg.listener(1)", {mtmsg = mtmsg})
    ok(l1:id() ~= l2:id())
end)

test("abort and isabort: all buffers and listeners are aborted until abort(false)", function()
    local b, lst = mtmsg.newbuffer("b"), mtmsg.newlistener("lst")
    local lb = lst:newbuffer()
    b:addmsg("x")
    lb:addmsg("y")
    for _, call in ipairs{function() mtmsg.abort() end, function() mtmsg.abort(true) end} do
        call()
        eq(mtmsg.isabort(), true)
        local env = {mtmsg = mtmsg, b = b, lst = lst, lb = lb}
        for _, statement in ipairs{"mtmsg.newbuffer()", "mtmsg.buffer('b')", "mtmsg.newlistener()",
                                   "mtmsg.listener('lst')", "mtmsg.sleep(0.01)", "b:addmsg(1)", "b:setmsg(1)",
                                   "b:nextmsg()", "b:nonblock()", "lst:newbuffer()", "lst:nextmsg()",
                                   "lst:nonblock()", "lb:addmsg(1)", "lb:nextmsg()"} do
            raises("operation_aborted", statement, env)
        end
        mtmsg.abort(false)
        eq(mtmsg.isabort(), false)
    end
    gives(list("x"), b:nextmsg())
    gives(list("y"), lst:nextmsg())
end)

test("time: seconds like os.time, but a float", function()
    local before, now, after = os.time(), mtmsg.time(), os.time()
    ok(before - 0.1 <= now and now <= after + 1.1)
    if math.type then
        eq(math.type(now), "float")
    end
end)

test("sleep: suspends for the time", function()
    local before = mtmsg.time()
    mtmsg.sleep(0.02)
    ok(mtmsg.time() - before >= 0.019)
end)

test("type: builtin types, named userdata and other userdata", function()
    for _, value in ipairs{1, "x", true, {}, print, function() end, coroutine.create(function() end)} do
        eq(mtmsg.type(value), type(value))
    end
    eq(mtmsg.type(nil), "nil")
    eq(mtmsg.type(mtmsg.newbuffer()), "mtmsg.buffer")
    eq(mtmsg.type(mtmsg.newlistener()), "mtmsg.listener")
    eq(mtmsg.type(carray.new("int", 1)), "carray")
    eq(mtmsg.type(carray.userdata()), "userdata")
    eq(mtmsg.type(carray.userdata({})), "userdata")
    eq(mtmsg.type(carray.userdata({__name = "not registered"})), "userdata")
end)

test("newwriter and newreader: size and grow are optional, grow factor 0 fixes the size", function()
    local b = mtmsg.newbuffer()
    for _, arguments in ipairs{list(), list(10), list(10, 0.5), list(10, 1), list(10, 3)} do
        local w = mtmsg.newwriter((table.unpack or unpack)(arguments, 1, arguments.n))
        local r = mtmsg.newreader((table.unpack or unpack)(arguments, 1, arguments.n))
        w:add(("x"):rep(5000))
        eq(w:addmsg(b), true)
        eq(r:nextmsg(b), true)
        gives(list(("x"):rep(5000)), r:next())
    end
    local w, r = mtmsg.newwriter(10, 0), mtmsg.newreader(10, 0)
    raises("message_size", "w:add('larger than it may be')", {w = w})
    b:addmsg("larger than it may be")
    raises("message_size", "r:nextmsg(b)", {r = r, b = b})
end)

---- buffer methods

test("buffer:id and buffer:name", function()
    local b = mtmsg.newbuffer("its name")
    eq(type(b:id()), "number")
    ok(b:id() ~= mtmsg.newbuffer():id())
    eq(b:name(), "its name")
    eq(mtmsg.newlistener():newbuffer("another name"):name(), "another name")
end)

test("buffer:addmsg: all arguments are one message of simple values and arrays", function()
    local b = mtmsg.newbuffer()
    eq(b:addmsg("text", 1, 0.5, true, false, nil, carray.pointer(8), carray.twice, carray.new("int", {1})), true)
    eq(b:msgcnt(), 1)
    local values = list(b:nextmsg())
    eq(values.n, 9)
    gives(list("text", 1, 0.5, true, false, nil, carray.pointer(8)),
          (table.unpack or unpack)(values, 1, 7))
    eq(values[8](4), 8)
    eq(values[9]:get(1), 1)
end)

test("buffer:addmsg: false where the fixed size would be exceeded, message_size where it never fits", function()
    local b = mtmsg.newbuffer(20, 0)
    eq(b:addmsg("1234567890"), true)
    eq(b:addmsg("1234567890"), false)
    raises("message_size", "b:addmsg('12345678901234567890')", {b = b})
    gives(list("1234567890"), b:nextmsg())
    eq(b:addmsg("1234567890"), true)
end)

test("buffer:setmsg: all arguments are the only message", function()
    local b = mtmsg.newbuffer()
    b:addmsg("discarded")
    b:addmsg("discarded")
    eq(b:setmsg("text", 1, true, carray.pointer(8), carray.twice, carray.new("float", {0.5})), true)
    eq(b:msgcnt(), 1)
    eq(select("#", b:nextmsg()), 6)
    raises("message_size", "b:setmsg('too long')", {b = mtmsg.newbuffer(5, 0)})
end)

test("buffer:msgcnt and buffer:clear", function()
    local b = mtmsg.newbuffer()
    b:addmsg(1)
    b:addmsg(2)
    eq(b:msgcnt(), 2)
    eq(b:clear(), true)
    eq(b:msgcnt(), 0)
    b:close()
    raises("object_closed", "b:clear()", {b = b})
end)

test("buffer:nextmsg: returns and removes a message, or nothing after the timeout", function()
    local b = mtmsg.newbuffer()
    b:addmsg("added", 1)
    gives(list("added", 1), b:nextmsg())
    b:setmsg("set", 2)
    gives(list("set", 2), b:nextmsg(5))
    gives(list(), b:nextmsg(0))
    local before = mtmsg.time()
    gives(list(), b:nextmsg(0.02))
    ok(mtmsg.time() - before >= 0.019)
end)

-- The same for all that receive arrays: f(array...) receives one float array {0.5}.
local function check_reuse(receive)
    local float, other, unused = carray.new("float", 10), carray.new("int", 10), carray.new("float", 10)
    eq(receive(other, float, unused), float)
    gives(list(0.5), float:values())
    eq(other:len(), 0)
    eq(unused:len(), 0)
end

test("buffer:nextmsg: arrays are used again, unused ones are set to length 0", function()
    local b = mtmsg.newbuffer()
    b:addmsg(carray.new("float", {0.5}))
    check_reuse(function(...) return b:nextmsg(1, ...) end)
    b:addmsg(carray.new("float", {0.5}))
    check_reuse(function(...) return b:nextmsg(...) end)
    b:addmsg(carray.new("float", {0.5}))
    check_reuse(function(...) return b:nextmsg(nil, ...) end)
end)

test("buffer:nextmsg: in nonblock mode without timeout it returns at once", function()
    local b = mtmsg.newbuffer()
    b:nonblock()
    gives(list(), b:nextmsg())
    gives(list(), b:nextmsg(nil))
    b:addmsg("x")
    gives(list("x"), b:nextmsg())
end)

test("buffer:notifier: both types, default type, thresholds, nil", function()
    local b, added, removed = mtmsg.newbuffer(), mtmsg.newbuffer(), mtmsg.newbuffer()
    local function check(expected_added, expected_removed)
        eq(added:msgcnt(), expected_added)
        eq(removed:msgcnt(), expected_removed)
        added:clear()
        removed:clear()
    end
    b:notifier(added)
    b:notifier(removed, "<")
    b:addmsg(1)
    check(1, 0)
    b:nextmsg()
    check(0, 1)
    raises("has_notifier", "b:notifier(n)", {b = b, n = added})
    raises("has_notifier", "b:notifier(n, '>')", {b = b, n = removed})
    raises("has_notifier", "b:notifier(n, '<')", {b = b, n = added})
    b:notifier(nil)
    b:addmsg(1)
    b:nextmsg()
    check(0, 1)
    b:notifier(nil, "<")
    b:addmsg(1)
    b:nextmsg()
    check(0, 0)
    b:notifier(added, ">", 1)
    b:notifier(removed, "<", 1)
    b:addmsg(1)
    check(0, 0)
    b:addmsg(2)
    check(1, 0)
    b:nextmsg()
    check(0, 0)
    b:nextmsg()
    check(0, 1)
    spec.bad_argument(1, "notifier", "b:notifier({})", {b = b})
    b:close()
    raises("object_closed", "b:notifier(n)", {b = b, n = added})
end)

test("buffer:nonblock and buffer:isnonblock: a mode of the object, not of the buffer", function()
    local b = mtmsg.newbuffer()
    local same = mtmsg.buffer(b:id())
    eq(b:isnonblock(), false)
    b:nonblock()
    eq(b:isnonblock(), true)
    eq(same:isnonblock(), false)
    b:nonblock(false)
    eq(b:isnonblock(), false)
    b:nonblock(true)
    eq(b:isnonblock(), true)
    eq(b:addmsg("x"), true)
    eq(b:setmsg("y"), true)
    gives(list("y"), b:nextmsg())
    b:abort()
    raises("operation_aborted", "b:nonblock()", {b = b})
    b:close()
    raises("object_closed", "b:nonblock()", {b = b})
end)

test("buffer:close: every operation from any object raises, for ever", function()
    local b = mtmsg.newbuffer()
    local same = mtmsg.buffer(b:id())
    b:addmsg("x")
    b:close()
    for _, object in ipairs{b, same} do
        for _, statement in ipairs{"o:addmsg(1)", "o:setmsg(1)", "o:nextmsg()", "o:nextmsg(0)", "o:clear()",
                                   "o:nonblock()", "o:notifier(nil)"} do
            raises("object_closed", statement, {o = object})
        end
    end
end)

test("buffer:abort and buffer:isabort", function()
    local b = mtmsg.newbuffer()
    b:addmsg("x")
    eq(b:isabort(), false)
    for _, call in ipairs{function() b:abort() end, function() b:abort(true) end} do
        call()
        eq(b:isabort(), true)
        for _, statement in ipairs{"b:addmsg(1)", "b:setmsg(1)", "b:nextmsg()", "b:nonblock()"} do
            raises("operation_aborted", statement, {b = b})
        end
        b:abort(false)
        eq(b:isabort(), false)
    end
    gives(list("x"), b:nextmsg())
end)

---- listener methods

test("listener:id, listener:name and listener:newbuffer", function()
    local lst = mtmsg.newlistener("its name")
    eq(type(lst:id()), "number")
    ok(lst:id() ~= mtmsg.newlistener():id())
    eq(lst:name(), "its name")
    for _, b in ipairs{lst:newbuffer(), lst:newbuffer("b"), lst:newbuffer("b", 100), lst:newbuffer("b", 100, 1.5),
                       lst:newbuffer(100), lst:newbuffer(100, 1.5)} do
        b:addmsg(("x"):rep(1000))
        gives(list(("x"):rep(1000)), lst:nextmsg())
    end
    eq(lst:newbuffer(4, 0):addmsg("1"), true)
    raises("message_size", "lst:newbuffer(4, 0):addmsg('12')", {lst = lst})
end)

test("listener:newbuffer: the listener holds no reference, but the messages are delivered", function()
    local lst = mtmsg.newlistener()
    local b = lst:newbuffer("not referenced")
    b:addmsg("first")
    b:addmsg("second")
    b = nil
    spec.collect()
    raises("unknown_object", "mtmsg.buffer('not referenced')", {mtmsg = mtmsg})
    gives(list("first"), lst:nextmsg())
    gives(list("second"), lst:nextmsg())
    raises("no_buffers", "lst:nextmsg()", {lst = lst})
end)

test("listener:nextmsg: returns and removes a message of one of its buffers", function()
    local lst = mtmsg.newlistener()
    local b1, b2 = lst:newbuffer(), lst:newbuffer()
    b1:addmsg("added", 1)
    b2:setmsg("set", 2)
    gives(list("added", 1), lst:nextmsg())
    eq(b1:msgcnt(), 0)
    gives(list("set", 2), lst:nextmsg(5))
    eq(b2:msgcnt(), 0)
    gives(list(), lst:nextmsg(0))
    local before = mtmsg.time()
    gives(list(), lst:nextmsg(0.02))
    ok(mtmsg.time() - before >= 0.019)
end)

test("listener:nextmsg: arrays are used again, unused ones are set to length 0", function()
    local lst = mtmsg.newlistener()
    local b = lst:newbuffer()
    b:addmsg(carray.new("float", {0.5}))
    check_reuse(function(...) return lst:nextmsg(1, ...) end)
    b:addmsg(carray.new("float", {0.5}))
    check_reuse(function(...) return lst:nextmsg(...) end)
end)

test("listener:nonblock and listener:isnonblock: a mode of the object, not of the listener", function()
    local lst = mtmsg.newlistener()
    local same = mtmsg.listener(lst:id())
    local b = lst:newbuffer()
    eq(lst:isnonblock(), false)
    lst:nonblock()
    eq(lst:isnonblock(), true)
    eq(same:isnonblock(), false)
    gives(list(), lst:nextmsg())
    b:addmsg("x")
    gives(list("x"), lst:nextmsg())
    lst:nonblock(false)
    eq(lst:isnonblock(), false)
    lst:abort()
    raises("operation_aborted", "lst:nonblock()", {lst = lst})
    lst:close()
    raises("object_closed", "lst:nonblock()", {lst = lst})
end)

test("listener:clear: all messages of all buffers", function()
    local lst = mtmsg.newlistener()
    local b1, b2 = lst:newbuffer(), lst:newbuffer()
    b1:addmsg(1)
    b1:addmsg(2)
    b2:addmsg(3)
    eq(lst:clear(), true)
    eq(b1:msgcnt() + b2:msgcnt(), 0)
    gives(list(), lst:nextmsg(0))
    lst:close()
    raises("object_closed", "lst:clear()", {lst = lst})
end)

test("listener:close: the listener and its buffers, from any object, for ever", function()
    local lst = mtmsg.newlistener()
    local same = mtmsg.listener(lst:id())
    local b = lst:newbuffer()
    b:addmsg("x")
    lst:close()
    for _, statement in ipairs{"lst:nextmsg()", "same:nextmsg(0)", "lst:clear()", "lst:nonblock()",
                               "lst:newbuffer()", "b:addmsg(1)", "b:setmsg(1)", "b:nextmsg()", "b:clear()"} do
        raises("object_closed", statement, {lst = lst, same = same, b = b})
    end
end)

test("listener:abort and listener:isabort: the listener and its buffers", function()
    local lst = mtmsg.newlistener()
    local b = lst:newbuffer()
    b:addmsg("x")
    eq(lst:isabort(), false)
    for _, call in ipairs{function() lst:abort() end, function() lst:abort(true) end} do
        call()
        eq(lst:isabort(), true)
        for _, statement in ipairs{"lst:nextmsg()", "lst:nonblock()", "b:addmsg(1)", "b:setmsg(1)", "b:nextmsg()"} do
            raises("operation_aborted", statement, {lst = lst, b = b})
        end
        lst:abort(false)
        eq(lst:isabort(), false)
    end
    b:addmsg("y")
    gives(list("x"), lst:nextmsg())
    gives(list("y"), lst:nextmsg())
end)

---- writer methods

test("example: a writer builds the same message as addmsg", function()
    local writer, buffer = mtmsg.newwriter(), mtmsg.newbuffer()
    writer:add("one"); writer:add("two", "three"); writer:addmsg(buffer)
    buffer:addmsg("one", "two", "three")
    gives(list(buffer:nextmsg()), buffer:nextmsg())
end)

test("writer:add: simple values and arrays", function()
    local w, b = mtmsg.newwriter(), mtmsg.newbuffer()
    w:add("text", 1, 0.5, true, nil, carray.pointer(8), carray.twice, carray.new("int", {1}))
    w:addmsg(b)
    eq(select("#", b:nextmsg()), 8)
end)

test("writer:addmsg: one message, the writer is empty after success only", function()
    local w, b = mtmsg.newwriter(), mtmsg.newbuffer(20, 0)
    w:add("1234567890")
    eq(w:addmsg(b), true)
    eq(b:msgcnt(), 1)
    w:add("abcdefghij")
    eq(w:addmsg(b), false)
    gives(list("1234567890"), b:nextmsg())
    eq(w:addmsg(b), true)
    gives(list("abcdefghij"), b:nextmsg())
    eq(w:addmsg(b), true)
    gives(list(), b:nextmsg())
end)

test("writer:setmsg: discards other messages", function()
    local w, b = mtmsg.newwriter(), mtmsg.newbuffer()
    b:addmsg("discarded")
    w:add("set")
    eq(w:setmsg(b), true)
    eq(b:msgcnt(), 1)
    gives(list("set"), b:nextmsg())
end)

test("writer:addmsg and writer:setmsg: closed and aborted buffers", function()
    for _, name in ipairs{"addmsg", "setmsg"} do
        local w, b = mtmsg.newwriter(), mtmsg.newbuffer()
        b:abort()
        raises("operation_aborted", ("w:%s(b)"):format(name), {w = w, b = b})
        b:close()
        raises("object_closed", ("w:%s(b)"):format(name), {w = w, b = b})
    end
end)

test("writer:clear: removes all values", function()
    local w, b = mtmsg.newwriter(), mtmsg.newbuffer()
    w:add("removed")
    w:clear()
    w:add("sent")
    w:addmsg(b)
    gives(list("sent"), b:nextmsg())
end)

---- reader methods

test("example: a reader gives the same values as nextmsg", function()
    local reader, buffer = mtmsg.newreader(), mtmsg.newbuffer()
    buffer:addmsg("one", 2, 3.5)
    buffer:addmsg("one", 2, 3.5)
    reader:nextmsg(buffer); local a = reader:next(); local b, c = reader:next(2)
    gives(list(a, b, c), buffer:nextmsg())
    gives(list("one", 2, 3.5), a, b, c)
end)

test("reader:next: count, default 1, nothing at the end, removes what it returns", function()
    local r, b = mtmsg.newreader(), mtmsg.newbuffer()
    b:addmsg(1, 2, 3, 4, 5)
    r:nextmsg(b)
    gives(list(1), r:next())
    gives(list(2, 3), r:next(2))
    gives(list(4, 5), r:next(100))
    gives(list(), r:next())
    gives(list(), r:next(2))
end)

test("reader:next: arrays are used again, unused ones are set to length 0", function()
    local r, b = mtmsg.newreader(), mtmsg.newbuffer()
    b:addmsg(carray.new("float", {0.5}), carray.new("float", {0.5}))
    r:nextmsg(b)
    check_reuse(function(...) return r:next(1, ...) end)
    check_reuse(function(...) return r:next(...) end)
end)

test("reader:nextmsg: true and false, from buffers and listeners, with and without timeout", function()
    local r, b, lst = mtmsg.newreader(), mtmsg.newbuffer(), mtmsg.newlistener()
    local lb = lst:newbuffer()
    for source, feed in pairs{[b] = b, [lst] = lb} do
        feed:addmsg("one")
        feed:addmsg("two")
        eq(r:nextmsg(source), true)
        eq(feed:msgcnt(), 1)
        gives(list("one"), r:next())
        eq(r:nextmsg(source, 5), true)
        gives(list("two"), r:next())
        local before = mtmsg.time()
        eq(r:nextmsg(source, 0.02), false)
        ok(mtmsg.time() - before >= 0.019)
        source:nonblock()
        eq(r:nextmsg(source), false)
    end
end)

test("reader:nextmsg: old values are discarded", function()
    local r, b = mtmsg.newreader(), mtmsg.newbuffer()
    b:addmsg("old", "old")
    b:addmsg("new")
    r:nextmsg(b)
    r:nextmsg(b)
    gives(list("new"), r:next(5))
end)

test("reader:nextmsg: no_buffers, object_closed, operation_aborted", function()
    local r, b, lst = mtmsg.newreader(), mtmsg.newbuffer(), mtmsg.newlistener()
    raises("no_buffers", "r:nextmsg(lst)", {r = r, lst = lst})
    b:abort()
    raises("operation_aborted", "r:nextmsg(b)", {r = r, b = b})
    b:close()
    raises("object_closed", "r:nextmsg(b)", {r = r, b = b})
end)

test("reader:clear: removes all values", function()
    local r, b = mtmsg.newreader(), mtmsg.newbuffer()
    b:addmsg(1, 2, 3)
    r:nextmsg(b)
    r:clear()
    gives(list(), r:next())
end)

---- errors

test("example: error values are strings that name themselves", function()
    ok(mtmsg.error.object_closed == "mtmsg.error.object_closed")
    for _, name in ipairs{"ambiguous_name", "message_size", "no_buffers", "has_notifier", "object_closed",
                          "operation_aborted", "out_of_memory", "unknown_object"} do
        eq(mtmsg.error[name], "mtmsg.error." .. name)
    end
end)

test("example: error values are found in errors", function()
    local listener = mtmsg.newlistener()
    local _, err = pcall(function() listener:nextmsg() end)
    ok(err:match(mtmsg.error.no_buffers) ~= nil)
end)

test("no_buffers: a collected buffer is disconnected", function()
    local lst = mtmsg.newlistener()
    local b = lst:newbuffer()
    gives(list(), lst:nextmsg(0))
    eq(b:msgcnt(), 0)
    b = nil
    spec.collect()
    raises("no_buffers", "lst:nextmsg()", {lst = lst})
end)

spec.run()
