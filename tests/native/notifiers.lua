-- What buffers do with notifiers that are not buffers: when they call them, in which thread, what
-- comes of the result, and what such a notifier may do to the buffer while it runs.

local native = dofile "tests/native/lib/native.lua"
local mtmsg = require "mtmsg"
local notifiers = require "notifiers"
local spec = require "spec"
local old, test, eq = native.old, native.test, native.eq

-- A buffer with a notifier of these options.
local function connected(options, kind, threshold)
    local b = mtmsg.newbuffer()
    local n = notifiers.new(options)
    b:notifier(n, kind, threshold)
    return b, n
end

local function calls(n, f, ...)
    local before = n:notified()
    f(...)
    return n:notified() - before
end

---------------------------------------------------------------------------------- when

test("an added message calls the notifier once, however it was added", function()
    local b, n = connected()
    local w = mtmsg.newwriter()
    eq(calls(n, b.addmsg, b, "m"), 1)
    eq(calls(n, b.addmsg, b), 1)
    eq(calls(n, b.setmsg, b, "m"), 1)
    w:add("m")
    eq(calls(n, w.addmsg, w, b), 1)
    eq(calls(n, w.setmsg, w, b), 1)
    eq(calls(n, native.send, b, "m"), 1)
    eq(calls(n, old.notify, b), 1)
    local nw = native.writer(b, "m")
    eq(calls(n, nw.send, nw, b, true, true), 1)
end)

test("removing and clearing do not call the notifier of the adding side", function()
    local b = mtmsg.newbuffer()
    for i = 1, 5 do b:addmsg(i) end
    local n = notifiers.new()
    b:notifier(n, ">")
    b:nextmsg(0)
    mtmsg.newreader():nextmsg(b, 0)
    native.receive(b)
    b:clear()
    b:close()
    eq(n:notified(), 0)
end)

test("a removed message calls the notifier of the removing side once, however it was removed", function()
    local lst = mtmsg.newlistener()
    local b, n = lst:newbuffer(), notifiers.new()
    b:notifier(n, "<")
    local r, nr = mtmsg.newreader(), old.reader(b)
    for i = 1, 9 do b:addmsg(i) end
    eq(n:notified(), 0)
    eq(calls(n, b.nextmsg, b, 0), 1)
    eq(calls(n, lst.nextmsg, lst, 0), 1)
    eq(calls(n, r.nextmsg, r, b, 0), 1)
    eq(calls(n, r.nextmsg, r, lst, 0), 1)
    eq(calls(n, nr.receive, nr, b, false, 0), 1)
    eq(calls(n, nr.receive, nr, b, true, 0), 1)
    eq(calls(n, b.setmsg, b, "m"), 0)
    eq(calls(n, b.clear, b), 0)
    eq(calls(n, b.nextmsg, b, 0), 0) -- there was none
    b:addmsg("m")
    eq(calls(n, lst.clear, lst), 0)
    eq(calls(n, b.close, b), 0)
end)

test("a message that could not be added calls nothing", function()
    local b, n = mtmsg.newbuffer(4, 0), notifiers.new()
    b:notifier(n)
    b:addmsg("1")
    eq(n:notified(), 1)
    eq(b:addmsg("2"), false)
    pcall(b.addmsg, b, "m2")
    pcall(b.addmsg, b, {})
    b:abort()
    pcall(b.addmsg, b, "1")
    eq(native.send(b, "1"), 2)
    eq(n:notified(), 1)
end)

test("> with a threshold: called while more messages than that are in", function()
    local b, n = connected({}, ">", 2)
    local seen = {}
    for i = 1, 4 do seen[i] = calls(n, b.addmsg, b, i) end
    eq(table.concat(seen), "0011")
    eq(calls(n, b.setmsg, b, "m"), 0) -- one is in
    eq(calls(n, b.addmsg, b, "m"), 0)
    eq(calls(n, b.addmsg, b, "m"), 1)
end)

