-- Runs a Lua function in a finalizer at a chosen moment: at the n-th chance that another function gives the garbage
-- collector while it runs, inside of C functions, too. It does not judge what either of them does.

local finalizers = {}

-- Compiled code gives the collector other chances.
if rawget(_G, "jit") then
    require("jit").off()
end

-- Calls f when the collector finds the returned object to be garbage.
function finalizers.new(f)
    if newproxy then
        local object = newproxy(true)
        getmetatable(object).__gc = f
        return object
    end
    return setmetatable({}, { __gc = f })
end

-- Each chance becomes a whole cycle. Gives a function that sets what was set before.
local function eager()
    if _VERSION == "Lua 5.5" then
        local mode = collectgarbage("incremental")
        local pause, step = collectgarbage("param", "pause", 0), collectgarbage("param", "stepmul", 0)
        return function()
            collectgarbage("param", "pause", pause)
            collectgarbage("param", "stepmul", step)
            collectgarbage(mode)
        end
    end
    local mode = _VERSION == "Lua 5.4" and collectgarbage("incremental")
    local pause = collectgarbage("setpause", 0)
    local step = collectgarbage("setstepmul", mode and 1000 or 1000000) -- 5.4 has no room for more
    return function()
        collectgarbage("setpause", pause)
        collectgarbage("setstepmul", step)
        if mode then collectgarbage(mode) end
    end
end

-- Calls f(...), and act in a finalizer at the n-th chance. Gives whether there was that chance, whether act
-- raised no error, and the results of pcall(f, ...).
function finalizers.during(n, act, f, ...)
    local chances, active, ran, acted, list = 0, false, false, nil, {}
    local function finalize()
        if not active then return end
        chances = chances + 1
        if chances < n then
            finalizers.new(finalize)
        else
            ran, acted = true, pcall(act)
        end
    end
    local function stop(...)
        active = false
        return ...
    end
    local function run(...)
        select("#", f, ...) -- the stack has the room that f needs
        collectgarbage("restart")
        for i = 1, 300 do list[i] = i end -- memory that the collector owes for, and no chance yet
        active = true
        return stop(f(...))
    end
    local function finish(restore, ...)
        active = false
        collectgarbage("restart")
        restore()
        return ran, acted, ...
    end
    local restore = eager()
    collectgarbage()
    collectgarbage("stop")
    finalizers.new(finalize)
    return finish(restore, pcall(run, ...))
end

-- Calls round(n) for n = 1, 2, ... until it gives false: there was no n-th chance. Gives how many there were.
function finalizers.each(round)
    local n = 1
    while round(n) do n = n + 1 end
    return n - 1
end

return finalizers
