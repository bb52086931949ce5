-- Streams between threads while others abort, replace, clear and close: an abort loses nothing, a replaced or cleared
-- message is gone without a trace, a closed buffer ends everybody, and nothing is doubled, damaged or out of order.
-- MTMSG_STRESS_N is the number of messages of each producer.

local mtmsg   = require("mtmsg")
local tap     = require("tap")
local threads = require("threads")

local messages = tonumber(os.getenv("MTMSG_STRESS_N") or "") or 3000

-- Runs in a thread: adds everything, however often that is aborted; with "replace" and "clear" it throws away now and
-- then. Ends early when the buffer is closed. Returns the number of the last message that was added.
local function produce(me, messages, how, id, ready_id, go_id)
    local mtmsg = require("mtmsg")
    local buffer, ready, go = mtmsg.buffer(id), mtmsg.buffer(ready_id), mtmsg.buffer(go_id)
    ready:addmsg(true)
    repeat until pcall(go.nextmsg, go)
    local number = 1
    while number <= messages do
        local add = how == "replace" and number % 9 == 0 and buffer.setmsg or buffer.addmsg
        local ok, err = pcall(add, buffer, me, number, ("%d,"):format(number):rep(number % 60))
        if ok then
            if how == "clear" and number % 13 == 0 then buffer:clear() end
            number = number + 1
        elseif err:find(mtmsg.error.object_closed, 1, true) then
            break
        else
            assert(err:find(mtmsg.error.operation_aborted, 1, true), err)
        end
    end
    return number - 1
end

-- Runs in a thread: receives, however often that is aborted, until everything is closed. Returns what came as a text.
local function receive(kind, buffer_id, listener_id, ready_id)
    local mtmsg = require("mtmsg")
    local buffer, listener, reader = mtmsg.buffer(buffer_id), mtmsg.listener(listener_id), mtmsg.newreader()
    local source = kind:find("buffer") and buffer or listener
    local function take()
        if kind:find("reader") then
            reader:nextmsg(source)
            return reader:next(3)
        end
        return source:nextmsg(kind:find("timed") and 0.0005 or nil)
    end
    local last, seen = {}, {}
    mtmsg.buffer(ready_id):addmsg(true)
    while true do
        local ok, me, number, text = pcall(take)
        if ok and me then
            assert(text == ("%d,"):format(number):rep(number % 60), "damaged")
            assert(number > (last[me] or 0), "doubled or out of order")
            last[me] = number
            seen[#seen + 1] = ("%d:%d"):format(me, number)
        elseif not ok and me:find(mtmsg.error.object_closed, 1, true) then
            return table.concat(seen, " ")
        elseif not ok then
            assert(me:find(mtmsg.error.operation_aborted, 1, true), me)
        end
    end
end

-- Runs in a thread: aborts and lifts until it is stopped.
local function interrupt(what, buffer_id, listener_id, stop_id)
    local mtmsg = require("mtmsg")
    local buffer, listener, stop = mtmsg.buffer(buffer_id), mtmsg.listener(listener_id), mtmsg.buffer(stop_id)
    local count = 0
    while stop:msgcnt() == 0 do
        if what == "buffer" then
            buffer:abort()
            buffer:abort(false)
        elseif what == "listener" then
            listener:abort()
            listener:abort(false)
        elseif what == "everything" then
            mtmsg.abort()
            mtmsg.abort(false)
        else
            listener:abort()
            buffer:abort(false) -- alone again, while the listener is still aborted
            listener:abort(false)
        end
        count = count + 1
        if count % 4 ~= 0 then mtmsg.sleep(0.0002) end
    end
    return count
end

local function count_seen(texts)
    local seen, count = {}, 0
    for _, text in ipairs(texts) do
        for key in text:gmatch("%S+") do
            tap.ok(not seen[key], "received twice: " .. key)
            seen[key] = true
            count = count + 1
        end
    end
    return count
end

local function drain_and_close(listener, buffer)
    while buffer:msgcnt() > 0 do mtmsg.sleep(0.0005) end
    listener:close()
end

local mixtures = {
    { "buffer" },
    { "listener" },
    { "buffer", "listener" },
    { "listener", "listener reader", "timed listener", "buffer", "buffer reader", "timed buffer" },
}

-- All threads have found what they need before the first of them may send, or abort.
local function start(kinds, producers, how, interrupted)
    local s = { listener = mtmsg.newlistener(), receiving = {}, sending = {} }
    s.buffer, s.stop = s.listener:newbuffer(), mtmsg.newbuffer()
    local ready, go = mtmsg.newbuffer(), mtmsg.newbuffer()
    for i, kind in ipairs(kinds) do
        s.receiving[i] = threads.start(receive, kind, s.buffer:id(), s.listener:id(), ready:id())
    end
    for p = 1, producers do
        s.sending[p] = threads.start(produce, p, messages, how, s.buffer:id(), ready:id(), go:id())
    end
    for _ = 1, #kinds + producers do ready:nextmsg() end
    for _ = 1, producers do go:addmsg(true) end
    if interrupted then
        s.interrupter = threads.start(interrupt, interrupted, s.buffer:id(), s.listener:id(), s.stop:id())
    end
    return s
end

for _, kinds in ipairs(mixtures) do
    local receivers = table.concat(kinds, ", ")
    for _, what in ipairs { "buffer", "listener", "everything", "listener, but not the buffer" } do
        tap.test("aborting the " .. what .. " loses nothing of " .. receivers, function()
            local s = start(kinds, 2, "add", what)
            -- joining waits in a buffer, too, and that would be aborted with all others
            for _, sender in ipairs(s.sending) do
                while not sender:has_ended() do end
            end
            repeat until pcall(s.stop.addmsg, s.stop, "stop")
            while not s.interrupter:has_ended() do end
            threads.join_all(s.sending)
            drain_and_close(s.listener, s.buffer)
            tap.is(count_seen(threads.join_all(s.receiving)), 2 * messages, "messages received")
            tap.note(s.interrupter:join() .. " aborts")
        end)
    end

    for _, how in ipairs { "replace", "clear" } do
        tap.test("with " .. how .. " the others arrive at " .. receivers, function()
            local s = start(kinds, 3, how)
            threads.join_all(s.sending)
            drain_and_close(s.listener, s.buffer)
            local count = count_seen(threads.join_all(s.receiving))
            tap.ok(count <= 3 * messages)
            tap.note(count .. " of " .. 3 * messages .. " received")
        end)
    end

    tap.test("closing ends everybody at once: " .. receivers, function()
        for round = 1, 12 do
            local s = start(kinds, 2, "add")
            while s.buffer:msgcnt() == 0 and not s.sending[1]:has_ended() do end
            threads.pause(round % 3 * 0.001)
            if round % 2 == 0 or #kinds > 1 or kinds[1] == "listener" then
                s.listener:close()
            else
                s.buffer:close()
            end
            local sent = 0
            for _, last in ipairs(threads.join_all(s.sending)) do sent = sent + last end
            tap.ok(count_seen(threads.join_all(s.receiving)) <= sent, "more received than sent")
            tap.is(s.buffer:msgcnt(), 0)
        end
    end)
end

tap.done()
