-- Listeners, buffers and readers that wait for the same messages at the same time: none may sleep while there is
-- a message that it could take, whoever else was woken by it.

local mtmsg   = require("mtmsg")
local tap     = require("tap")
local threads = require("threads")

-- Runs in a thread: takes exactly one message.
local function take_one(kind, buffer_id, listener_id, ready_id)
    local mtmsg = require("mtmsg")
    local buffer, listener = mtmsg.buffer(buffer_id), mtmsg.listener(listener_id)
    local ready, reader = mtmsg.buffer(ready_id), mtmsg.newreader()
    local source = kind:find("buffer") and buffer or listener
    ready:addmsg(true)
    if kind:find("timed") then
        local message
        repeat message = source:nextmsg(0.001) until message
        return message
    elseif kind:find("reader") then
        reader:nextmsg(source)
        return reader:next()
    end
    return (source:nextmsg())
end

local function start(kind, buffer, listener, ready)
    return threads.start(take_one, kind, buffer:id(), listener:id(), ready:id())
end

local function await(ready, n)
    for _ = 1, n do tap.is(ready:nextmsg(threads.limit), true) end
end

local kinds = { "buffer", "listener", "buffer reader", "listener reader", "timed buffer", "timed listener" }

for i, first in ipairs(kinds) do
    for j = i, #kinds do
        local second = kinds[j]
        tap.test("two messages end the waits of a " .. first .. " and a " .. second, function()
            for round = 1, 8 do
                local listener, ready = mtmsg.newlistener(), mtmsg.newbuffer()
                local buffer = listener:newbuffer()
                local pair = { start(first, buffer, listener, ready), start(second, buffer, listener, ready) }
                await(ready, 2)
                threads.pause(round % 2 == 0 and 0.005 or 0)
                buffer:addmsg(1)
                if round % 4 >= 2 then threads.pause(0.002) end
                buffer:addmsg(2)
                local got = threads.join_all(pair)
                tap.is(got[1] + got[2], 3)
                tap.is(got[1] * got[2], 2)
            end
        end)
    end
end

for _, kind in ipairs { "listener", "listener reader", "timed listener" } do
    tap.test("a " .. kind .. " is woken for a buffer beside those in which others wait", function()
        for round = 1, 8 do
            local listener, ready = mtmsg.newlistener(), mtmsg.newbuffer()
            local one, other = listener:newbuffer(), listener:newbuffer()
            local at_buffer = { start("buffer", one, listener, ready), start("buffer reader", one, listener, ready) }
            local at_listener = { start(kind, one, listener, ready), start(kind, one, listener, ready) }
            await(ready, 4)
            threads.pause(round % 2 == 0 and 0.005 or 0)
            other:addmsg("for the listener")
            other:addmsg("for the listener")
            for _, got in ipairs(threads.join_all(at_listener)) do tap.is(got, "for the listener") end
            one:addmsg("for the buffer")
            one:addmsg("for the buffer")
            for _, got in ipairs(threads.join_all(at_buffer)) do tap.is(got, "for the buffer") end
        end
    end)
end

tap.test("two listeners do not wake each other's receivers in vain", function()
    local ready = mtmsg.newbuffer()
    local sides = {}
    for i = 1, 2 do
        local listener = mtmsg.newlistener()
        local buffer = listener:newbuffer()
        sides[i] = { listener = listener, buffer = buffer }
        sides[i].waiting = { start("listener", buffer, listener, ready), start("buffer", buffer, listener, ready) }
    end
    await(ready, 4)
    for i, side in ipairs(sides) do
        side.buffer:addmsg(i)
        side.buffer:addmsg(i)
    end
    for i, side in ipairs(sides) do
        for _, got in ipairs(threads.join_all(side.waiting)) do tap.is(got, i) end
    end
end)

tap.done()
