-- story: who waited at a listener slept on when its last buffer was collected
-- A thread that waited in listener:nextmsg slept for ever when the listener's last buffer was collected. It is woken
-- and told that there are no buffers.

local mtmsg   = require("mtmsg")
local tap     = require("tap")
local threads = require("threads")

-- Runs in a thread: receives until that fails. Returns the number of messages and the error.
local function receive(id, ready_id, kind)
    local mtmsg = require("mtmsg")
    local listener, reader = mtmsg.listener(id), mtmsg.newreader()
    mtmsg.buffer(ready_id):addmsg(true)
    local count = 0
    while true do
        local ok, err
        if kind == "reader" then
            ok, err = pcall(reader.nextmsg, reader, listener)
        else
            ok, err = pcall(listener.nextmsg, listener, kind == "timed" and 1000 or nil)
        end
        if not ok then return count, err end
        count = count + 1
    end
end

local function start(kind, listener, count)
    local ready, waiting = mtmsg.newbuffer(), {}
    for i = 1, count do waiting[i] = threads.start(receive, listener:id(), ready:id(), kind) end
    for _ = 1, count do tap.is(ready:nextmsg(threads.limit), true) end
    return waiting
end

local function collect()
    collectgarbage()
    collectgarbage()
end

local function finish(waiting, expected)
    local sum = 0
    for _, thread in ipairs(waiting) do
        local count, err = thread:join()
        tap.begins(err, mtmsg.error.no_buffers)
        sum = sum + count
    end
    tap.is(sum, expected, "messages")
end

for _, kind in ipairs { "untimed", "timed", "reader" } do
    for pause = 0, 0.02, 0.02 do
        local when = pause == 0 and " that has just begun to wait" or " that sleeps"
        tap.test("one " .. kind .. " receiver" .. when .. ": an empty buffer is collected", function()
            local listener = mtmsg.newlistener()
            local buffer = listener:newbuffer()
            local waiting = start(kind, listener, 1)
            threads.pause(pause)
            buffer = nil
            collect()
            finish(waiting, 0)
        end)

        tap.test("three " .. kind .. " receivers" .. when .. ": all of them learn it", function()
            local listener = mtmsg.newlistener()
            local first, second = listener:newbuffer(), listener:newbuffer()
            local waiting = start(kind, listener, 3)
            threads.pause(pause)
            first = nil
            collect()
            second:addmsg("still one")
            second = nil
            collect()
            finish(waiting, 1)
        end)

        tap.test("two " .. kind .. " receivers" .. when .. ": a dropped buffer is drained before", function()
            local listener = mtmsg.newlistener()
            local buffer = listener:newbuffer()
            local waiting = start(kind, listener, 2)
            threads.pause(pause)
            for i = 1, 100 do buffer:addmsg(i) end
            buffer = nil
            collect()
            finish(waiting, 100)
        end)
    end
end

tap.test("a dropped buffer that was aborted is drained, since nobody could re-enable it", function()
    local listener = mtmsg.newlistener()
    local buffer = listener:newbuffer()
    buffer:addmsg("aborted with its buffer")
    buffer:abort()
    local waiting = start("untimed", listener, 2)
    threads.pause(0.02)
    buffer = nil
    collect()
    finish(waiting, 1)
end)

tap.test("closing the last buffer is not losing it", function()
    local listener = mtmsg.newlistener()
    local buffer = listener:newbuffer()
    local waiting = start("untimed", listener, 1)
    buffer:close()
    threads.pause(0.01)
    tap.is(waiting[1]:has_ended(), false)
    buffer = nil
    collect()
    finish(waiting, 0)
end)

tap.done()
