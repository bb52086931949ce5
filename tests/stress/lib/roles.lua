-- What the threads of the stress test do: send, receive, visit, interrupt, churn, each with its own sequence of random
-- numbers. It checks each message that it receives; who takes part, and what the sums must be, is the test's business.

local role, plan_text, me = ...

local mtmsg   = require("mtmsg")
local stepgc  = require("stepgc")
local traffic = require("traffic")

local plan = assert((loadstring or load)(plan_text))()
local errors = mtmsg.error

local state = (plan.seed * 131 + me * 7919) % 2147483647 + 1

local function random(n)
    state = (state * 16807) % 2147483647
    return math.floor(state / 2147483647 * n) + 1
end

local function is(err, what)
    return type(err) == "string" and err:find(what, 1, true) ~= nil
end

-- The object, however often everything is aborted meanwhile; nil if it is gone.
local function find(kind, id)
    while true do
        local ok, object = pcall(mtmsg[kind], id)
        if ok then return object end
        if is(object, errors.unknown_object) then return nil end
        assert(is(object, errors.operation_aborted), object)
    end
end

-- The call's result, however often it is aborted; nil if its object is closed or its listener has none.
local function insist(f, ...)
    while true do
        local ok, result = pcall(f, ...)
        if ok then return result end
        if is(result, errors.object_closed) then return nil end
        assert(is(result, errors.operation_aborted), result)
    end
end

local function pause()
    pcall(mtmsg.sleep, 0.00005 * random(8))
end

-- ---- sending

local sizes = { 60, 60, 60, 60, 60, 60, 600, 600, 600, 6000 }

-- Mostly small, now and then large; the same shares as in the native threads.
local function random_size(most)
    local size = sizes[random(10)]
    if random(40) == 1 then size = 300 * 1024 end
    return math.min(random(size + 1) - 1, most)
end

-- Whether add(...) has added, which an error of a notifier does not prevent; nil if the buffer is closed. And whether
-- there was such an error.
local function try(add, ...)
    local ok, result = pcall(add, ...)
    if ok then return result end
    if is(result, "calling notifier") then return true, true end
    if is(result, errors.object_closed) then return nil end
    assert(is(result, errors.operation_aborted), result)
    return false
end

local writer = mtmsg.newwriter(16)

-- Adds one message in one of several ways. False: the buffer is closed.
local function send(target, buffer, stream, number)
    local size = random_size(target.most)
    local text = traffic.text(stream, number, size)
    local way, replace, result = random(3), target.trouble == "replace" and random(5) == 1, nil
    local failed
    if way == 1 then
        writer:clear()
        writer:add(stream, number, size)
        writer:add(text, number / 2)
    end
    repeat
        if way == 1 then
            result, failed = try(replace and writer.setmsg or writer.addmsg, writer, buffer)
        else
            local add = replace and buffer.setmsg or buffer.addmsg
            result, failed = try(add, buffer, stream, number, size, text, number / 2)
        end
        if result == false then pause() end -- aborted, busy or full
    until result ~= false
    if result then traffic.sent(stream, number, failed) end
    return result
end

local roles = {}

