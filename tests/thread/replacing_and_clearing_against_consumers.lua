-- setmsg and clear while other threads receive: messages may be replaced, but what arrives arrives once, whole, and in
-- the order in which it was sent.

local mtmsg   = require("mtmsg")
local tap     = require("tap")
local threads = require("threads")

local messages = 4000

-- Runs in a thread: sends numbered messages, replacing or clearing every now and then. Returns how often it did.
local function send(id, number, messages, how)
    local buffer = require("mtmsg").buffer(id)
    local lost = 0
    for i = 1, messages do
        if how == "setmsg" or (how == "both" and i % 7 == 0) then
            buffer:setmsg(number, i, ("%d."):format(i):rep(i % 50))
            lost = lost + 1
        else
            buffer:addmsg(number, i, ("%d."):format(i):rep(i % 50))
            if how == "clear" and i % 11 == 0 then
                buffer:clear()
                lost = lost + 1
            end
        end
    end
    return lost
end

-- Runs in a thread: receives until it meets the end. Returns the number of messages, raises at damage and disorder.
local function receive(kind, id, seen_id)
    local mtmsg = require("mtmsg")
    local source = kind == "listener" and mtmsg.listener(id) or mtmsg.buffer(id)
    local seen = mtmsg.buffer(seen_id)
    local last, count = {}, 0
    while true do
        local number, i, text = source:nextmsg()
        if number == "end" then return count end
        assert(i > (last[number] or 0), "doubled or out of order")
        assert(text == ("%d."):format(i):rep(i % 50), "damaged")
        last[number] = i
        count = count + 1
        seen:addmsg(number, i)
    end
end

local function check_seen(seen, count)
    local times, last = {}, 0
    for _ = 1, count do
        local number, i = seen:nextmsg(0)
        local key = number * 1e6 + i
        tap.ok(not times[key], "received twice")
        times[key] = true
        last = math.max(last, i)
    end
    tap.is(seen:msgcnt(), 0)
end

for _, kind in ipairs { "buffer", "listener" } do
    for _, how in ipairs { "setmsg", "clear", "both" } do
        tap.test(kind .. ":nextmsg() against " .. (how == "both" and "addmsg and setmsg" or how), function()
            local listener, seen = mtmsg.newlistener(), mtmsg.newbuffer()
            local buffer = listener:newbuffer()
            local source = kind == "listener" and listener or buffer
            local receivers, senders = {}, {}
            for i = 1, 2 do
                receivers[i] = threads.start(receive, kind, source:id(), seen:id())
                senders[i] = threads.start(send, buffer:id(), i, messages, how)
            end
            threads.join_all(senders)
            for _ = 1, 2 do buffer:addmsg("end") end
            local counts = threads.join_all(receivers)
            local count = counts[1] + counts[2]
            tap.ok(count <= 2 * messages)
            tap.is(buffer:msgcnt(), 0)
            check_seen(seen, count)
            tap.note(count .. " of " .. 2 * messages .. " were received before they were replaced or cleared")
        end)
    end
end

tap.test("the message set last is never lost", function()
    local buffer, seen = mtmsg.newbuffer(), mtmsg.newbuffer()
    local thread = threads.start(function(id, seen_id)
        local mtmsg = require("mtmsg")
        local buffer, seen = mtmsg.buffer(id), mtmsg.buffer(seen_id)
        for round = 1, 500 do
            repeat until buffer:nextmsg() == round
            seen:addmsg(round)
        end
    end, buffer:id(), seen:id())
    for round = 1, 500 do
        buffer:setmsg(-1)
        buffer:setmsg(-2)
        buffer:setmsg(round)
        tap.gives({ round }, seen:nextmsg(threads.limit))
    end
    thread:join()
end)

tap.done()
