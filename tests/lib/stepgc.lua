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

-- A cycle begins as soon as the last one has ended, and each step is a whole cycle.
local function eager()
    if not pcall(collectgarbage, "setpause", 0) then
        collectgarbage("param", "pause", 0)
        collectgarbage("param", "stepmul", 1000000)
    else
        -- 5.1 scales a step by this factor alone; 5.4 has no room for more than 1020.
        collectgarbage("setstepmul", _VERSION == "Lua 5.1" and 1000000 or 1000)
    end
end

local saved

function stepgc.start()
    if stepgc.active and not saved then
        saved = true
        eager()
        debug.sethook(function() collectgarbage() end, "", interval)
    end
end

function stepgc.stop()
    if saved then
        saved = nil
        debug.sethook()
        if pcall(collectgarbage, "setpause", 200) then
            collectgarbage("setstepmul", 200)
        else
            collectgarbage("param", "pause", 250)
            collectgarbage("param", "stepmul", 200)
        end
    end
end

return stepgc
