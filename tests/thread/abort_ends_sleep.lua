-- mtmsg.abort() ends every sleep, those that have begun and those that begin later.

local mtmsg   = require("mtmsg")
local tap     = require("tap")
local threads = require("threads")

-- Runs in a thread.
local function sleep(seconds, ready_id, flag_id)
    local mtmsg = require("mtmsg")
    local flag = mtmsg.buffer(flag_id)
    mtmsg.buffer(ready_id):addmsg(true)
    local ok, err = pcall(mtmsg.sleep, seconds)
    flag:clear()
    return ok, err
end

for _, seconds in ipairs { 1000, 1e10, math.huge } do
    tap.test("a sleep of " .. seconds .. " seconds ends with operation_aborted", function()
        for _, pause in ipairs { 0, 0.001, 0.02 } do
            local ready, flags, sleepers = mtmsg.newbuffer(), {}, {}
            for i = 1, 3 do
                flags[i] = mtmsg.newbuffer()
                flags[i]:addmsg("asleep")
                sleepers[i] = threads.start(sleep, seconds, ready:id(), flags[i]:id())
            end
            for _ = 1, 3 do tap.is(ready:nextmsg(threads.limit), true) end
            threads.pause(pause)
            mtmsg.abort()
            local awake, why = pcall(threads.watch, function()
                return flags[1]:msgcnt() + flags[2]:msgcnt() + flags[3]:msgcnt() == 0
            end, "all sleepers awake")
            mtmsg.abort(false)
            if not awake then error(why, 0) end
            for i = 1, 3 do
                tap.gives({ false, mtmsg.error.operation_aborted }, sleepers[i]:join())
            end
        end
    end)
end

tap.test("a sleep lasts its time while other threads abort and close objects", function()
    local thread = threads.start(function()
        local mtmsg = require("mtmsg")
        local started = mtmsg.time()
        mtmsg.sleep(0.2)
        return mtmsg.time() - started
    end)
    while not thread:has_ended() do
        local buffer = mtmsg.newbuffer()
        buffer:abort()
        buffer:close()
    end
    tap.ok(thread:join() >= 0.198, "woken too early")
end)

tap.done()
