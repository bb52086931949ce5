-- The Notify API that buffers offer: what native code gets when it notifies a buffer. What buffers
-- do with notifiers is in notifiers.lua.

local native = dofile "tests/native/lib/native.lua"
local mtmsg = require "mtmsg"
local notifiers = require "notifiers"
local old, test, eq = native.old, native.test, native.eq

test("code 0: a notified buffer receives an empty message", function()
    local b = mtmsg.newbuffer()
    local code, text, calls = old.notify(b)
    eq(code, 0)
    eq(text, nil)
    eq(calls, 0)
    eq(b:msgcnt(), 1)
    eq(select("#", b:nextmsg(0)), 0)
    eq(b:msgcnt(), 0)
end)

test("code 1: the buffer is closed", function()
    local b = mtmsg.newbuffer()
    b:close()
    local code, text = old.notify(b)
    eq(code, 1)
    eq(text, nil)
end)

test("code 2: the buffer is aborted", function()
    local b = mtmsg.newbuffer()
    b:abort()
    eq(old.notify(b), 2)
    b:abort(false)
    eq(b:msgcnt(), 0)
    eq(old.notify(b), 0)
end)

test("code 2: everything is aborted", function()
    local b = mtmsg.newbuffer()
    mtmsg.abort()
    local code = old.notify(b)
    mtmsg.abort(false)
    eq(code, 2)
end)

test("code 4: the buffer has a fixed size and is full", function()
    local b = mtmsg.newbuffer(2, 0) -- room for two empty messages
    eq(old.notify(b), 0)
    eq(old.notify(b), 0)
    eq(old.notify(b), 4)
    eq(b:msgcnt(), 2)
    b:nextmsg(0)
    eq(old.notify(b), 0)
end)

test("code 5: not even an empty message fits", function()
    eq(old.notify(mtmsg.newbuffer(0, 0)), 5)
end)

test("code 999: the buffer's own notifier failed", function()
    local b = mtmsg.newbuffer()
    b:notifier(notifiers.new {code = 3, text = "no luck"})
    local code, text, calls = old.notify(b)
    eq(code, 999)
    eq(text, "Error while calling notifier: no luck")
    eq(calls, 1)
    eq(b:msgcnt(), 1)
    eq(old.notify(b, "no handler"), 999)
    eq(b:msgcnt(), 2)
end)

test("a notification wakes a thread that waits for a message", function()
    local b = mtmsg.newbuffer()
    local thread = require "background".receive(b)
    eq(old.notify(b), 0)
    eq(native.finish(thread), 0)
end)

test("a native reference keeps a buffer that Lua has dropped", function()
    local b = mtmsg.newbuffer()
    local id = b:id()
    local hold = old.hold(b, "notify")
    b = nil
    native.collect()
    eq(hold:notify(), 0)
    eq(mtmsg.buffer(id):msgcnt(), 1)
    native.collect()
    hold:release()
    native.raises(mtmsg.error.unknown_object, mtmsg.buffer, id)
end)

native.run()
