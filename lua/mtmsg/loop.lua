-- What the modules for event loops have in common: arguments, and sending without waiting. It knows no loop; programs
-- have no use for it.
local mtmsg = require "mtmsg"

local CLOSED, ABORTED = mtmsg.error.object_closed, mtmsg.error.operation_aborted

local loop = {}

-- Seconds between two looks whether there is room: the first time, and at most.
local FIRST_NAP, LONGEST_NAP = 0.001, 0.016

-- Each check raises its error where the function of that name was called.
local function bad_argument(index, name, expected, value)
    error(("bad argument #%d to '%s' (%s expected, got %s)"):format(index, name, expected, mtmsg.type(value)), 4)
end

function loop.check_source(source, name)
    local class = mtmsg.type(source)
    if class == "mtmsg.buffer" or class == "mtmsg.listener" then return end
    bad_argument(1, name, "mtmsg.buffer or mtmsg.listener", source)
end

function loop.check_buffer(buffer, name)
    if mtmsg.type(buffer) ~= "mtmsg.buffer" then bad_argument(1, name, "mtmsg.buffer", buffer) end
end

function loop.check_callback(callback, name)
    local meta = getmetatable(callback)
    if type(callback) == "function" or type(meta) == "table" and meta.__call then return end
    bad_argument(2, name, "function", callback)
end

-- The timeout of a getmsg: nil if there is none.
function loop.check_timeout(timeout)
    if timeout == nil or timeout == math.huge then return nil end
    if type(timeout) ~= "number" or timeout ~= timeout then
        error("bad argument #2 to 'getmsg' (timeout seconds expected)", 3)
    end
    return timeout
end

-- True; false if there is no room; or nil and the reason. Other errors are raised.
local function put(buffer, ...)
    local ok, result = pcall(buffer.addmsg, buffer, ...)
    if ok then return result end
    if type(result) == "string" then
        if result:find(CLOSED, 1, true) == 1 then return nil, CLOSED end
        if result:find(ABORTED, 1, true) == 1 then return nil, ABORTED end
    end
    error(result, 0)
end

-- As buffer:putmsg, without a limit of time: true, or nil and the reason. sleep(seconds) does so in the loop. It looks
-- again and again, as no descriptor tells of room: who waits for that in the core is a thread, whose message is put in
-- by whoever makes room.
function loop.putmsg(sleep, buffer, ...)
    local added, reason = put(buffer, ...)
    local nap = FIRST_NAP
    while added == false do
        sleep(nap)
        nap = math.min(2 * nap, LONGEST_NAP)
        added, reason = put(buffer, ...)
    end
    if added then return true end
    return nil, reason
end

return loop
