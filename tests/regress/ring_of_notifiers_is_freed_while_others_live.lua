-- story: buffers whose notifiers form a ring stayed while any other buffer lived
-- Buffers whose notifiers form a ring, even one buffer that is its own notifier, were freed only when the last
-- reference of the whole process went: a program that had any other buffer kept every ring, with its messages, and its
-- ids found.

local mtmsg = require("mtmsg")
local tap   = require("tap")

local keep = mtmsg.newbuffer("any other buffer")

-- Makes a ring of `count` buffers and returns their ids.
local function ring(count)
    local buffers, ids = {}, {}
    for i = 1, count do
        buffers[i] = mtmsg.newbuffer()
        buffers[i]:addmsg(("x"):rep(3000))
        ids[i] = buffers[i]:id()
    end
    for i = 1, count do buffers[i]:notifier(buffers[i % count + 1]) end
    return ids
end

for _, count in ipairs { 1, 2, 3, 50 } do
    tap.test("a ring of " .. count .. " is gone when nobody has any of it", function()
        local ids = ring(count)
        for _ = 1, 4 do collectgarbage() end
        for _ = 1, 100 do
            mtmsg.newbuffer()
            if _ % 10 == 0 then collectgarbage() end
        end
        for _, id in ipairs(ids) do tap.raises(mtmsg.error.unknown_object, mtmsg.buffer, id) end
        tap.is(keep:msgcnt(), 0)
    end)
end

tap.test("one of which somebody has a part works", function()
    local a, b = mtmsg.newbuffer(), mtmsg.newbuffer()
    local id = b:id()
    a:notifier(b)
    b:notifier(a)
    b = nil
    for _ = 1, 4 do collectgarbage() end
    a:addmsg("m")
    tap.is(mtmsg.buffer(id):msgcnt(), 1)
    tap.is(a:msgcnt(), 1)
end)

tap.done()
