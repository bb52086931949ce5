-- A timeout is neither cut short nor lengthened by what other threads do to the same objects.

local mtmsg   = require("mtmsg")
local tap     = require("tap")
local threads = require("threads")

local early = 0.002 -- seconds by which the wall clock may differ from the clock of the timeouts

-- Runs in a thread: receives with a timeout so many times. Returns how often a message came, how often none did, and
-- the shortest time of those calls that brought none. A call that is lengthened again and again never returns.
local function receive(kind, buffer_id, listener_id, timeout, calls, stop_id)
    local mtmsg = require("mtmsg")
    local buffer, listener = mtmsg.buffer(buffer_id), mtmsg.listener(listener_id)
    local reader = mtmsg.newreader()
    local got, missed, shortest = 0, 0, math.huge
    for _ = 1, calls do
        local started, message = mtmsg.time(), nil
        if kind == "buffer" then
            message = buffer:nextmsg(timeout)
        elseif kind == "listener" then
            message = listener:nextmsg(timeout)
        else
            message = reader:nextmsg(kind == "reader of a buffer" and buffer or listener, timeout)
        end
        if message then
            got = got + 1
        else
            missed = missed + 1
            shortest = math.min(shortest, mtmsg.time() - started)
        end
    end
    if stop_id then mtmsg.buffer(stop_id):addmsg("stop") end
    return got, missed, shortest
end

-- Runs in a thread: adds and takes again until it is stopped.
local function work(id, stop_id)
    local mtmsg = require("mtmsg")
    local buffer, stop = mtmsg.buffer(id), mtmsg.buffer(stop_id)
    local added = 0
    while not stop:nextmsg(0) do
        for _ = 1, 50 do
            buffer:addmsg(true)
            added = added + 1
            buffer:nextmsg(0)
        end
    end
    return added
end

for _, kind in ipairs { "buffer", "listener", "reader of a buffer", "reader of a listener" } do
    tap.test(kind .. ": a timeout holds in a quiet buffer while others are busy", function()
        local listener = mtmsg.newlistener()
        local quiet, busy, stop = listener:newbuffer(), mtmsg.newbuffer(), mtmsg.newbuffer()
        local worker = threads.start(work, busy:id(), stop:id())
        local got, missed, shortest =
            threads.start(receive, kind, quiet:id(), listener:id(), 0.1, 3, stop:id()):join()
        worker:join()
        tap.is(got, 0)
        tap.is(missed, 3)
        tap.ok(shortest >= 0.1 - early, "returned after " .. shortest .. " seconds")
    end)

    tap.test(kind .. ": a timeout holds while another thread takes the messages away", function()
        local listener = mtmsg.newlistener()
        local buffer, stop = listener:newbuffer(), mtmsg.newbuffer()
        local worker = threads.start(work, buffer:id(), stop:id())
        local got, missed, shortest =
            threads.start(receive, kind, buffer:id(), listener:id(), 0.05, 200, stop:id()):join()
        worker:join()
        tap.is(got + missed, 200)
        if missed > 0 then
            tap.ok(shortest >= 0.05 - early, "returned after " .. shortest .. " seconds")
        end
    end)
end

tap.test("a wait that is ended by its timeout takes nothing from a later wait", function()
    local buffer, ready = mtmsg.newbuffer(), mtmsg.newbuffer()
    local thread = threads.start(function(id, ready_id)
        local mtmsg = require("mtmsg")
        local buffer = mtmsg.buffer(id)
        for _ = 1, 50 do assert(buffer:nextmsg(0.001) == nil) end
        mtmsg.buffer(ready_id):addmsg(true)
        return buffer:nextmsg()
    end, buffer:id(), ready:id())
    tap.is(ready:nextmsg(threads.limit), true)
    buffer:addmsg("at last")
    tap.gives({ "at last" }, thread:join())
end)

tap.done()
