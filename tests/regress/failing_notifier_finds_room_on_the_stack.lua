-- story: the text of a notifier's failure was pushed onto a full stack
-- Where a "<" notifier failed after many values had been received, its text was pushed onto a stack that was full to
-- the last place which Lua had promised. A Lua that checks how it is called aborted the process.

local mtmsg     = require("mtmsg")
local notifiers = require("notifiers")
local tap       = require("tap")

local unpack = table.unpack or unpack

local function ascending(count)
    local list = {}
    for i = 1, count do list[i] = i end
    return list
end

for _, source in ipairs { "buffer", "listener" } do
    tap.test("a notifier fails after a message of any length from a " .. source, function()
        for _, count in ipairs { 0, 1, 15, 16, 17, 18, 19, 20, 21, 30, 50, 1000, 5000 } do
            local listener = mtmsg.newlistener()
            local buffer = listener:newbuffer()
            local from = source == "buffer" and buffer or listener
            local list = ascending(count)
            buffer:addmsg(unpack(list))
            buffer:notifier(notifiers.new { code = 5, text = "no luck" }, "<")
            tap.raises("Error while calling notifier: no luck", from.nextmsg, from, 0)
            tap.is(buffer:msgcnt(), 1)
            buffer:notifier(nil, "<")
            tap.gives(list, from:nextmsg(0))
        end
    end)
end

tap.done()
