-- story: a dropped buffer kept the abortion of its last moment for ever
-- A buffer whose last reference was gone kept the abortion that it had then: nobody could end it, its messages
-- were never delivered, and a receive on its listener waited for ever.

local mtmsg = require("mtmsg")
local tap   = require("tap")

local function collect()
    collectgarbage()
    collectgarbage()
end

local function listener_with_a_full_buffer()
    local listener = mtmsg.newlistener()
    local buffer = listener:newbuffer()
    buffer:addmsg("kept")
    return listener, buffer
end

tap.test("dropped while everything was aborted: delivered afterwards", function()
    local listener, buffer = listener_with_a_full_buffer()
    mtmsg.abort()
    buffer = nil
    collect()
    tap.raises(mtmsg.error.operation_aborted, listener.nextmsg, listener, 0)
    mtmsg.abort(false)
    tap.gives({ "kept" }, listener:nextmsg(10))
    tap.raises(mtmsg.error.no_buffers, listener.nextmsg, listener, 0)
end)

tap.test("dropped while it was aborted itself: delivered at once", function()
    local listener, buffer = listener_with_a_full_buffer()
    buffer:abort()
    tap.gives({}, listener:nextmsg(0))
    buffer = nil
    collect()
    tap.gives({ "kept" }, listener:nextmsg(10))
end)

tap.test("dropped while its listener was aborted: delivered when that is not any more", function()
    local listener, buffer = listener_with_a_full_buffer()
    listener:abort()
    buffer = nil
    collect()
    tap.raises(mtmsg.error.operation_aborted, listener.nextmsg, listener, 0)
    listener:abort(false)
    tap.gives({ "kept" }, listener:nextmsg(10))
end)

tap.done()