-- Sends to all buffers at random, a stream to each.
function roles.send()
    local open, numbers = {}, {}
    for i, target in ipairs(plan.buffers) do
        local buffer = find("buffer", target.id)
        numbers[i] = 0
        if buffer then
            open[#open + 1] = { i, target, buffer }
            if random(4) == 1 then insist(buffer.nonblock, buffer) end
        end
    end
    traffic.arrive()
    for _ = 1, plan.messages do
        if #open == 0 then break end
        local at = random(#open)
        local i, target, buffer = (table.unpack or unpack)(open[at])
        numbers[i] = numbers[i] + 1
        if not send(target, buffer, me * plan.streams + i, numbers[i]) then
            table.remove(open, at)
        end
        if random(60) == 1 then collectgarbage("step") end
    end
end

-- Sends through buffers of a listener that are dropped with their messages. They have no order between them.
function roles.vanish()
    local listener = find("listener", plan.listeners[1].id)
    local stream, number = me * plan.streams + plan.streams, 0
    traffic.arrive()
    while number < plan.messages / 4 do
        local buffer = insist(listener.newbuffer, listener, random(3) == 1 and "vanishing" or nil)
        for _ = 1, random(4) - 1 do
            number = number + 1
            send({ most = 20000 }, buffer, stream, number)
        end
        buffer = nil
        if random(4) == 1 then collectgarbage() end
    end
end

-- One short life of a thread and a state: sends numbers first ... last to a buffer, and leaves things lying around.
function roles.live(which, first, last)
    local target = plan.buffers[which]
    local buffer = find("buffer", random(2) == 1 and target.name or target.id)
    local own = insist(mtmsg.newlistener, "visitor")
    left = { own, own and insist(own.newbuffer, own, "same name"), insist(mtmsg.newbuffer, "same name", 100) }
    for _, other in pairs(left) do
        if other ~= own then try(other.addmsg, other, ("unread"):rep(random(2000))) end
    end
    for number = first, last do
        if not buffer or not send(target, buffer, me * plan.streams + which, number) then return end
    end
end

-- Threads that come and go, one after the other.
function roles.visit()
    local host = require("host")
    local code = "return assert(loadfile('tests/stress/lib/roles.lua'))(...)"
    traffic.arrive()
    local first, which = 1, random(#plan.buffers)
    for _ = 1, 6 do
        local last = first + random(10)
        local ok, err = host.thread(code, "live", plan_text, me, which, first, last):join()
        assert(ok, err)
        first = last + 1
    end
end

-- ---- receiving

-- Whether the values are a message as it was sent; a buffer that is a notifier rings by an empty one.
local last = {}
local function check(ordered, stream, number, size, text, half)
    if stream == nil then return end
    local err = traffic.received(stream, number, size, text, half)
    if err then error(("%s (stream %d, number %d)"):format(err, stream, number)) end
    if ordered and stream % plan.streams ~= 0 then -- the last stream of each sender is that of vanishing buffers
        assert(number > (last[stream] or 0), "a message is out of order")
        last[stream] = number
    end
end

local function take_by_reader(reader, source, ordered, timeout)
    local ok, err = pcall(reader.nextmsg, reader, source, timeout)
    if ok and not err then return true end
    if ok or is(err, "calling notifier") then -- then the message is in the reader all the same
        check(ordered, reader:next(5))
        return true
    end
    return false, err
end

local function take(source, ordered, timeout)
    return pcall(function() check(ordered, source:nextmsg(timeout)) end)
end

-- Receives in its way until the source is closed.
function roles.receive(kind, id, ordered, way)
    local source = find(kind, id)
    local reader = mtmsg.newreader(16)
    local timeouts = { timed = 0.0003, polled = 0 }
    traffic.arrive()
    if not source then return end
    if way == "nonblock" then insist(source.nonblock, source) end
    while true do
        local ok, err
        if way == "reader" or way == "mixed" and random(2) == 1 then
            ok, err = take_by_reader(reader, source, ordered, random(3) == 1 and 0.001 or nil)
        else
            ok, err = take(source, ordered, timeouts[way])
        end
        if not ok then
            if is(err, errors.object_closed) then return end
            if is(err, "calling notifier") then
                traffic.back()
            else
                assert(is(err, errors.operation_aborted), err)
            end
        elseif way == "polled" or way == "nonblock" then
            pause()
        end
        if random(400) == 1 then collectgarbage() end
    end
end

-- ---- trouble

local function with_trouble(trouble)
    local list = {}
    for _, kind in ipairs { "buffer", "listener" } do
        for _, target in ipairs(plan[kind .. "s"]) do
            if target.trouble == trouble then list[#list + 1] = find(kind, target.id) end
        end
    end
    return list
end

-- Clears until everything was sent.
function roles.clear()
    local objects = with_trouble("clear")
    traffic.arrive()
    while not traffic.stopped() do
        local object = objects[random(#objects)]
        insist(object.clear, object)
        pause()
    end
end

-- Aborts and lifts it again until everything was sent.
function roles.abort()
    local objects = with_trouble("abort")
    traffic.arrive()
    while not traffic.stopped() do
        if plan.abort_all and (#objects == 0 or random(4) == 1) then
            mtmsg.abort()
            mtmsg.abort(false)
        else
            local object = objects[random(#objects)]
            object:abort()
            object:abort(false)
        end
        if random(4) ~= 1 then pause() end
    end
end

-- Closes each when so much was sent.
function roles.close()
    local objects = with_trouble("close")
    traffic.arrive()
    for i, object in ipairs(objects) do
        while not traffic.stopped() and traffic.totals() < plan.total * i / (#objects + 1) do pause() end
        object:close()
    end
end

-- Makes, finds, names, connects, uses, closes and drops objects of its own and of other such threads.
function roles.churn()
    local mine, names = {}, { "churn 1", "churn 2", "churn 3", "with \0 zero", "" }
    local function some() return mine[random(8)] end
    local acts = {
        function() mine[random(8)] = mtmsg.newbuffer(names[random(5)], random(300), random(3) - 1) end,
        function() mine[random(8)] = mtmsg.newlistener(names[random(5)]):newbuffer() end,
        function() mine[random(8)] = mtmsg.buffer(names[random(5)]) end,
        function() mine[random(8)] = mtmsg.buffer(some():id()) end,
        function() mtmsg.buffer(plan.buffers[1].id + random(1000)) end,
        function() some():notifier(some(), random(2) == 1 and "<" or ">", random(3) - 1) end,
        function() some():notifier(nil, random(2) == 1 and "<" or ">") end,
        function() some():addmsg("churn", random(9)) end,
        function() some():nextmsg(0) end,
        function() if random(4) == 1 then some():close() end end,
        function() mine[random(8)] = nil end,
        function() collectgarbage(random(8) == 1 and "collect" or "step") end,
    }
    traffic.arrive()
    while not traffic.stopped() do
        local ok, err = pcall(acts[random(#acts)])
        if not ok and not is(err, "mtmsg.error.") and not is(err, "calling notifier") then
            assert(is(err, "attempt to index") or is(err, "bad argument"), err)
        end
        if random(6) == 1 then pause() end
    end
end

stepgc.start()
roles[role](select(4, ...))
stepgc.stop()
