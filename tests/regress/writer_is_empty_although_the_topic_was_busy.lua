-- story: a writer kept its values although the topic's counts had been returned
-- In nonblocking mode a topic to which another thread is publishing takes nothing, and addmsg says so by its counts.
-- The writer is empty then, as after all calls that raise nothing: it kept the values, and sent them once more.

local mtmsg   = require("mtmsg")
local tap     = require("tap")
local threads = require("threads")

-- Publishes all the time until it is told to stop.
local function publish(topic, stop)
    while stop:msgcnt() == 0 do topic:addmsg("theirs") end
end

for _, how in ipairs { "addmsg", "setmsg" } do
    tap.test(how .. " of a busy topic empties the writer", function()
        local topic, stop, writer = mtmsg.newtopic(), mtmsg.newbuffer(), mtmsg.newwriter()
        local subscribers = {}
        for i = 1, 200 do subscribers[i] = topic:subscribe{ limit = 1, overflow = "oldest" } end
        local empty = tostring(writer)
        local thread = threads.start(publish, topic, stop)
        topic:nonblock()
        local taken, refused
        repeat
            writer:add("ours")
            taken, refused = writer[how](writer, topic)
            tap.is(taken + refused, #subscribers)
            tap.is(tostring(writer), empty)
        until taken == 0
        stop:addmsg()
        thread:join()
    end)
end

tap.done()
