-- story: objects in messages that a writer's putmsg replaced piled up
-- Where the oldest message makes room, what is dropped is freed by whoever may wait: each putmsg of a writer left it to
-- others, so that objects piled up as long as nobody else came.

local mtmsg = require("mtmsg")
local tap   = require("tap")

local function known(id)
    return (pcall(mtmsg.buffer, id))
end

tap.test("what is replaced by a writer's putmsg is gone when it returns", function()
    local latest, writer, ids = mtmsg.newbuffer{ limit = 1, overflow = "oldest" }, mtmsg.newwriter(), {}
    local objects = {}
    for i = 1, 5 do
        objects[i] = mtmsg.newbuffer()
        ids[i] = objects[i]:id()
    end
    for i = 1, 5 do
        writer:add(objects[i])
        objects[i]:release()
        tap.is(writer:putmsg(latest), true)
        for k = 1, i - 1 do tap.is(known(ids[k]), false, "whether " .. k .. " is there after " .. i) end
    end
    tap.is(known(ids[5]), true)
end)

tap.done()
