-- story: the order at a listener, and after abort, differed from 0.4's
--
-- Programs of 0.4 notice in which order a listener serves its buffers: aborting takes a buffer out of the line and
-- enabling puts it at the end, in the order of enabling; and whoever takes a message of a buffer, the listener or
-- somebody else, sends that buffer to the end.

local mtmsg = require("mtmsg")
local tap   = require("tap")

local function rest(listener)
    local order = {}
    for message in function() return (listener:nextmsg(0)) end do order[#order + 1] = message end
    return table.concat(order, " ")
end

local function new(...)
    local listener, buffers = mtmsg.newlistener(), {}
    for i, first in ipairs { ... } do
        buffers[i] = listener:newbuffer()
        buffers[i]:addmsg(first .. "1")
        buffers[i]:addmsg(first .. "2")
    end
    return listener, (table.unpack or unpack)(buffers)
end

tap.test("abort, one buffer is enabled, then the listener", function()
    local listener, a, b = new("a", "b")
    listener:abort()
    b:abort(false)
    listener:abort(false)
    tap.is(rest(listener), "b1 a1 b2 a2")
    tap.is(a:msgcnt(), 0)
end)

tap.test("abort, all are finished, one buffer is enabled, then everything", function()
    local listener, a, b = new("a", "b")
    listener:abort()
    listener:finish()
    b:abort(false)
    mtmsg.abort(false)
    local order = {}
    for _, message in listener:messages() do order[#order + 1] = message end
    tap.is(table.concat(order, " "), "b1 a1 b2 a2")
    tap.is(a:msgcnt(), 0)
end)

tap.test("an aborted buffer is finished, and dropped, which enables it", function()
    local listener = mtmsg.newlistener()
    local a, b = listener:newbuffer(), listener:newbuffer()
    b:addmsg("b1")
    b:abort()
    b:finish()
    a:addmsg("a1")
    b = nil
    collectgarbage()
    collectgarbage()
    tap.gives({ "a1" }, listener:nextmsg(0))
    tap.gives({ "b1" }, listener:nextmsg(0))
    tap.is(a:msgcnt(), 0)
end)

tap.test("a buffer is finished while its last message is out, which is put back then", function()
    local listener, reader = mtmsg.newlistener(), mtmsg.newreader()
    local a, b = listener:newbuffer(), listener:newbuffer()
    a:addmsg("a1")
    b:addmsg("b1")
    b:addmsg("b2")
    tap.ok(reader:nextmsg(listener, 0))
    a:finish()
    tap.gives({ "b1" }, b:nextmsg(0))
    tap.ok(reader:putback())
    tap.gives({ "b2" }, listener:nextmsg(0))
    tap.gives({ "a1" }, listener:nextmsg(0))
end)

tap.test("a message is taken directly", function()
    local listener, a = new("a", "b", "c")
    tap.gives({ "a1" }, a:nextmsg())
    tap.is(rest(listener), "b1 c1 a2 b2 c2")
end)

tap.test("all messages are taken directly, or thrown away, and another one comes", function()
    for _, clear in ipairs { true, false } do
        local listener, a = new("a", "b", "c")
        if clear then
            a:clear()
        else
            a:nextmsg()
            a:nextmsg()
        end
        a:addmsg("a3")
        tap.is(rest(listener), "b1 c1 a3 b2 c2")
    end
end)

tap.done()
