-- Messages in the event loop of cqueues: receiving suspends the coroutine that cqueues runs, not the thread. It owns
-- nothing: cqueues polls buffers and listeners as they are, and this is the loop around that.
local mtmsg = require "mtmsg"
local cqueues = require "cqueues"
local loop = require "mtmsg.loop"

local TIMEOUT = mtmsg.error.timeout

local module = {}

local wait

local function settle(source, deadline, id, ...)
    if id ~= nil or (...) ~= TIMEOUT then return id, ... end
    local left = deadline and deadline - cqueues.monotime()
    if left and left <= 0 then return id, ... end
    cqueues.poll(source, left)
    return wait(source, deadline)
end

function wait(source, deadline)
    return settle(source, deadline, source:getmsg(0))
end

-- As source:getmsg: the id and the values of the next message, or nil and the reason. Without a timeout, in seconds, it
-- waits for as long as it takes.
function module.getmsg(source, timeout)
    loop.check_source(source, "getmsg")
    timeout = loop.check_timeout(timeout)
    return wait(source, timeout and cqueues.monotime() + timeout)
end

-- As buffer:putmsg: true, or nil and the reason. While there is no room it sleeps in the loop and looks again, first
-- after 1 ms, then less often.
function module.putmsg(buffer, ...)
    loop.check_buffer(buffer, "putmsg")
    return loop.putmsg(cqueues.sleep, buffer, ...)
end

return module
