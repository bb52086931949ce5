-- Threads create buffers at a listener that others receive from, add to them and drop them, with messages left in
-- them or not: everything is delivered, per buffer in order, and when the last buffer is drained every receiver learns
-- that there is none left. MTMSG_STRESS_N is the number of messages of each producer.

local mtmsg   = require("mtmsg")
local tap     = require("tap")
local threads = require("threads")

local messages = tonumber(os.getenv("MTMSG_STRESS_N") or "") or 3000

-- Runs in a thread: returns how many buffers it used.
local function produce(me, messages, listener_id)
    local mtmsg = require("mtmsg")
    local listener = mtmsg.listener(listener_id)
    local sent, buffers = 0, 0
    while sent < messages do
        buffers = buffers + 1
        local buffer = listener:newbuffer(buffers % 5 == 0 and "shared name" or nil, buffers % 3 == 0 and 16 or nil)
        for i = 1, math.min((buffers * 7 + me) % 6, messages - sent) do
            sent = sent + 1
            buffer:addmsg(me, buffers, i, sent, ("%d "):format(sent):rep(sent % 200))
        end
        buffer = nil
        if buffers % 4 == 0 then collectgarbage() end
    end
    return buffers
end

-- Runs in a thread: receives until there are no buffers. Returns what came as a text.
local function receive(kind, listener_id)
    local mtmsg = require("mtmsg")
    local listener, reader = mtmsg.listener(listener_id), mtmsg.newreader()
    local function take()
        if kind == "reader" then
            reader:nextmsg(listener)
            return reader:next(5)
        end
        return listener:nextmsg(kind == "timed" and 0.0005 or kind == "polled" and 0 or nil)
    end
    local last, seen = {}, {}
    while true do
        local ok, me, buffer, i, number, text = pcall(take)
        if not ok then
            assert(me:find(mtmsg.error.no_buffers, 1, true), me)
            return table.concat(seen, " ")
        elseif me then
            local key = me * 1e7 + buffer
            assert(text == ("%d "):format(number):rep(number % 200), "damaged")
            assert(i > (last[key] or 0), "out of order in its buffer")
            last[key] = i
            seen[#seen + 1] = ("%d:%d"):format(me, number)
        elseif kind == "polled" then
            mtmsg.sleep(0.0001)
        end
    end
end

for _, kinds in ipairs {
    { "waiting" },
    { "waiting", "waiting", "waiting" },
    { "reader", "waiting" },
    { "timed", "reader", "polled", "waiting" },
} do
    for producers = 1, 3 do
        local name = producers .. " producers and receivers that are " .. table.concat(kinds, ", ")
        tap.test(name, function()
            local listener = mtmsg.newlistener()
            local keeper = listener:newbuffer()
            local receiving, sending = {}, {}
            for i, kind in ipairs(kinds) do
                receiving[i] = threads.start(receive, kind, listener:id())
            end
            for p = 1, producers do
                sending[p] = threads.start(produce, p, messages, listener:id())
            end
            threads.join_all(sending)
            keeper = nil
            collectgarbage()
            collectgarbage()
            local seen, count = {}, 0
            for _, text in ipairs(threads.join_all(receiving)) do
                for key in text:gmatch("%S+") do
                    tap.ok(not seen[key], "received twice: " .. key)
                    seen[key] = true
                    count = count + 1
                end
            end
            tap.is(count, producers * messages, "messages received")
        end)
    end
end

tap.test("a listener whose buffers vanish all the time never keeps a receiver for ever", function()
    for round = 1, math.ceil(messages / 60) do
        local listener = mtmsg.newlistener()
        local buffer = listener:newbuffer()
        local receivers = {}
        for i = 1, 3 do receivers[i] = threads.start(receive, "waiting", listener:id()) end
        for i = 1, round % 4 do buffer:addmsg(1, 1, i, i, ("%d "):format(i):rep(i)) end
        buffer = nil
        collectgarbage()
        collectgarbage()
        local count = 0
        for _, text in ipairs(threads.join_all(receivers)) do
            count = count + select(2, text:gsub("%S+", ""))
        end
        tap.is(count, round % 4)
    end
end)

tap.done()
