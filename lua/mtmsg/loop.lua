-- What the modules for event loops have in common: arguments, and sending without waiting. It knows no loop; programs
-- have no use for it.
local mtmsg = require "mtmsg"

local CLOSED, ABORTED = mtmsg.error.object_closed, mtmsg.error.operation_aborted

local loop = {}

-- Seconds between two looks whether there is room: the first time, and at most.
loop.first_nap, loop.longest_nap = 0.001, 0.016

-- The timeout of a getmsg: nil if there is none.
function loop.check_timeout(timeout)
    if timeout == nil or timeout == math.huge then return nil end
    if type(timeout) ~= "number" or timeout ~= timeout then
        error("bad argument #2 to 'getmsg' (timeout seconds expected)", 3)
    end
    return timeout
end

-- True; false if there is no room; or nil and the reason. Other errors are raised.
function loop.put(buffer, ...)
    local ok, result = pcall(buffer.addmsg, buffer, ...)
    if ok then return result end
    if type(result) == "string" then
        if result:find(CLOSED, 1, true) == 1 then return nil, CLOSED end
        if result:find(ABORTED, 1, true) == 1 then return nil, ABORTED end
    end
    error(result, 0)
end

return loop
