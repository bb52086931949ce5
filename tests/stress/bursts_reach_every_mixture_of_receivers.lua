-- No wake-up is lost: small bursts of messages, each of which must be received completely before the next one starts,
-- over every mixture of ways to receive. A message that stays behind while somebody sleeps stops everything, and
-- whoever runs this ends it. MTMSG_STRESS_N scales the number of bursts.

local mtmsg   = require("mtmsg")
local tap     = require("tap")
local threads = require("threads")

local bursts = math.ceil((tonumber(os.getenv("MTMSG_STRESS_N") or "") or 3000) / 30)

-- Runs in a thread: receives in its way until everything is closed, acknowledging each message. Returns their number.
local function receive(kind, first_id, second_id, listener_id, acks_id)
    local mtmsg = require("mtmsg")
    local first, second = mtmsg.buffer(first_id), mtmsg.buffer(second_id)
    local listener, acks = mtmsg.listener(listener_id), mtmsg.buffer(acks_id)
    local reader = mtmsg.newreader()
    local turn, count, last = 0, 0, { {}, {} }
    local function read(source)
        reader:nextmsg(source)
        return reader:next(4)
    end
    local function take_turns(timeout)
        turn = turn + 1
        if turn % 2 == 0 then return listener:nextmsg(timeout) end
        return first:nextmsg(timeout)
    end
    -- Waits by the descriptor alone: it must be readable while there is anything, and calm down when there is nothing.
    local function poll(source)
        local poll_for = require("host").poll
        return function()
            local descriptor, vain = source:pollfd(), 0
            while true do
                local producer, buffer, number, text = source:nextmsg(0)
                if producer then return producer, buffer, number, text end
                vain = poll_for(descriptor, 0) and vain + 1 or 0
                assert(vain < 10000, "always readable")
                poll_for(descriptor)
            end
        end
    end
    local ways = {
        ["buffer descriptor"] = poll(first),
        ["listener descriptor"] = poll(listener),
        ["buffer"] = function() return first:nextmsg() end,
        ["listener"] = function() return listener:nextmsg() end,
        ["buffer reader"] = function() return read(first) end,
        ["listener reader"] = function() return read(listener) end,
        ["timed"] = function() return take_turns(0.0003 * (turn % 5)) end,
        ["polled"] = function()
            mtmsg.sleep(0.0001)
            return take_turns(0)
        end,
    }
    local way = ways[kind]
    while true do
        local ok, producer, buffer, number, text = pcall(way)
        if not ok then
            assert(producer:find(mtmsg.error.object_closed, 1, true), producer)
            return count
        elseif producer then
            assert(text == ("x"):rep(number % 50), "damaged")
            assert(number > (last[buffer][producer] or 0), "doubled or out of order")
            last[buffer][producer] = number
            count = count + 1
            acks:addmsg(producer, number)
        end
    end
end

-- Runs in a thread: adds as many messages as it is told, to the one buffer or the other. Returns when told none.
local function produce(me, first_id, second_id, go_id)
    local mtmsg = require("mtmsg")
    local buffers, go = { mtmsg.buffer(first_id), mtmsg.buffer(second_id) }, mtmsg.buffer(go_id)
    local number = 0
    while true do
        local count, pattern = go:nextmsg()
        if count == 0 then return number end
        for i = 1, count do
            number = number + 1
            local which = pattern % 2 ^ i >= 2 ^ (i - 1) and 2 or 1
            buffers[which]:addmsg(me, which, number, ("x"):rep(number % 50))
        end
    end
end

local kinds = { "buffer", "listener", "buffer reader", "listener reader", "timed", "polled" }

-- The second buffer is served by those alone that receive from the listener.
local function serves_second(mixture)
    for _, kind in ipairs(mixture) do
        if not kind:find("buffer") then return true end
    end
    return false
end

local function run_bursts(mixture, acks, go)
    local second = serves_second(mixture)
    local last = { 0, 0 }
    for burst = 1, bursts do
        local total = 0
        local pending = {}
        for p = 1, 2 do
            local count = (burst * 7 + p * 3) % 4
            if p == 1 and count == 0 then count = 1 end
            for i = last[p] + 1, last[p] + count do pending[p * 1e7 + i] = true end
            last[p] = last[p] + count
            total = total + count
            if count > 0 then go[p]:addmsg(count, second and (burst * 5 + p) % 8 or 0) end
        end
        for _ = 1, total do
            local producer, number = acks:nextmsg()
            local key = producer * 1e7 + number
            tap.ok(pending[key], "received twice, or never sent")
            pending[key] = nil
        end
        tap.is(acks:msgcnt(), 0)
    end
    return last[1] + last[2]
end

local function run(mixture)
    local listener, acks = mtmsg.newlistener(), mtmsg.newbuffer()
    local first, second = listener:newbuffer(), listener:newbuffer()
    local go, producers, receivers = {}, {}, {}
    for i, kind in ipairs(mixture) do
        receivers[i] = threads.start(receive, kind, first:id(), second:id(), listener:id(), acks:id())
    end
    for p = 1, 2 do
        go[p] = mtmsg.newbuffer()
        producers[p] = threads.start(produce, p, first:id(), second:id(), go[p]:id())
    end
    local sent = run_bursts(mixture, acks, go)
    for p = 1, 2 do go[p]:addmsg(0) end
    local produced = threads.join_all(producers)
    tap.is(produced[1] + produced[2], sent)
    tap.is(first:msgcnt() + second:msgcnt(), 0)
    listener:close()
    local received = 0
    for _, count in ipairs(threads.join_all(receivers)) do received = received + count end
    tap.is(received, sent)
end

for bits = 1, 2 ^ #kinds - 1 do
    local mixture = {}
    for i, kind in ipairs(kinds) do
        if bits % 2 ^ i >= 2 ^ (i - 1) then mixture[#mixture + 1] = kind end
    end
    tap.test("received by: " .. table.concat(mixture, ", "), function() run(mixture) end)
end

local polling = { "buffer descriptor", "listener descriptor" }
for i, one in ipairs(polling) do
    tap.test("received by: " .. one, function() run { one } end)
    for j, kind in ipairs(kinds) do
        local more = (i + j) % 2 == 0 and polling or { one }
        local mixture = { kind, (unpack or table.unpack)(more) }
        tap.test("received by: " .. table.concat(mixture, ", "), function() run(mixture) end)
    end
end
for _, one in ipairs(polling) do kinds[#kinds + 1] = one end

tap.test("received by two of each kind", function()
    local mixture = {}
    for _, kind in ipairs(kinds) do
        mixture[#mixture + 1] = kind
        mixture[#mixture + 1] = kind
    end
    run(mixture)
end)

tap.done()
