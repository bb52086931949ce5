-- Runs Lua's garbage collector all the time, so that finalizers come at every step of a test:
-- a full collection at every allocation, inside of C functions, too, and after every few VM
-- instructions. It decides nothing about tests: it is idle unless MTMSG_GC is set to 1.

local stepgc = {}

local setting = os.getenv("MTMSG_GC") or "0"
assert(setting == "0" or setting == "1", "MTMSG_GC is neither 0 nor 1")

stepgc.active = setting == "1"

local instructions = 17

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
        collectgarbage() -- the settings count from the end of a cycle
        debug.sethook(function() collectgarbage() end, "", instructions)
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
