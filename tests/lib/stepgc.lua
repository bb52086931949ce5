-- Runs Lua's garbage collector all the time, so that finalizers come at every step of a test:
-- a full collection after every few VM instructions and at every allocation inside C functions.
-- It decides nothing about tests: it is idle unless the environment variable MTMSG_GC is set
-- to the number of VM instructions between two collections.

local stepgc = {}

local interval = tonumber(os.getenv("MTMSG_GC") or "") or 0

stepgc.active = interval > 0

-- Compiled code calls no hooks.
if stepgc.active and rawget(_G, "jit") then
    require("jit").off()
end

-- A cycle begins as soon as the last one has ended, and each step is a whole cycle. Gives a
-- function that sets what was set before.
local function eager()
    local pause, step = 0, 1000000
    if _VERSION == "Lua 5.5" then
        local mode = collectgarbage("incremental")
        pause = collectgarbage("param", "pause", pause)
        step = collectgarbage("param", "stepmul", 0) -- a whole cycle
        return function()
            collectgarbage("param", "pause", pause)
            collectgarbage("param", "stepmul", step)
            collectgarbage(mode)
        end
    end
    local mode
    if _VERSION == "Lua 5.4" then
        mode = collectgarbage("incremental")
        step = 1000 -- it has no room for more
    end
    pause = collectgarbage("setpause", pause)
    step = collectgarbage("setstepmul", step)
    return function()
        collectgarbage("setpause", pause)
        collectgarbage("setstepmul", step)
        if mode then
            collectgarbage(mode)
        end
    end
end

local restore

function stepgc.start()
    if stepgc.active and not restore then
        restore = eager()
        debug.sethook(function() collectgarbage() end, "", interval)
    end
end

function stepgc.stop()
    if restore then
        debug.sethook()
        restore()
        restore = nil
    end
end

return stepgc
