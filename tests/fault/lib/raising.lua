-- Lets a finalizer run, and raise an error or fail for want of memory, at the nth chance that the collector gets while
-- a function runs. It does not judge what becomes of the function.

local raising = {text = "raised in a finalizer"}

if rawget(_G, "jit") then require("jit").off() end

-- The collector calls f when the object, which nobody else has, is found to be garbage.
local function doom(f)
    if newproxy then
        getmetatable(newproxy(true)).__gc = f
    else
        setmetatable({}, {__gc = f})
    end
end

-- Every chance becomes a whole cycle of the collector.
local function make_eager()
    if _VERSION == "Lua 5.5" then
        collectgarbage("incremental")
        collectgarbage("param", "pause", 0)
        collectgarbage("param", "stepmul", 0)
    else
        if _VERSION == "Lua 5.4" then collectgarbage("incremental") end
        collectgarbage("setpause", 0)
        collectgarbage("setstepmul", _VERSION == "Lua 5.4" and 1000 or 1000000)
    end
end

-- f(...), and act() in a finalizer at the nth chance. Gives whether there was that chance, and the results of
-- pcall(f, ...). The collector is stopped afterwards.
function raising.during(n, act, f, ...)
    local chances, active, ran, debt = 0, false, false, {}
    local function finalize()
        if not active then return end
        chances = chances + 1
        if chances < n then
            doom(finalize)
        else
            active, ran = false, true
            act()
        end
    end
    local function stop(...)
        active = false
        return ...
    end
    local function run(...)
        active = true
        collectgarbage("restart")
        return stop(pcall(f, ...))
    end
    local function finish(in_time, ...) -- else there was a chance after f
        active = false
        collectgarbage("stop")
        if in_time then return ran, ... end
        return ran, false, ...
    end
    make_eager()
    collectgarbage()
    collectgarbage("stop")
    doom(finalize)
    for i = 1, 300 do debt[i] = i end -- memory that the collector owes for
    return finish(pcall(run, ...))
end

function raising.act() error(raising.text, 0) end

return raising
