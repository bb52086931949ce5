-- Every way to wait for a message is ended by everything that can end it. Each case is tried with a thread that has
-- just begun to receive and with one that probably sleeps already.

local mtmsg   = require("mtmsg")
local tap     = require("tap")
local threads = require("threads")

-- Runs in a thread: says that it is about to receive, receives, and empties the flag when that is over: clear is
-- possible also while everything is aborted.
local function receive(kind, timeout, buffer_id, listener_id, ready_id, flag_id)
    local mtmsg = require("mtmsg")
    local reader = mtmsg.newreader()
    local buffer, listener = mtmsg.buffer(buffer_id), mtmsg.listener(listener_id)
    local ready, flag = mtmsg.buffer(ready_id), mtmsg.buffer(flag_id)
    local source = kind:find("listener") and listener or buffer
    buffer = nil -- so that the last buffer of the listener can vanish
    collectgarbage()
    local function read(ok, err)
        if ok then return ok, reader:next(9) end
        return ok, err
    end
    local function finish(...)
        flag:clear()
        return ...
    end
    ready:addmsg(true)
    if kind:find("reader") then
        return finish(read(pcall(reader.nextmsg, reader, source, timeout)))
    end
    return finish(pcall(source.nextmsg, source, timeout))
end

local function ends_with(pattern)
    return function(ok, err)
        tap.is(ok, false, "success")
        tap.begins(err, pattern)
    end
end

local function gets_message(...)
    tap.gives({ true, "m", 1 }, ...)
end

local closed, aborted = mtmsg.error.object_closed, mtmsg.error.operation_aborted

-- what ends the waiting, what it does, what the receiver meets, and the kinds of receivers to which it applies
local events = {
    { "add", function(c) c.buffer:addmsg("m", 1) end, gets_message },
    { "setmsg", function(c) c.buffer:setmsg("m", 1) end, gets_message },
    { "a writer's add", function(c)
        local writer = mtmsg.newwriter()
        writer:add("m")
        writer:add(1)
        writer:addmsg(c.buffer)
    end, gets_message },
    { "a writer's set", function(c)
        local writer = mtmsg.newwriter()
        writer:add("m", 1)
        writer:setmsg(c.buffer)
    end, gets_message },
    { "closing the buffer", function(c) c.buffer:close() end, ends_with(closed), "buffer" },
    { "closing the listener", function(c) c.listener:close() end, ends_with(closed) },
    { "aborting the buffer", function(c) c.buffer:abort() end, ends_with(aborted), "buffer" },
    { "aborting the listener", function(c) c.listener:abort() end, ends_with(aborted) },
    { "aborting everything", function() mtmsg.abort() end, ends_with(aborted) },
    { "losing the last buffer", function(c)
        c.buffer = nil
        collectgarbage()
        collectgarbage()
    end, ends_with(mtmsg.error.no_buffers), "listener" },
}

local function try(event, kind, timeout, pause)
    local c = { listener = mtmsg.newlistener() }
    c.buffer = c.listener:newbuffer()
    local ready, flag = mtmsg.newbuffer(), mtmsg.newbuffer()
    flag:addmsg("waiting")
    local thread = threads.start(receive, kind, timeout, c.buffer:id(), c.listener:id(),
                                 ready:id(), flag:id())
    tap.is(ready:nextmsg(threads.limit), true)
    threads.pause(pause)
    event[2](c)
    local ok, err = pcall(threads.watch, function() return flag:msgcnt() == 0 end,
                          kind .. " woken by " .. event[1])
    mtmsg.abort(false)
    if not ok then error(err, 0) end
    event[3](thread:join())
end

for _, event in ipairs(events) do
    for _, kind in ipairs { "buffer", "listener", "reader of a buffer", "reader of a listener" } do
        if not event[4] or kind:find(event[4]) then
            for _, timeout in ipairs { false, 1000 } do
                local name = kind .. ":nextmsg(" .. (timeout and "timeout" or "") .. ") is woken by " .. event[1]
                tap.test(name, function()
                    for _, pause in ipairs { 0, 0.02 } do
                        try(event, kind, timeout or nil, pause)
                    end
                end)
            end
        end
    end
end

tap.test("closing a buffer wakes all that wait in it", function()
    local buffer, ready = mtmsg.newbuffer(), mtmsg.newbuffer()
    local waiting = {}
    for i = 1, 6 do
        waiting[i] = threads.start(function(id, ready_id)
            local mtmsg = require("mtmsg")
            local buffer = mtmsg.buffer(id)
            mtmsg.buffer(ready_id):addmsg(true)
            local ok, err = pcall(buffer.nextmsg, buffer)
            return not ok and err
        end, buffer:id(), ready:id())
    end
    for _ = 1, 6 do tap.is(ready:nextmsg(threads.limit), true) end
    threads.pause(0.02)
    buffer:close()
    for _, err in ipairs(threads.join_all(waiting)) do tap.begins(err, closed) end
end)

tap.test("as many waiting receivers are woken as messages are added", function()
    local buffer, ready, got = mtmsg.newbuffer(), mtmsg.newbuffer(), mtmsg.newbuffer()
    local waiting = {}
    for i = 1, 6 do
        waiting[i] = threads.start(function(id, ready_id, got_id)
            local mtmsg = require("mtmsg")
            local buffer, got = mtmsg.buffer(id), mtmsg.buffer(got_id)
            mtmsg.buffer(ready_id):addmsg(true)
            got:addmsg(buffer:nextmsg())
        end, buffer:id(), ready:id(), got:id())
    end
    for _ = 1, 6 do tap.is(ready:nextmsg(threads.limit), true) end
    threads.pause(0.02)
    local sum = 0
    for burst = 1, 3 do
        for i = 1, burst do buffer:addmsg(i) end
        for _ = 1, burst do sum = sum + tap.ok(got:nextmsg(threads.limit), "a message lies there unseen") end
    end
    tap.is(sum, 1 + 1 + 2 + 1 + 2 + 3)
    threads.join_all(waiting)
end)

tap.test("a listener goes on waiting while one of its buffers is aborted", function()
    local listener, ready = mtmsg.newlistener(), mtmsg.newbuffer()
    local first, second = listener:newbuffer(), listener:newbuffer()
    local thread = threads.start(function(id, ready_id)
        local mtmsg = require("mtmsg")
        local listener = mtmsg.listener(id)
        mtmsg.buffer(ready_id):addmsg(true)
        return listener:nextmsg()
    end, listener:id(), ready:id())
    tap.is(ready:nextmsg(threads.limit), true)
    threads.pause(0.02)
    first:abort()
    second:addmsg("from the second")
    tap.gives({ "from the second" }, thread:join())
end)

tap.test("a message that outlived an abort wakes a receiver when the abort is lifted", function()
    local listener, ready = mtmsg.newlistener(), mtmsg.newbuffer()
    local first, second = listener:newbuffer(), listener:newbuffer()
    first:addmsg("kept")
    first:abort()
    local thread = threads.start(function(id, ready_id)
        local mtmsg = require("mtmsg")
        local listener = mtmsg.listener(id)
        mtmsg.buffer(ready_id):addmsg(true)
        return listener:nextmsg()
    end, listener:id(), ready:id())
    tap.is(ready:nextmsg(threads.limit), true)
    threads.pause(0.02)
    first:abort(false)
    tap.gives({ "kept" }, thread:join())
    tap.is(second:msgcnt(), 0)
end)

tap.done()
