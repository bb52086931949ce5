-- story: after a clear the next receive walked over all that had been there
-- After listener:clear() the entries of its buffers stay in the ready queue; the next receive walked over all of
-- them under the listener's lock. It must still find the one message behind them, also when it may not wait.

local mtmsg = require("mtmsg")
local tap   = require("tap")

for _, count in ipairs { 1, 63, 64, 65, 128, 1000 } do
    tap.test(("a message behind %d emptied buffers is found without waiting"):format(count), function()
        local listener = mtmsg.newlistener()
        local buffers = {}
        for i = 1, count do
            buffers[i] = listener:newbuffer()
            buffers[i]:addmsg("cleared")
        end
        local last = listener:newbuffer()
        listener:clear()
        last:addmsg("found")
        tap.gives({ "found" }, listener:nextmsg(0))
        tap.gives({}, listener:nextmsg(0))
        buffers[1]:addmsg("again")
        tap.gives({ "again" }, listener:nextmsg(0))
    end)
end

tap.done()
