---@meta mtmsg.luv
-- What lua-language-server should know about the module for luv. Nobody runs this file; a test compares it with the
-- module and with docs/reference.md.

---@class mtmsg.luv
local luv = {}

---Receives a message: suspends the running coroutine until there is one.
---@param source mtmsg.buffer|mtmsg.listener
---@param timeout? number seconds; without it there is no limit
---@return integer? id of the buffer that it came from; nil: there was none
---@return any ... the values, or the reason
function luv.getmsg(source, timeout) end

---Calls back for each message, and once more when there will be none.
---@param source mtmsg.buffer|mtmsg.listener
---@param callback fun(id: integer?, ...: any) the id and the values; or nil and the reason
---@return fun() stop
function luv.on(source, callback) end

---Adds the arguments as one message; suspends the running coroutine while there is no room.
---@param buffer mtmsg.buffer
---@param ... mtmsg.value
---@return boolean? added
---@return string? reason
function luv.putmsg(buffer, ...) end

return luv
