-- love.thread of LÖVE: channels between the threads of LuaJIT. Prints lines "workload nanoseconds name", as other.h
-- says.

local n = tonumber(arg[2]) or 500000

local consumer = [[
    local channel, n = ...
    for i = 1, n do channel:demand() end
]]
local returner = [[
    local there, back, n = ...
    for i = 1, n do back:push(there:demand()) end
]]

local function measure(workload, name, count, run, thread, ...)
    if thread then thread:start(...) end
    local begin = love.timer.getTime()
    run(count)
    if thread then
        thread:wait()
        assert(not thread:getError(), thread:getError())
    end
    print(("%d %.1f %s"):format(workload, (love.timer.getTime() - begin) / count * 1e9, name))
end

function love.load()
    local there, back = love.thread.newChannel(), love.thread.newChannel()
    measure(1, "add and take in one thread", n, function(count)
        for _ = 1, count do there:push(42) there:pop() end
    end)
    measure(2, "stream between two threads", n, function(count)
        for _ = 1, count do there:push(42) end
    end, love.thread.newThread(consumer), there, n)
    local trips = math.floor(n / 50) + 1
    measure(3, "ping-pong, round trip", trips, function(count)
        for _ = 1, count do there:push(42) back:demand() end
    end, love.thread.newThread(returner), there, back, trips)
    local record = { identifier = 17, name = "a name", price = 1.5, flagged = true, comment = "some more text" }
    local numbers = {}
    for i = 1, 1000 do numbers[i] = i * 300 end
    for _, case in ipairs { { "a record of 5 fields", record, 10 }, { "an array of 1,000 integers", numbers, 1000 } } do
        measure(11, "add and take of " .. case[1], math.floor(n / case[3]) + 1, function(count)
            for _ = 1, count do there:push(case[2]) there:pop() end
        end)
    end
    love.event.quit()
end
