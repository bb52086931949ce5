-- story: a subscriber that was another one's notifier outlived its topic's end
-- A topic closes its subscribers one after the other. One that only another one referred to, as its notifier, was let
-- go when that was closed; it had a message, so its listener went on to serve it, as if nothing had been closed.

local mtmsg = require("mtmsg")
local tap   = require("tap")

tap.test("no subscriber is left with its messages", function()
    local topic, listener = mtmsg.newtopic(), mtmsg.newlistener()
    local first = topic:subscribe()
    first:notifier(topic:subscribe { listener = listener }, ">")
    collectgarbage()
    collectgarbage()
    topic:addmsg("to both")
    topic:close()
    tap.raises(mtmsg.error.no_buffers, listener.nextmsg, listener, 0)
    tap.raises(mtmsg.error.object_closed, first.nextmsg, first, 0)
end)

tap.test("nor one that is in another one's message", function()
    local topic, listener = mtmsg.newtopic(), mtmsg.newlistener()
    local first = topic:subscribe()
    first:addmsg(topic:subscribe { listener = listener })
    collectgarbage()
    collectgarbage()
    topic:addmsg("to both")
    topic:close()
    tap.raises(mtmsg.error.no_buffers, listener.nextmsg, listener, 0)
end)

tap.done()
