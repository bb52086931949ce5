-- Several producers, several consumers: each message arrives exactly once, and what one thread adds to one buffer
-- never changes its order.

local mtmsg   = require("mtmsg")
local tap     = require("tap")
local threads = require("threads")

local producers, messages = 3, 2000

-- Runs in a thread.
local function produce(id, number, messages, with_writer)
    local mtmsg = require("mtmsg")
    local buffer, writer = mtmsg.buffer(id), mtmsg.newwriter()
    for i = 1, messages do
        if with_writer then
            writer:add(number)
            writer:add(i)
            writer:addmsg(buffer)
        else
            buffer:addmsg(number, i)
        end
    end
end

-- Runs in a thread: receives until a message says that there are no more, or there are no more buffers. Raises where a
-- message came out of order, and reports each as seen.
local function consume(kind, id, seen_id)
    local mtmsg = require("mtmsg")
    local seen, reader = mtmsg.buffer(seen_id), mtmsg.newreader()
    local source = kind:find("listener") and mtmsg.listener(id) or mtmsg.buffer(id)
    local function receive()
        if kind:find("reader") then
            reader:nextmsg(source)
            return reader:next(2)
        end
        return source:nextmsg()
    end
    local last = {}
    while true do
        local ok, producer, number = pcall(receive)
        if not ok then
            assert(producer:find(mtmsg.error.no_buffers, 1, true), producer)
            return
        elseif producer == 0 then
            return
        end
        assert(number > (last[producer] or 0), "a message overtook another")
        last[producer] = number
        seen:addmsg(producer, number)
    end
end

local function check_all_seen(seen)
    local times = {}
    for _ = 1, producers * messages do
        local producer, number = seen:nextmsg(threads.limit)
        local key = producer * (messages + 1) + number
        tap.ok(not times[key], "a message arrived twice")
        times[key] = true
    end
    tap.is(seen:msgcnt(), 0)
end

local function start_consumers(kind, count, source, seen)
    local list = {}
    for i = 1, count do list[i] = threads.start(consume, kind, source:id(), seen:id()) end
    return list
end

for _, kind in ipairs { "buffer", "listener", "reader of a buffer", "reader of a listener" } do
    for consumers = 1, 3 do
        tap.test(("one buffer, %d producers, %d times %s:nextmsg()"):format(producers, consumers, kind), function()
            local listener, seen = mtmsg.newlistener(), mtmsg.newbuffer()
            local buffer = listener:newbuffer()
            local receiving = start_consumers(kind, consumers, kind:find("listener") and listener or buffer, seen)
            local sending = {}
            for p = 1, producers do
                sending[p] = threads.start(produce, buffer:id(), p, messages, p == 2)
            end
            threads.join_all(sending)
            for _ = 1, consumers do buffer:addmsg(0) end
            threads.join_all(receiving)
            tap.is(buffer:msgcnt(), 0)
            check_all_seen(seen)
        end)
    end
end

for _, kind in ipairs { "listener", "reader of a listener" } do
    for consumers = 1, 3 do
        local name = "a buffer for each of %d producers, %d times %s:nextmsg()"
        tap.test(name:format(producers, consumers, kind), function()
            local listener, seen = mtmsg.newlistener(), mtmsg.newbuffer()
            local buffers, sending = {}, {}
            for p = 1, producers do
                buffers[p] = listener:newbuffer()
                sending[p] = threads.start(produce, buffers[p]:id(), p, messages, p == 2)
            end
            local receiving = start_consumers(kind, consumers, listener, seen)
            threads.join_all(sending)
            buffers = nil
            collectgarbage()
            collectgarbage()
            threads.join_all(receiving)
            check_all_seen(seen)
        end)
    end
end

tap.done()
