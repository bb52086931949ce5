-- A function that tells how many bytes of malloc are in use once all garbage is gone; false where malloc does not tell.
-- It knows nothing of what they are used for.
local heap = require("heap")

return heap.in_use() and function()
    collectgarbage()
    collectgarbage()
    return heap.in_use()
end or false
