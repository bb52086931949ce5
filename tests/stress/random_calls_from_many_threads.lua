-- Threads that make, find, use, connect, abort, close and drop shared objects at random, each with its own sequence of
-- numbers. Nothing is expected of the single call but that it ends, that its error is one of the module's, and that a
-- message that arrives is whole: this is traffic for sanitizers. MTMSG_STRESS_N is the number of calls of each thread.

local tap     = require("tap")
local threads = require("threads")

local calls = (tonumber(os.getenv("MTMSG_STRESS_N") or "") or 3000) * 2

-- Runs in a thread.
local function play(seed, calls, with_notifiers)
    local mtmsg = require("mtmsg")
    local state = seed
    local function random(n)
        state = (state * 16807) % 2147483647
        return math.floor(state / 2147483647 * n) + 1
    end
    local buffers, listeners = {}, {}
    local writer, reader = mtmsg.newwriter(), mtmsg.newreader()
    local received, refused = 0, 0
    local function name() return random(3) > 1 and "player " .. random(6) or nil end
    local function some(list) return list[random(6)] end
    local function text()
        local number = random(random(4) == 1 and 900 or 20)
        return number, ("%d;"):format(number):rep(number * 2)
    end
    local function check(number, value)
        if number == nil then return end
        assert(value == ("%d;"):format(number):rep(number * 2), "a message is damaged")
        received = received + 1
    end
    local function source() return random(2) == 1 and some(buffers) or some(listeners) or some(buffers) end

    local actions = {
        function() buffers[random(6)] = mtmsg.newbuffer(name(), random(200), random(3)) end,
        function() buffers[random(6)] = mtmsg.newbuffer(name(), random(4000), 0) end,
        function() listeners[random(6)] = mtmsg.newlistener(name()) end,
        function() buffers[random(6)] = mtmsg.buffer("player " .. random(6)) end,
        function() listeners[random(6)] = mtmsg.listener("player " .. random(6)) end,
        function() buffers[random(6)] = mtmsg.buffer(some(buffers):id()) end,
        function() buffers[random(6)] = some(listeners):newbuffer(name()) end,
        function() buffers[random(6)] = some(listeners):newbuffer(name(), 64, 1) end,
        function() some(buffers):addmsg(text()) end,
        function() some(buffers):addmsg(text()) end,
        function() some(buffers):addmsg(text()) end,
        function() some(buffers):setmsg(text()) end,
        function() writer:add(text()) writer:addmsg(some(buffers)) writer:clear() end,
        function() writer:add(text()) writer:setmsg(some(buffers)) writer:clear() end,
        function() check(source():nextmsg(0)) end,
        function() check(source():nextmsg(0)) end,
        function() check(source():nextmsg(random(4) * 0.0002)) end,
        function() if reader:nextmsg(source(), 0) then check(reader:next(2)) end end,
        function() if reader:nextmsg(source(), 0.0003) then check(reader:next(2)) end end,
        function() source():nonblock(random(2) == 1) end,
        function() if random(4) == 1 then source():clear() end end,
        function() if random(8) == 1 then source():close() end end,
        function()
            local object = source()
            object:abort()
            object:abort(false)
        end,
        function() buffers[random(6)], listeners[random(12)] = nil, nil end,
        function() if random(10) == 1 then collectgarbage() end end,
        function()
            local object = source()
            assert(tostring(object):find(("id=%.0f"):format(object:id()), 1, true))
            assert(object:name() == nil or object:name():find("player"))
            assert(type(object:isabort()) == "boolean" and mtmsg.type(object):find("mtmsg."))
        end,
        function() assert(some(buffers):msgcnt() >= 0) end,
    }
    if with_notifiers then
        actions[#actions + 1] = function() some(buffers):notifier(some(buffers), ">", random(4) - 1) end
        actions[#actions + 1] = function() some(buffers):notifier(some(buffers), "<", random(4) - 1) end
        actions[#actions + 1] = function() some(buffers):notifier(nil, random(2) == 1 and "<" or ">") end
    end
    for _ = 1, calls do
        local ok, err = pcall(actions[random(#actions)])
        if not ok then
            local absent = err:find("attempt to index", 1, true) or err:find("bad argument", 1, true)
            local known = err:find("mtmsg.error.", 1, true) or err:find("calling notifier", 1, true)
            assert(absent or known, err)
            refused = refused + 1
        end
    end
    return received, refused
end

for round = 1, 4 do
    tap.test(("%d players, %s notifiers"):format(2 + round, round % 2 == 0 and "with" or "without"), function()
        local players, received, refused = {}, 0, 0
        for i = 1, 2 + round do
            players[i] = threads.start(play, round * 1000 + i * 17, calls, round % 2 == 0)
        end
        for _, player in ipairs(players) do
            local r, f = player:join()
            received, refused = received + r, refused + f
        end
        tap.note(received .. " messages received, " .. refused .. " calls refused")
    end)
end

tap.done()
