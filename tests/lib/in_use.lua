-- A function that tells how many bytes of malloc are in use, beside those that Lua itself knows of, once all garbage is
-- gone; false where malloc does not tell. It knows nothing of what they are used for.
local heap = require("heap")

local lua_uses_malloc = not rawget(_G, "jit") -- LuaJIT has an allocator of its own

return heap.in_use() and function()
    collectgarbage()
    collectgarbage()
    return heap.in_use() - (lua_uses_malloc and collectgarbage("count") * 1024 or 0)
end or false
