-- story: a value that cannot travel, thousands of tables deep, ended the process
-- The error text says where in the message the value is. The memory that tells it had been given back before it was
-- read, and freed where the tables were nested thousands of levels deep.

local mtmsg = require("mtmsg")
local tap   = require("tap")

local function nested(levels, value)
    for _ = 1, levels do value = { value } end
    return value
end

for _, levels in ipairs { 1, 2000, 3000, 5000 } do
    tap.test(("a thread is refused %d levels deep, and the next message is sent"):format(levels), function()
        local buffer = mtmsg.newbuffer()
        for _ = 1, 2 do
            local ok, err = pcall(buffer.addmsg, buffer, nested(levels, coroutine.create(function() end)))
            tap.is(ok, false)
            tap.contains(err, "parameter type not supported: thread at [1][1]")
            tap.is(buffer:addmsg(nested(levels, "in the middle")), true)
            local value = buffer:nextmsg()
            for _ = 1, levels do value = value[1] end
            tap.is(value, "in the middle")
        end
    end)
end

tap.done()
