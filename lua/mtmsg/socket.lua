-- Messages beside sockets: an object for the select of luasocket, and for copas, which is built on that. It owns the
-- wrapper; what it wraps is received from, and neither closed nor changed.
local mtmsg = require "mtmsg"
local loop = require "mtmsg.loop"

local TIMEOUT = mtmsg.error.timeout
local pack = table.pack or function(...) return { n = select("#", ...), ... } end
local unpack = table.unpack or unpack

local wrapper = {}
wrapper.__index = wrapper

-- What select asks for.
function wrapper:getfd() return self.source:pollfd() end
function wrapper:dirty() return false end

-- As a socket that never waits: the next message as a table of its id and values (with their number, n), or nil and
-- "timeout", or nil and the reason why there will be no more.
function wrapper:receive()
    local message = pack(self.source:getmsg(0))
    if message[1] ~= nil then return message end
    return nil, message[2] == TIMEOUT and "timeout" or message[2]
end

-- In a coroutine of copas: as source:getmsg, the id and the values of the next message, or nil and the reason. Other
-- coroutines run while it waits.
function wrapper:getmsg()
    local message, reason = require "copas".receive(self)
    if not message then return nil, reason == "timeout" and TIMEOUT or reason end
    return unpack(message, 1, message.n)
end

-- copas closes and configures what its coroutines have used last, as sockets: there is nothing to be done.
function wrapper:close() end
function wrapper:settimeout() return true end

-- For a buffer or listener. It keeps the object, whose descriptor is polled.
return {
    wrap = function(source)
        loop.check_source(source, "wrap")
        return setmetatable({ source = source }, wrapper)
    end,
}
