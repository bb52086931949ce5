-- Random traffic between threads: which buffers, listeners, sizes, producers and consumers there are, and what each of
-- them does next, follows from a seed. Every message arrives once, whole, and after those that its producer added to
-- the same buffer before. MTMSG_SEED=n runs that traffic only (the threads may meet in another way, though),
-- MTMSG_SECONDS=s new ones for so long.

local mtmsg   = require "mtmsg"
local tap     = require "tap"
local threads = require "threads"

local function new_random(seed)
    local state = seed % 2147483646 + 1
    return function(n)
        state = (state * 16807) % 2147483647
        return math.floor(state / 2147483647 * n) + 1
    end
end

-- Runs in a thread: adds the numbers 1..count in turn to the buffers, each with a text that follows from it. With
-- bells, notifiers may be connected: then nobody is nonblocking, as a notifier that is busy is an error there.
local function produce(me, seed, bells, count, ...)
    local mtmsg = require "mtmsg"
    local state = seed % 2147483646 + 1
    local function random(n)
        state = (state * 16807) % 2147483647
        return math.floor(state / 2147483647 * n) + 1
    end
    local buffers, writer, room = {}, mtmsg.newwriter(), mtmsg.newbuffer()
    for i, id in ipairs { ... } do
        buffers[i] = mtmsg.buffer(id)
        if not bells and random(3) == 1 then pcall(buffers[i].nonblock, buffers[i]) end -- it may be aborted just now
    end
    local function text(number)
        return ("%d;"):format(number):rep(number % (number % 50 == 0 and 1500 or 12))
    end
    local function by_writer(buffer, ...)
        writer:clear()
        writer:add(...)
        return writer:addmsg(buffer)
    end
    -- False if there is no room now; so it is if everything was aborted meanwhile.
    local function try(buffer, ...)
        local ok, added
        if random(3) == 1 then ok, added = pcall(by_writer, buffer, ...)
        else ok, added = pcall(buffer.addmsg, buffer, ...) end
        if not ok and not added:find("operation_aborted", 1, true) then error(added, 0) end
        return ok and added
    end
    for number = 1, count do
        local at = random(#buffers)
        while not try(buffers[at], me, at, number, text(number)) do
            at = random(#buffers)
            pcall(room.nextmsg, room, 0.0005) -- waits a little: nobody ever adds to it
        end
        if random(200) == 1 then collectgarbage() end
    end
end

-- Runs in a thread: receives from the sources until the end is told, and everything is aborted; a patient one waits
-- without a limit. Reports what it received, as "producer:number producer:number ...".
local function consume(seed, bells, patient, stop_id, ...)
    local mtmsg = require "mtmsg"
    local state = seed % 2147483646 + 1
    local function random(n)
        state = (state * 16807) % 2147483647
        return math.floor(state / 2147483647 * n) + 1
    end
    local stop, sources, reader, latest = mtmsg.buffer(stop_id), {}, mtmsg.newreader(), {}
    for i, id in ipairs { ... } do
        sources[i] = id > 0 and mtmsg.buffer(id) or mtmsg.listener(-id)
        if not bells and not patient and random(3) == 1 then pcall(sources[i].nonblock, sources[i]) end
    end
    local seen = {}
    local function check(me, at, number, text)
        if me == nil then return end
        assert(text == ("%d;"):format(number):rep(number % (number % 50 == 0 and 1500 or 12)), "a message is damaged")
        local key = me .. " " .. at
        assert(number > (latest[key] or 0), "a message has overtaken another one")
        latest[key] = number
        seen[#seen + 1] = ("%d:%d"):format(me, number)
    end
    local function by_reader(source, timeout)
        if reader:nextmsg(source, timeout) then
            local me = reader:next()
            check(me, reader:next(3))
        end
    end
    while stop:msgcnt() == 0 do
        local source = sources[random(#sources)]
        local timeout = not bells and random(3) == 1 and 0 or random(4) * 0.0005
        if patient or source:isnonblock() and random(2) == 1 then timeout = nil end
        local ok, err
        if random(3) == 1 then ok, err = pcall(by_reader, source, timeout)
        elseif timeout then ok, err = pcall(function() check(source:nextmsg(timeout)) end)
        else ok, err = pcall(function() check(source:nextmsg()) end) end
        assert(ok or err:find("operation_aborted", 1, true), err)
        if random(300) == 1 then collectgarbage() end
    end
    return table.concat(seen, " ")
end

-- Runs in a thread: gets into everybody's way without changing what arrives.
local function disturb(seed, bells, stop_id, ...)
    local mtmsg = require "mtmsg"
    local state = seed % 2147483646 + 1
    local function random(n)
        state = (state * 16807) % 2147483647
        return math.floor(state / 2147483647 * n) + 1
    end
    local stop, ids, pause = mtmsg.buffer(stop_id), { ... }, mtmsg.newbuffer()
    while stop:msgcnt() == 0 do
        local id = ids[random(#ids)]
        local object = id > 0 and mtmsg.buffer(id) or mtmsg.listener(-id)
        local what = random(8)
        if what == 1 then
            object:abort()
            object:abort(false)
        elseif what == 2 and bells then
            local bell = mtmsg.newbuffer() -- others may have connected one
            if id > 0 and pcall(object.notifier, object, bell, random(2) == 1 and "<" or ">", random(3) - 1) then
                pause:nextmsg(0.0005)
                object:notifier(nil, "<")
                object:notifier(nil, ">")
            end
        elseif what == 3 and id < 0 then
            local passing = object:newbuffer()
            passing:addmsg()
        elseif what == 4 then
            collectgarbage()
        end
        pause:nextmsg(random(10) * 0.0002)
    end
end

-- A few buffers with or without listeners. Returns the objects, the ids of the buffers, what can be received from, and
-- from what one must receive in order to get everything; the ids of listeners are negative there.
local function build(random)
    local objects, ids, sources, needed = {}, {}, {}, {}
    for _ = 1, random(2) do
        local listener = mtmsg.newlistener()
        objects[#objects + 1] = listener
        needed[#needed + 1] = -listener:id()
        for _ = 1, random(4) do objects[#objects + 1] = { listener } end
    end
    for _ = 1, random(3) - 1 do objects[#objects + 1] = {} end
    for i, object in ipairs(objects) do
        if type(object) == "table" then
            local size, grow = ({ nil, 16, 200, 4000, 20000 })[random(5)], ({ nil, 1, 1.5, 7 })[random(4)]
            if random(3) == 1 then size, grow = 20000 + random(5000), 0 end
            local buffer = object[1] and object[1]:newbuffer(size, grow) or mtmsg.newbuffer(size, grow)
            objects[i] = buffer
            ids[#ids + 1] = buffer:id()
            if not object[1] then needed[#needed + 1] = buffer:id()
            elseif random(3) == 1 then sources[#sources + 1] = buffer:id() end
        end
    end
    for _, id in ipairs(needed) do sources[#sources + 1] = id end
    return objects, ids, sources, needed
end

-- Patient ones have one source each.
local function start_consumers(random, seed, bells, stop, sources, needed)
    local unpack = table.unpack or unpack
    local consumers, patient = {}, random(2) == 1
    for _, id in ipairs(patient and needed or {}) do
        consumers[#consumers + 1] = threads.start(consume, seed + #consumers, bells, true, stop:id(), id)
    end
    for _ = 1, random(3) - (patient and 1 or 0) do
        if patient then
            consumers[#consumers + 1] = threads.start(consume, seed, bells, true, stop:id(), sources[random(#sources)])
        else
            consumers[#consumers + 1] =
                threads.start(consume, seed + #consumers, bells, false, stop:id(), unpack(sources))
        end
    end
    return consumers
end

-- counts: how many messages each producer has added.
local function sum_up(list, counts)
    local seen, total = {}, 0
    for _, text in ipairs(list) do
        for key in text:gmatch("%S+") do
            if seen[key] then error("message " .. key .. " (producer:number) arrived twice", 0) end
            seen[key], total = true, total + 1
        end
    end
    local expected = 0
    for producer, count in ipairs(counts) do
        expected = expected + count
        for number = 1, count do
            local key = ("%d:%d"):format(producer, number)
            if not seen[key] then error("message " .. key .. " (producer:number) is lost", 0) end
        end
    end
    tap.is(total, expected, "messages")
end

-- One message at a time, to receivers that have fallen asleep: each of them must arrive.
local function send_singly(random, me, buffers)
    for number = 1, 10 do
        local at = random(#buffers)
        threads.pause(0.002)
        while not pcall(buffers[at].addmsg, buffers[at], me, at, number, ("%d;"):format(number):rep(number % 12)) do end
        threads.watch(function() return buffers[at]:msgcnt() == 0 end, "a single message is received")
    end
end

local function run(seed)
    local random = new_random(seed)
    local unpack = table.unpack or unpack
    local objects, ids, sources, needed = build(random)
    local stop = mtmsg.newbuffer()
    local counts, producers, others, buffers, bells = {}, {}, {}, {}, random(2) == 1
    for i = 1, random(3) do
        counts[i] = 100 + random(900)
        producers[i] = threads.start(produce, i, seed + i, bells, counts[i], unpack(ids))
    end
    local consumers = start_consumers(random, seed + 10, bells, stop, sources, needed)
    local targets = { unpack(ids) }
    for _, id in ipairs(needed) do
        if id < 0 then targets[#targets + 1] = id end
    end
    if random(2) == 1 then others[1] = threads.start(disturb, seed + 20, bells, stop:id(), unpack(targets)) end
    for _, producer in ipairs(producers) do producer:join() end
    for _, object in ipairs(objects) do
        if object.msgcnt then buffers[#buffers + 1] = object end
    end
    threads.watch(function()
        local left = 0
        for _, buffer in ipairs(buffers) do left = left + buffer:msgcnt() end
        return left == 0
    end, "all messages are received")
    send_singly(random, #counts + 1, buffers)
    counts[#counts + 1] = 10
    stop:addmsg("the end")
    threads.join_all(others)
    for _, object in ipairs(objects) do object:abort() end
    sum_up(threads.join_all(consumers), counts)
end

local function check(seed)
    local ok, err = pcall(run, seed)
    if not ok then error(("MTMSG_SEED=%d: %s"):format(seed, tostring(err)), 0) end
end

local only = tonumber(os.getenv("MTMSG_SEED") or "")
local seconds = tonumber(os.getenv("MTMSG_SECONDS") or "") or 3

if only then
    tap.test("the traffic of seed " .. only, function() check(only) end)
else
    tap.test("traffic that is always the same", function()
        for seed = 1, 5 do check(seed) end
    end)
    local seed = math.floor(mtmsg.time() * 1000) % 2000000000
    local first, deadline = seed, mtmsg.time() + seconds
    tap.note("new traffic begins with seed " .. seed)
    tap.test(("new traffic for %g seconds"):format(seconds), function()
        repeat
            check(seed)
            seed = seed + 1
        until mtmsg.time() > deadline
    end)
    tap.note(("%d runs"):format(seed - first))
end

tap.done()
