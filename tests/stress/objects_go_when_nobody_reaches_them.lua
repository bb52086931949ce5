-- Buffers, listeners and topics in messages of each other's queues, as notifiers of each other, found by id while they
-- are let go of: whatever circles come of it, when all threads have dropped what they have the process has none of it,
-- ten million messages later too. MTMSG_STRESS_N is the number of rounds of each thread.

local mtmsg   = require("mtmsg")
local tap     = require("tap")
local threads = require("threads")

local many = tonumber(os.getenv("MTMSG_STRESS_N") or "") or 10000

-- Runs in a thread. The market is a buffer whose messages are objects; what is taken there is used, changed, and goes
-- back, or not.
local function trade(market_id, seed, rounds)
    local mtmsg = require("mtmsg")
    local market = mtmsg.buffer(market_id)
    local state, ids = seed % 2147483646 + 1, {}
    local function random(n)
        state = (state * 16807) % 2147483647
        return math.floor(state / 2147483647 * n) + 1
    end

    -- A new object, that knows some others.
    local function make(known)
        local kind = random(6)
        if kind == 1 then
            local listener = mtmsg.newlistener()
            local buffer = listener:newbuffer()
            buffer:addmsg(listener, known)
            return buffer
        elseif kind == 2 then
            local topic = mtmsg.newtopic{last = true}
            local subscriber = topic:subscribe()
            topic:addmsg(known, topic, subscriber)
            return subscriber
        elseif kind == 3 then
            local buffer = mtmsg.newbuffer(100, 0)
            buffer:addmsg(buffer)
            buffer:addmsg({known})
            return buffer
        end
        local buffer = mtmsg.newbuffer()
        for _ = 1, random(3) do buffer:addmsg({known, buffer}) end
        return buffer
    end

    local function use(object)
        local kind = random(8)
        if kind == 1 then object:clear()
        elseif kind == 2 then pcall(object.notifier, object, make(object))
        elseif kind == 3 then pcall(object.notifier, object, nil)
        elseif kind == 4 then object:setmsg(object, make(object))
        elseif kind == 5 then
            local w = mtmsg.newwriter()
            w:add(object, {object})
            w:addmsg(object)
        elseif kind == 6 then
            local found = ids[random(#ids)]
            local ok, other = pcall(mtmsg.buffer, found)
            if ok then object:addmsg(other) end
        elseif kind == 7 then
            object:peekmsg(0)
        else
            local r = mtmsg.newreader()
            if r:nextmsg(object, 0) and random(2) == 1 then r:putback() end
        end
        local found = object:nextmsg(0)
        return type(found) == "userdata" and mtmsg.type(found) == "mtmsg.buffer" and found or object
    end

    for round = 1, rounds do
        local object = market:nextmsg(0) or mtmsg.newbuffer()
        object = use(object)
        ids[#ids % 20 + 1] = object:id()
        if random(4) > 1 then market:addmsg(object, object) end
        if random(3) == 1 then market:addmsg(make(object)) end
        if market:msgcnt() > 50 then market:nextmsg(0) end
        if round % 100 == 0 then collectgarbage() end
    end
end

-- What the process has, when nobody here has any of it, and later operations have looked for the rest.
local function left()
    for _ = 1, 100 do
        collectgarbage()
        mtmsg.newbuffer()
    end
    collectgarbage()
    collectgarbage()
    return #mtmsg.objects()
end

tap.test("nothing is left of a market", function()
    local before = left()
    local market, list = mtmsg.newbuffer(), {}
    for i = 1, 3 do list[i] = threads.start(trade, market:id(), i * 7919 + os.time(), many) end
    threads.join_all(list)
    market:clear()
    market, list = nil, nil
    tap.is(left(), before)
end)

-- Each request has a buffer of its own for the reply, which nobody remembers.
tap.test("nothing is left of requests with buffers for their replies", function()
    local before = left()
    local jobs, list = mtmsg.newbuffer(), {}
    local function serve(id)
        local jobs = require("mtmsg").buffer(id)
        while true do
            local n, reply = jobs:nextmsg()
            if not n then return end
            if n % 10 ~= 0 then reply:addmsg(n + 1, reply) end
        end
    end
    local function ask(id, count)
        local mtmsg = require("mtmsg")
        local jobs = mtmsg.buffer(id)
        for i = 1, count do
            local reply = mtmsg.newbuffer()
            jobs:addmsg(i, reply)
            if i % 10 ~= 0 then assert(reply:nextmsg() == i + 1) end
        end
    end
    for i = 1, 2 do list[i] = threads.start(serve, jobs:id()) end
    local clients = {}
    for i = 1, 2 do clients[i] = threads.start(ask, jobs:id(), many) end
    threads.join_all(clients)
    for _ = 1, 2 do jobs:addmsg(nil) end
    threads.join_all(list)
    jobs, list, clients = nil, nil, nil
    tap.is(left(), before)
end)

tap.done()