test("< with a threshold: called while fewer messages than that are left", function()
    local b, n = connected({}, "<", 2)
    local seen = {}
    for i = 1, 4 do b:addmsg(i) end
    for i = 1, 4 do seen[i] = calls(n, b.nextmsg, b, 0) end
    eq(table.concat(seen), "0011")
end)

test("a threshold of 0, a negative one and nil are none", function()
    for _, threshold in ipairs {0, -1, -1000, false} do
        for _, kind in ipairs {">", "<"} do
            local b, n = connected({}, kind, threshold or nil)
            eq(calls(n, b.addmsg, b, "m"), kind == ">" and 1 or 0)
            eq(calls(n, b.nextmsg, b, 0), kind == "<" and 1 or 0)
        end
    end
end)

test("the type is > unless given, and one of each can be connected", function()
    local b, n = connected()
    local other = notifiers.new()
    b:notifier(other, "<")
    b:addmsg("m")
    eq(n:notified() .. other:notified(), "10")
    b:nextmsg(0)
    eq(n:notified() .. other:notified(), "11")
end)

test("the message is visible while the notifier of the adding side runs", function()
    local b = mtmsg.newbuffer()
    local seen = {}
    b:notifier(notifiers.new {call = function() seen[#seen + 1] = b:msgcnt() end})
    b:addmsg("m1")
    b:addmsg("m2")
    eq(table.concat(seen, " "), "1 2")
end)

test("the message is gone while the notifier of the removing side runs", function()
    local b = mtmsg.newbuffer()
    local seen = {}
    b:addmsg("m1")
    b:addmsg("m2")
    b:notifier(notifiers.new {call = function() seen[#seen + 1] = b:msgcnt() end}, "<")
    b:nextmsg(0)
    b:nextmsg(0)
    eq(table.concat(seen, " "), "1 0")
end)

---------------------------------------------------------------------------------- connecting

test("a second notifier of the same type is refused", function()
    local b, n = connected()
    local second = notifiers.new()
    native.raises(mtmsg.error.has_notifier, b.notifier, b, second)
    native.raises(mtmsg.error.has_notifier, b.notifier, b, second, ">", 7)
    native.raises(mtmsg.error.has_notifier, b.notifier, b, n)
    b:addmsg("m")
    eq(n:notified(), 1)
    eq(second:notified(), 0)
    eq(second:connections(), 0)
end)

test("a connected notifier is retained, a disconnected one is released", function()
    local b, n = connected()
    eq(n:connections(), 1)
    b:notifier(nil, "<") -- another one
    eq(n:connections(), 1)
    b:notifier(nil)
    eq(n:connections(), 0)
    b:notifier(nil) -- there is none
    b:addmsg("m")
    eq(n:notified(), 0)
    b:notifier(n, "<")
    b:notifier(n, ">")
    eq(n:connections(), 2)
    b:notifier(nil, ">")
    b:notifier(nil, "<")
    eq(n:connections(), 0)
end)

test("the notifier of a collected buffer is released", function()
    local b, n = connected()
    b:notifier(n, "<")
    b = nil
    native.collect()
    eq(n:connections(), 0)
end)

test("the notifier of a closed buffer is released, at the latest with it", function()
    local b, n = connected()
    b:close()
    b = nil
    native.collect()
    eq(n:connections(), 0)
    local _, retains, releases = n:counts()
    eq(retains, releases)
end)

-- story: an error of a notifier's API kept the buffer until the state was closed
test("an error that its API raises leaves nothing behind", function()
    local b = mtmsg.newbuffer()
    local id = b:id()
    native.raises("refused", b.notifier, b, notifiers.table("refused"))
    eq(mtmsg.buffer(id):id(), id)
    native.collect()
    b:release()
    eq(pcall(mtmsg.buffer, id), false)
end)

test("a connected notifier works on when Lua has dropped it", function()
    native.collect()
    local live = notifiers.live()
    local b = connected {code = 5, text = "still here"}
    native.collect()
    eq(notifiers.live(), live + 1)
    native.raises("Error while calling notifier: still here", b.addmsg, b, "m")
    b:notifier(nil)
    eq(notifiers.live(), live)
end)

test("a table is a notifier if its metatable says so", function()
    local n = notifiers.new()
    local b = mtmsg.newbuffer()
    b:notifier(notifiers.table(n))
    native.collect()
    b:addmsg("m")
    eq(n:notified(), 1)
    eq(n:connections(), 1)
    b:notifier(nil)
    eq(n:connections(), 0)
end)

test("what is no notifier is a bad argument, and connects nothing", function()
    local b = mtmsg.newbuffer()
    for _, value in ipairs {false, 1, "x", {}, print, mtmsg.newlistener(), mtmsg.newwriter(), io.stdout,
                            notifiers.table(1), notifiers.table {}, setmetatable({}, {_capi_notify = {}})} do
        native.raises("bad argument #1 to 'notifier'", function() b:notifier(value) end)
    end
    native.raises("bad argument #2 to 'notifier'", function() b:notifier(notifiers.new(), "=") end)
    native.raises("bad argument #3 to 'notifier'", function() b:notifier(notifiers.new(), ">", {}) end)
    b:notifier(notifiers.new())
end)

test("a closed buffer connects nothing", function()
    local b, n = mtmsg.newbuffer(), notifiers.new()
    b:close()
    native.raises(mtmsg.error.object_closed, b.notifier, b, n)
    eq(n:connections(), 0)
end)

---------------------------------------------------------------------------------- results

test("code 1 disconnects, and is no error", function()
    local b, n = connected {code = 1, text = "not to be seen"}
    eq(b:addmsg("m1"), true)
    eq(n:connections(), 0)
    eq(b:addmsg("m2"), true)
    eq(n:notified(), 1)
    b:notifier(notifiers.new()) -- the place is free
    eq(b:msgcnt(), 2)
end)

test("code 1 of the removing side disconnects, and the message is returned", function()
    local b, n = connected({code = 1}, "<")
    b:addmsg("m1")
    eq((b:nextmsg()), "m1")
    eq(n:connections(), 0)
end)

test("a call that must not wait disconnects, and leaves freeing to others", function()
    local b, n = connected({code = 1}, "<")
    b:addmsg("m1")
    eq((b:nextmsg(0)), "m1")
    mtmsg.newbuffer():close()
    collectgarbage()
    collectgarbage()
    eq(n:connections(), 0)
end)

test("code 1 in a native call is code 0", function()
    local b = connected {code = 1}
    b:notifier(notifiers.new {code = 1}, "<")
    eq(native.send(b, "m"), 0)
    eq((native.receive(b)), 0)
end)

test("code 1 disconnects the one of two connections that it comes from", function()
    local b, n = connected {code = 1}
    b:notifier(n, "<")
    b:addmsg("m")
    eq(n:connections(), 1)
    eq((b:nextmsg()), "m")
    eq(n:connections(), 0)
end)

test("any other code raises in the Lua caller, and the message is in", function()
    for _, code in ipairs {2, 3, 4, 5, 6, 999, -1, -2147483648} do
        local b, n = connected {code = code, text = "no luck"}
        native.raises("Error while calling notifier: no luck", b.addmsg, b, "m1")
        native.raises("Error while calling notifier: no luck", b.setmsg, b, "m2")
        local w = mtmsg.newwriter()
        w:add("m3")
        native.raises("Error while calling notifier: no luck", w.addmsg, w, b)
        eq(n:connections(), 1)
        eq(table.concat(native.drain(b), " "), "m2 m3")
    end
end)

test("without a text the error tells the code", function()
    local b, n = connected {code = 17}
    native.raises("Unknown error while calling notifier. (rc=17)", b.addmsg, b, "m1")
    n:set_code(-1)
    native.raises("Unknown error while calling notifier. (rc=-1)", b.addmsg, b, "m1")
end)

test("a text with NULs arrives whole", function()
    local b = connected {code = 2, text = "a\0b\0"}
    local _, err = pcall(b.addmsg, b, "m1")
    assert(err:find("Error while calling notifier: a\0b\0", 1, true))
end)

test("code 0 with a text is no error", function()
    local b = connected {code = 0, text = "only chatting"}
    eq(b:addmsg("m1"), true)
    eq(native.send(b, "m2"), 0)
end)

test("where the removing side's notifier fails, nextmsg raises and puts its message back", function()
    local lst = mtmsg.newlistener()
    local b, n = lst:newbuffer(), notifiers.new {code = 2, text = "no luck"}
    b:notifier(n, "<")
    b:addmsg("m1")
    b:addmsg("m2")
    native.raises("Error while calling notifier: no luck", b.nextmsg, b, 0)
    eq(b:msgcnt(), 2)
    native.raises("Error while calling notifier: no luck", lst.nextmsg, lst, 0)
    eq(b:msgcnt(), 2)
    n:set_code(0)
    eq((lst:nextmsg(0)), "m1")
    eq((b:nextmsg(0)), "m2")
    eq(n:notified(), 4)
end)

test("a message that is put back into a fixed buffer may take it over its size", function()
    local b = mtmsg.newbuffer(4, 0)
    b:addmsg("1")
    local filler = notifiers.new {code = 2, call = function() b:addmsg("2") end}
    b:notifier(filler, "<")
    pcall(b.nextmsg, b, 0) -- its bytes are free: "2" fits, and then "1" comes back
    eq(b:msgcnt(), 2)
    eq(b:addmsg("3"), false)
    b:notifier(nil, "<")
    eq((b:nextmsg(0)), "1")
    eq(b:addmsg("3"), false)
    eq((b:nextmsg(0)), "2")
    eq(b:addmsg("3"), true)
end)

test("where the removing side's notifier fails, reader:nextmsg raises and keeps the message", function()
    local b = connected({code = 2, text = "no luck"}, "<")
    local r = mtmsg.newreader()
    b:addmsg("m1", 2)
    native.raises("Error while calling notifier: no luck", r.nextmsg, r, b, 0)
    eq(b:msgcnt(), 0)
    spec.gives(spec.list("m1", 2), r:next(5))
end)

test("a message is dropped, not put back, if the buffer was cleared meanwhile", function()
    for _, method in ipairs {"clear", "setmsg", "close"} do
        local b = mtmsg.newbuffer()
        b:notifier(notifiers.new {code = 2, call = function() b[method](b, "new") end}, "<")
        b:addmsg("old")
        native.raises("notifier", b.nextmsg, b, 0)
        eq(b:msgcnt(), method == "setmsg" and 1 or 0)
    end
end)

---------------------------------------------------------------------------------- calling back

test("a notifier may add to the buffer that calls it, and is called once more for that", function()
    local b = mtmsg.newbuffer()
    local n = notifiers.new {add_to = b, times = 1}
    b:notifier(n)
    b:addmsg("m1")
    eq(n:notified(), 2)
    eq(n:inner_code(), 0)
    eq(table.concat(native.drain(b), " "), "m1 from notifier")
    eq(calls(n, b.addmsg, b, "m2"), 1) -- the next time it is called again
    b:notifier(nil)
end)

test("a notifier may take from the buffer that calls it", function()
    local b = mtmsg.newbuffer()
    local n = notifiers.new {take_from = b}
    b:notifier(n)
    for i = 1, 100 do eq(b:addmsg(i), true) end
    eq(n:inner_code(), 0)
    eq(n:notified(), 100)
    eq(b:msgcnt(), 0)
    b:notifier(nil)
end)

test("a notifier of the removing side may refill the buffer", function()
    local b = mtmsg.newbuffer()
    local n = notifiers.new {add_to = b}
    b:notifier(n, "<", 1)
    b:addmsg("m1")
    eq((b:nextmsg(0)), "m1")
    for _ = 1, 10 do eq((b:nextmsg(0)), "from notifier") end
    eq(n:notified(), 11)
    b:notifier(nil, "<")
end)

test("a notifier of the removing side may take, and is called once more for that", function()
    local b = mtmsg.newbuffer()
    local n = notifiers.new {take_from = b, times = 1}
    b:notifier(n, "<")
    for i = 1, 4 do b:addmsg(i) end
    eq((b:nextmsg(0)), 1)
    eq(n:notified(), 2)
    eq((b:nextmsg(0)), 3)
    eq(n:notified(), 3)
    eq(b:msgcnt(), 1)
    b:notifier(nil, "<")
end)

test("while one side's notifier runs the other side's is called, once", function()
    local b = mtmsg.newbuffer()
    local taker, adder = notifiers.new {take_from = b, times = 1}, notifiers.new {add_to = b}
    b:notifier(taker, ">")
    b:notifier(adder, "<")
    eq(b:addmsg("m"), true) -- taken by taker, replaced by adder, for which taker is called once more
    eq(taker:notified() .. adder:notified(), "21")
    eq(b:msgcnt(), 1)
    b:notifier(nil, ">")
    b:notifier(nil, "<")
end)

test("two buffers whose notifiers add to each other do not recur", function()
    local a, b = mtmsg.newbuffer(), mtmsg.newbuffer()
    local to_a, to_b = notifiers.new {add_to = a}, notifiers.new {add_to = b, times = 2}
    a:notifier(to_b)
    b:notifier(to_a)
    eq(a:addmsg("m"), true)
    eq(to_b:notified() .. to_a:notified(), "32")
    eq(a:msgcnt() .. b:msgcnt(), "32")
    a:notifier(nil)
    b:notifier(nil)
end)

test("a ring of buffers ends at the first one met twice, for native callers too", function()
    local a, b, c = mtmsg.newbuffer(), mtmsg.newbuffer(), mtmsg.newbuffer()
    a:notifier(b)
    b:notifier(c)
    c:notifier(a)
    eq(native.send(a, "m"), 0)
    eq(a:msgcnt() .. b:msgcnt() .. c:msgcnt(), "111")
    eq(old.notify(b), 0)
    eq(a:msgcnt() .. b:msgcnt() .. c:msgcnt(), "222")
    a:notifier(nil)
    a:notifier(a)
    eq(native.send(a, "m"), 0)
    eq(a:msgcnt(), 3)
    a:notifier(nil)
end)

test("a chain of 100,000 buffers is walked without recursion, to the foreign notifier at its end", function()
    local n = notifiers.new {code = 5, text = "the end"}
    local first = mtmsg.newbuffer(16)
    local last = first
    for _ = 1, 100000 do
        local following = mtmsg.newbuffer(16)
        last:notifier(following)
        last = following
    end
    last:notifier(n)
    local code, text = native.send(first, "m")
    eq(code, 999)
    eq(text, "Error while calling notifier: the end")
    eq(last:msgcnt(), 1)
    eq(n:notified(), 1)
end)

test("a foreign notifier in the middle of a chain of buffers adds to the next one", function()
    local a, b = mtmsg.newbuffer(), mtmsg.newbuffer()
    local link, n = notifiers.new {add_to = b}, notifiers.new()
    a:notifier(link)
    b:notifier(n)
    a:addmsg("m")
    eq(link:notified() .. n:notified(), "11")
    eq(a:msgcnt() .. b:msgcnt(), "11")
end)

test("a buffer that is closed is dropped as a notifier", function()
    local a, b = mtmsg.newbuffer(), mtmsg.newbuffer()
    a:notifier(b)
    b:close()
    eq(a:addmsg("m1"), true)
    eq(native.send(a, "m2"), 0)
    a:notifier(mtmsg.newbuffer())
end)

test("a buffer that cannot take the notification makes it fail with its code", function()
    local function failing(code, b, prepare)
        local a = mtmsg.newbuffer()
        a:notifier(b)
        if prepare then prepare(b) end
        local text = ("Unknown error while calling notifier. (rc=%d)"):format(code)
        native.raises(text, a.addmsg, a, "m")
        local got, why = native.send(a, "m")
        eq(got, 999)
        eq(why, text)
        eq(a:msgcnt(), 2)
    end
    failing(2, mtmsg.newbuffer(), function(b) b:abort() end)
    failing(4, mtmsg.newbuffer(1, 0), function(b) b:addmsg() end)
    failing(5, mtmsg.newbuffer(0, 0))
end)

test("a notifier that runs Lua code may close, abort or disconnect the buffer, or connect another", function()
    local b, other = mtmsg.newbuffer(), notifiers.new()
    local n = notifiers.new {call = function() b:close() end}
    b:notifier(n)
    eq(b:addmsg("m"), true)
    native.raises(mtmsg.error.object_closed, b.addmsg, b, "m")

    b = mtmsg.newbuffer()
    n = notifiers.new {call = function() b:abort() end}
    b:notifier(n)
    eq(b:addmsg("m"), true)
    native.raises(mtmsg.error.operation_aborted, b.addmsg, b, "m")

    b = mtmsg.newbuffer()
    n = notifiers.new {call = function() b:notifier(nil) end}
    b:notifier(n)
    eq(b:addmsg("m"), true)
    eq(n:connections(), 0)
    eq(calls(n, b.addmsg, b, "m"), 0)

    n = notifiers.new {code = 1, call = function() b:notifier(nil) b:notifier(other) end}
    b:notifier(n)
    eq(b:addmsg("m"), true)
    eq(n:connections(), 0)
    eq(other:connections(), 1) -- code 1 was not about this one
    eq(calls(other, b.addmsg, b, "m"), 1)
end)

test("a notifier that connects itself anew is called for what it adds when it has returned", function()
    local b, n, count = mtmsg.newbuffer(), nil, 0
    n = notifiers.new {call = function()
        assert(n:inside() == 1, "it was called in the middle of a call")
        count = count + 1
        b:notifier(nil)
        b:notifier(n)
        if count < 3 then b:addmsg("again") end
    end}
    b:notifier(n)
    eq(b:addmsg("m"), true)
    eq(n:notified(), 3)
    eq(b:msgcnt(), 3)
    b:notifier(nil)
end)

test("a notifier that runs Lua code may drop the last reference to the buffer", function()
    local b = mtmsg.newbuffer()
    local n = notifiers.new {call = function() b = nil native.collect() end}
    b:notifier(n)
    eq(b:addmsg("m"), true)
    native.collect()
    eq(n:connections(), 0)
    eq(n:notified(), 1)
end)

test("a notifier that runs Lua code may clear the buffer and receive from it", function()
    local b = mtmsg.newbuffer()
    local got = {}
    local n = notifiers.new {call = function()
        local message = b:nextmsg(0)
        if not message then return end -- it is called once more, for what it did itself
        got[#got + 1] = message
        b:addmsg("again")
        b:clear()
    end}
    b:notifier(n)
    eq(b:addmsg("m1"), true)
    eq(b:addmsg("m2"), true)
    eq(table.concat(got, " "), "m1 m2")
    eq(b:msgcnt(), 0)
    eq(n:notified(), 4)
end)

test("an error in the Lua code of a notifier is its text", function()
    local b = connected {call = function() error("from Lua", 0) end}
    native.raises("Error while calling notifier: from Lua", b.addmsg, b, "m")
    eq(b:msgcnt(), 1)
end)

test("no notifier of these tests has leaked", function()
    notifiers.forget()
    native.collect()
    eq(notifiers.live(), 0)
end)

native.run()
