---@meta mtmsg.socket
-- What lua-language-server should know about the module for luasocket and copas. Nobody runs this file; a test compares
-- it with the module and with docs/reference.md.

---@class mtmsg.socket
local socket = {}

---For the lists of luasocket's select, and for copas.
---@class mtmsg.wrapped_source
---@field source mtmsg.buffer|mtmsg.listener
local wrapped = {}

---@return integer descriptor
function wrapped:getfd() end

---@return boolean
function wrapped:dirty() end

---Never waits: a table of the id and the values with their number, n; or nil and `"timeout"` or the reason.
---@return table? message
---@return string? reason
function wrapped:receive() end

---In a coroutine of copas: waits for a message while others run.
---@return integer? id of the buffer that it came from; nil: there was none
---@return any ... the values, or the reason
function wrapped:getmsg() end

---Does nothing: copas closes what a coroutine has used last.
function wrapped:close() end

---Does nothing.
---@return boolean
function wrapped:settimeout() end

---@param source mtmsg.buffer|mtmsg.listener
---@return mtmsg.wrapped_source
function socket.wrap(source) end

return socket
