-- story: info of a listener left out the messages of as many buffers as had been finished and drained
-- What is finished and drained does not count among a listener's buffers, but it is still in the list of them, over
-- which info walks.

local mtmsg = require("mtmsg")
local tap   = require("tap")

tap.test("a listener sums up all its buffers, whichever are finished", function()
    local listener = mtmsg.newlistener()
    local buffers = {}
    for i = 1, 6 do buffers[i] = listener:newbuffer() end
    for i = 1, 3 do buffers[i]:finish() end
    listener:nextmsg(0) -- notices that these are drained
    for i = 4, 6 do buffers[i]:addmsg("12") end
    local info = listener:info()
    tap.is(info.buffers, 3)
    tap.is(info.messages, 3)
    tap.is(info.bytes, 3 * buffers[6]:info().bytes)
    for _ = 1, 3 do listener:nextmsg(0) end
    tap.is(listener:info().messages, 0)
end)

tap.done()
