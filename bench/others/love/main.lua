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
    love.event.quit()
end
