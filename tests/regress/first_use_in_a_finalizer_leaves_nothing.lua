-- story: what was made in a finalizer of a closing state, by its first use of the module, was never freed
-- A logger required the module in its finalizer to post a last message, while the state was being closed. Lua does not
-- finalize what is made then (5.1 to 5.4), so the buffers stayed, and those that were found were kept for ever.

local mtmsg   = require("mtmsg")
local tap     = require("tap")
local threads = require("threads")

local function ends_with_first_use(id)
    local function last()
        local mtmsg = require("mtmsg")
        local log = mtmsg.buffer(id)
        log:addmsg("bye")
        -- The collector of Lua 5.1 may finalize everything once more meanwhile: then the rest is refused.
        pcall(function()
            mtmsg.newlistener("late"):newbuffer("late"):addmsg(("x"):rep(100000))
            mtmsg.newwriter():add(1, 2, 3)
            log:will("gone")
            log:addmsg("made")
        end)
    end
    local object
    if newproxy then
        object = newproxy(true)
        getmetatable(object).__gc = last
    else
        object = setmetatable({}, { __gc = last })
    end
    rawset(_G, "kept", object)
end

tap.test("all that was made ends with the state", function()
    local log = mtmsg.newbuffer("log")
    for _ = 1, 3 do
        threads.start(ends_with_first_use, log:id()):join()
        tap.is(log:nextmsg(0), "bye")
        if log:nextmsg(0) then tap.is(log:nextmsg(0), "gone") end
        tap.raises("mtmsg.error.unknown_object", mtmsg.buffer, "late")
        tap.raises("mtmsg.error.unknown_object", mtmsg.listener, "late")
    end
    log = nil
    collectgarbage()
    tap.raises("mtmsg.error.unknown_object", mtmsg.buffer, "log") -- found, and given back
end)

tap.done()
