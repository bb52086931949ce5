-- story: a listener read the freed memory of a buffer whose last reference had gone
-- The last reference to a listener's buffer went while a message was in it, and the listener then read freed memory.
-- What is in the buffer belongs to the listener until it is delivered; only then the buffer is gone.

local mtmsg = require("mtmsg")
local tap   = require("tap")

local function collect()
    collectgarbage()
    collectgarbage()
end

-- Overwrites memory that was freed too early.
local function reuse_memory()
    local kept = {}
    for i = 1, 50 do
        kept[i] = mtmsg.newbuffer(("n"):rep(i % 40 + 1), i * 16)
        kept[i]:addmsg(("overwritten "):rep(i))
    end
    for i = 1, 50 do kept[i]:close() end
end

tap.test("messages of a dropped buffer are delivered, and then there are no buffers", function()
    local listener = mtmsg.newlistener()
    do
        local buffer = listener:newbuffer()
        for i = 1, 20 do buffer:addmsg(i, ("text "):rep(i * 50)) end
    end
    collect()
    reuse_memory()
    for i = 1, 20 do
        tap.gives({ i, ("text "):rep(i * 50) }, listener:nextmsg())
        reuse_memory()
    end
    tap.raises(mtmsg.error.no_buffers, listener.nextmsg, listener)
    tap.raises(mtmsg.error.no_buffers, listener.nextmsg, listener, 0)
end)

tap.test("a dropped buffer is not found while it is drained", function()
    local listener = mtmsg.newlistener()
    local id
    do
        local buffer = listener:newbuffer("dropped while full")
        id = buffer:id()
        buffer:addmsg("left")
    end
    collect()
    tap.raises(mtmsg.error.unknown_object, mtmsg.buffer, id)
    tap.raises(mtmsg.error.unknown_object, mtmsg.buffer, "dropped while full")
    tap.gives({ "left" }, listener:nextmsg())
end)

tap.test("dropped buffers keep their turn among the others", function()
    local listener = mtmsg.newlistener()
    local kept = listener:newbuffer()
    do
        local dropped, empty = listener:newbuffer(), listener:newbuffer()
        dropped:addmsg("dropped", 1)
        kept:addmsg("kept", 1)
        dropped:addmsg("dropped", 2)
        kept:addmsg("kept", 2)
        empty:addmsg("taken")
        tap.gives({ "taken" }, empty:nextmsg())
    end
    collect()
    reuse_memory()
    tap.gives({ "dropped", 1 }, listener:nextmsg())
    tap.gives({ "kept", 1 }, listener:nextmsg())
    tap.gives({ "dropped", 2 }, listener:nextmsg())
    tap.gives({ "kept", 2 }, listener:nextmsg())
    tap.is(select("#", listener:nextmsg(0)), 0)
end)

tap.test("a reader takes the last message of a dropped buffer", function()
    local listener, reader = mtmsg.newlistener(), mtmsg.newreader()
    do listener:newbuffer():addmsg("first", ("x"):rep(10000)) end
    collect()
    tap.is(reader:nextmsg(listener), true)
    reuse_memory()
    tap.gives({ "first", ("x"):rep(10000) }, reader:next(2))
    tap.raises(mtmsg.error.no_buffers, reader.nextmsg, reader, listener)
end)

for _, act in ipairs { "close", "clear", "abort" } do
    tap.test("a listener may " .. act .. " while dropped buffers are left to drain", function()
        local listener = mtmsg.newlistener()
        for i = 1, 10 do listener:newbuffer():addmsg(i, ("y"):rep(i * 1000)) end
        collect()
        listener[act](listener)
        reuse_memory()
        if act == "close" then
            tap.raises(mtmsg.error.object_closed, listener.nextmsg, listener)
        elseif act == "clear" then
            tap.raises(mtmsg.error.no_buffers, listener.nextmsg, listener)
        else
            tap.raises(mtmsg.error.operation_aborted, listener.nextmsg, listener)
            listener:abort(false)
            for i = 1, 10 do tap.gives({ i, ("y"):rep(i * 1000) }, listener:nextmsg()) end
        end
    end)
end

tap.test("a listener may go before the buffers that it would have drained", function()
    for _ = 1, 50 do
        local listener = mtmsg.newlistener()
        local buffer = listener:newbuffer()
        listener:newbuffer():addmsg("never received")
        listener = nil
        collect()
        buffer:addmsg("still usable")
        tap.gives({ "still usable" }, buffer:nextmsg())
    end
end)

tap.done()
