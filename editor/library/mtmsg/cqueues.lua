---@meta mtmsg.cqueues
-- What lua-language-server should know about the module for cqueues. Nobody runs this file; a test compares it with the
-- module and with docs/reference.md.

---@class mtmsg.cqueues
local cqueues = {}

---Receives a message: suspends the coroutine that cqueues runs until there is one.
---@param source mtmsg.buffer|mtmsg.listener
---@param timeout? number seconds; without it there is no limit
---@return integer? id of the buffer that it came from; nil: there was none
---@return any ... the values, or the reason
function cqueues.getmsg(source, timeout) end

---Adds the arguments as one message; suspends the coroutine that cqueues runs while there is no room.
---@param buffer mtmsg.buffer
---@param ... mtmsg.value
---@return boolean? added
---@return string? reason
function cqueues.putmsg(buffer, ...) end

return cqueues
