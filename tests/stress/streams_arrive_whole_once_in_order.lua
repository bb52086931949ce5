-- Producers at full speed against receivers of every kind, with numbers, strings and large messages: each arrives
-- exactly once and undamaged, and per producer and buffer in order. Ends only when everything was received; the
-- receivers wait without a timeout. MTMSG_STRESS_N is the number of messages of each producer.

local mtmsg   = require("mtmsg")
local tap     = require("tap")
local threads = require("threads")

local messages = tonumber(os.getenv("MTMSG_STRESS_N") or "") or 3000

-- Runs in a thread. A message: producer, buffer, number, and a text or number that follows from these.
local function produce(me, messages, what, ...)
    local mtmsg = require("mtmsg")
    local buffers, writer = {}, mtmsg.newwriter()
    for i, id in ipairs { ... } do buffers[i] = mtmsg.buffer(id) end
    local with_writer = messages % 3 == me % 3
    for number = 1, messages do
        local at = (number * 5 + me) % #buffers + 1
        local value = number * 0.5 + me
        if what == "strings" then
            value = ("%d/%d "):format(me, number):rep(number % 37)
        elseif what == "large" and number % 4 == 0 then
            value = ("%d/%d "):format(me, number):rep(1000 + number % 3000)
        end
        if with_writer then
            writer:add(me, at, number, value)
            while not writer:addmsg(buffers[at]) do mtmsg.sleep(0.0001) end
        else
            while not buffers[at]:addmsg(me, at, number, value) do mtmsg.sleep(0.0001) end
        end
    end
end

-- Runs in a thread: receives until everything is closed. Returns what it received, as a text "producer:number …".
local function receive(kind, buffer_id, listener_id, what)
    local mtmsg = require("mtmsg")
    local buffer, listener, reader = mtmsg.buffer(buffer_id), mtmsg.listener(listener_id), mtmsg.newreader()
    local source = kind:find("buffer") and buffer or listener
    local wait = kind:find("timed") and 0.001 or kind:find("polled") and 0 or nil
    local function take()
        if kind:find("reader") then
            reader:nextmsg(source)
            return reader:next(4)
        end
        return source:nextmsg(wait)
    end
    local last, seen = {}, {}
    while true do
        local ok, me, at, number, value = pcall(take)
        if not ok then
            assert(me:find(mtmsg.error.object_closed, 1, true), me)
            return table.concat(seen, " ")
        elseif me then
            local stream = me * 1000 + at
            local expected = number * 0.5 + me
            if what == "strings" then
                expected = ("%d/%d "):format(me, number):rep(number % 37)
            elseif what == "large" and number % 4 == 0 then
                expected = ("%d/%d "):format(me, number):rep(1000 + number % 3000)
            end
            assert(value == expected, "damaged")
            assert(number > (last[stream] or 0), "doubled or out of order")
            last[stream] = number
            seen[#seen + 1] = ("%d:%d"):format(me, number)
        elseif wait == 0 then
            pcall(mtmsg.sleep, 0.0002)
        end
    end
end

local function check_all(texts, producers, messages)
    local seen, count = {}, 0
    for _, text in ipairs(texts) do
        for key in text:gmatch("%S+") do
            tap.ok(not seen[key], "received twice: " .. key)
            seen[key] = true
            count = count + 1
        end
    end
    tap.is(count, producers * messages, "messages received")
end

local function run(what, messages, new_buffer, producers, buffer_count, kinds)
    local listener = mtmsg.newlistener()
    local buffers, ids, sending, receiving = {}, {}, {}, {}
    for i = 1, buffer_count do
        buffers[i] = new_buffer(listener)
        ids[i] = buffers[i]:id()
    end
    for i, kind in ipairs(kinds) do
        receiving[i] = threads.start(receive, kind, ids[(i - 1) % buffer_count + 1], listener:id(), what)
    end
    for p = 1, producers do
        sending[p] = threads.start(produce, p, messages, what, (table.unpack or unpack)(ids))
    end
    threads.join_all(sending)
    for i = 1, buffer_count do
        while buffers[i]:msgcnt() > 0 do mtmsg.sleep(0.0005) end
    end
    listener:close()
    check_all(threads.join_all(receiving), producers, messages)
end

local function grows(listener) return listener:newbuffer() end
local function creeps(listener) return listener:newbuffer(64, 1) end
local function is_fixed(listener) return listener:newbuffer(40000, 0) end

local receivers = {
    { "listener" },
    { "listener", "listener reader", "listener" },
    { "buffer", "buffer reader", "listener", "listener reader" },
    { "buffer", "listener", "buffer reader", "listener reader", "timed buffer", "timed listener", "polled listener" },
}

for _, what in ipairs { "numbers", "strings", "large" } do
    local messages = what == "large" and math.ceil(messages / 10) or messages
    for memory, new_buffer in pairs { growing = grows, creeping = creeps, fixed = is_fixed } do
        for _, kinds in ipairs(receivers) do
            for _, buffers in ipairs { 1, 3 } do
                local name = what .. " through " .. buffers .. " " .. memory .. " to " .. table.concat(kinds, ", ")
                tap.test(name, function() run(what, messages, new_buffer, 3, buffers, kinds) end)
            end
        end
    end
end

tap.done()
