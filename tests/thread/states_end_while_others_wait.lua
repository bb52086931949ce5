-- Threads that end, and states that are closed with them, while other threads wait for or hold what they made.

local mtmsg   = require("mtmsg")
local tap     = require("tap")
local threads = require("threads")

tap.test("a buffer outlives the state that made it while another thread waits in it", function()
    local back, ready = mtmsg.newbuffer(), mtmsg.newbuffer()
    local maker = threads.start(function(back_id, ready_id)
        local mtmsg = require("mtmsg")
        local back, ready = mtmsg.buffer(back_id), mtmsg.buffer(ready_id)
        local made = mtmsg.newbuffer()
        back:addmsg(made:id())
        assert(ready:nextmsg() == "waiting")
    end, back:id(), ready:id())
    local id = back:nextmsg(threads.limit)
    local made = mtmsg.buffer(id)
    local waiter = threads.start(function(id, ready_id)
        local mtmsg = require("mtmsg")
        local made = mtmsg.buffer(id)
        mtmsg.buffer(ready_id):addmsg("waiting")
        return made:nextmsg()
    end, id, ready:id())
    maker:join()
    made:addmsg("after its maker's end")
    tap.gives({ "after its maker's end" }, waiter:join())
end)

tap.test("a thread that waits keeps the listener and its buffer is enough to wake it", function()
    local back, ready = mtmsg.newbuffer(), mtmsg.newbuffer()
    local maker = threads.start(function(back_id, ready_id)
        local mtmsg = require("mtmsg")
        local back, ready = mtmsg.buffer(back_id), mtmsg.buffer(ready_id)
        local listener = mtmsg.newlistener()
        local buffer = listener:newbuffer()
        back:addmsg(listener:id(), buffer:id())
        assert(ready:nextmsg() == "waiting")
    end, back:id(), ready:id())
    local listener_id, buffer_id = back:nextmsg(threads.limit)
    local buffer = mtmsg.buffer(buffer_id)
    local waiter = threads.start(function(id, ready_id)
        local mtmsg = require("mtmsg")
        local listener = mtmsg.listener(id)
        mtmsg.buffer(ready_id):addmsg("waiting")
        return listener:nextmsg()
    end, listener_id, ready:id())
    maker:join()
    buffer:addmsg("still connected")
    tap.gives({ "still connected" }, waiter:join())
end)

tap.test("what a thread added before it ended without closing anything is delivered", function()
    local listener = mtmsg.newlistener()
    local producer = threads.start(function(listener_id)
        local mtmsg = require("mtmsg")
        local buffer = mtmsg.listener(listener_id):newbuffer("ends with its thread")
        for i = 1, 100 do buffer:addmsg(i, ("x"):rep(100 * i)) end
        return buffer:id()
    end, listener:id())
    local id = producer:join()
    tap.raises(mtmsg.error.unknown_object, mtmsg.buffer, id)
    tap.raises(mtmsg.error.unknown_object, mtmsg.buffer, "ends with its thread")
    for i = 1, 100 do
        local number, text = listener:nextmsg()
        tap.is(number, i)
        tap.is(#text, 100 * i)
    end
    tap.raises(mtmsg.error.no_buffers, listener.nextmsg, listener)
end)

tap.test("a listener that waits learns that the thread with the last buffer has ended", function()
    for round = 1, 20 do
        local listener, ready = mtmsg.newlistener(), mtmsg.newbuffer()
        local waiter = threads.start(function(id, ready_id)
            local mtmsg = require("mtmsg")
            local listener = mtmsg.listener(id)
            local buffer = listener:newbuffer()
            mtmsg.buffer(ready_id):addmsg(buffer:id())
            assert(listener:nextmsg() == "the owner is there")
            buffer = nil
            collectgarbage()
            local count = 0
            while true do
                local ok, err = pcall(listener.nextmsg, listener)
                if not ok then return count, err end
                count = count + 1
            end
        end, listener:id(), ready:id())
        local owner = threads.start(function(id, count)
            local mtmsg = require("mtmsg")
            local buffer = mtmsg.buffer(id)
            buffer:addmsg("the owner is there")
            for i = 1, count do buffer:addmsg(i) end
        end, ready:nextmsg(threads.limit), round % 3)
        owner:join()
        local count, err = waiter:join()
        tap.is(count, round % 3)
        tap.begins(err, mtmsg.error.no_buffers)
    end
end)

tap.test("threads that end with everything open leave nothing behind by which it could be found", function()
    local ids = threads.join_all({
        threads.start(function()
            local mtmsg = require("mtmsg")
            left = mtmsg.newbuffer("left open")
            left:addmsg("lost")
            return left:id()
        end),
        threads.start(function()
            local mtmsg = require("mtmsg")
            left = mtmsg.newlistener("left open")
            buffer = left:newbuffer()
            buffer:addmsg("lost")
            return left:id()
        end),
    })
    tap.raises(mtmsg.error.unknown_object, mtmsg.buffer, ids[1])
    tap.raises(mtmsg.error.unknown_object, mtmsg.listener, ids[2])
    tap.raises(mtmsg.error.unknown_object, mtmsg.buffer, "left open")
    tap.raises(mtmsg.error.unknown_object, mtmsg.listener, "left open")
end)

tap.test("many short-lived threads come and go while one waits in the same buffer", function()
    local buffer = mtmsg.newbuffer()
    local waiter = threads.start(function(id)
        local buffer = require("mtmsg").buffer(id)
        local sum = 0
        for _ = 1, 60 do sum = sum + buffer:nextmsg() end
        return sum
    end, buffer:id())
    for round = 1, 10 do
        local short = {}
        for i = 1, 6 do
            short[i] = threads.start(function(id, number)
                local mtmsg = require("mtmsg")
                local buffer = mtmsg.buffer(id)
                buffer:isabort()
                mtmsg.newlistener():newbuffer():addmsg(number)
                buffer:addmsg(number)
            end, buffer:id(), i)
        end
        threads.join_all(short)
    end
    tap.gives({ 210 }, waiter:join())
end)

tap.done()
