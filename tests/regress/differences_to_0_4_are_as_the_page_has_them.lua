-- story: what differs from 0.4 was named by no page
-- What programs of 0.4 notice, beside the errors, as docs/migrating.md has it.

local mtmsg = require("mtmsg")
local tap   = require("tap")

tap.test("a closed buffer, and one of a listener that was cleared, have no messages", function()
    local listener = mtmsg.newlistener()
    for _, buffer in ipairs { mtmsg.newbuffer(), listener:newbuffer() } do
        buffer:addmsg(1)
        buffer:close()
        tap.is(buffer:msgcnt(), 0)
    end
    local buffer = listener:newbuffer()
    buffer:addmsg(1)
    listener:clear()
    tap.is(buffer:msgcnt(), 0)
end)

tap.test("no name is one nil", function()
    local listener = mtmsg.newlistener()
    for _, object in ipairs { mtmsg.newbuffer(), listener, listener:newbuffer() } do
        tap.is(select("#", object:name()), 1)
        tap.is(object:name(), nil)
    end
end)

tap.test("the last message of a collected buffer is removed like the others", function()
    local listener, bell = mtmsg.newlistener(), mtmsg.newbuffer()
    local buffer = listener:newbuffer()
    buffer:notifier(bell, "<")
    buffer:addmsg(1)
    buffer:addmsg(2)
    buffer = nil -- luacheck: ignore
    for _ = 1, 3 do collectgarbage() end
    for i = 1, 2 do
        tap.is(listener:nextmsg(0), i)
        tap.is(bell:msgcnt(), i)
    end
    tap.raises("mtmsg.error.no_buffers", listener.nextmsg, listener, 0)
end)

tap.test("numbers keep their kind", function()
    local buffer = mtmsg.newbuffer()
    for _, number in ipairs { 3, 3.0, 0.5, 2 ^ 40 } do
        buffer:addmsg(number)
        local came = buffer:nextmsg(0)
        tap.is(came, number)
        if math.type then tap.is(math.type(came), math.type(number)) end
    end
end)

tap.done()
