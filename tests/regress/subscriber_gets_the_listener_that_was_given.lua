-- story: a finalizer that changed the options made a subscriber without its listener
-- The listener of a new subscriber was looked up once more when a finalizer could have run since. It is the one that
-- the table had when the options were read, and if that is released, by then or before, the call says so.

local finalizers = require("finalizers")
local mtmsg      = require("mtmsg")
local tap        = require("tap")

tap.test("a finalizer takes the listener out of the table", function()
    local kept = 0
    local chances = finalizers.each(function(n)
        local topic, listener = mtmsg.newtopic(), mtmsg.newlistener()
        local options = { listener = listener }
        local ran, acted, ok, subscriber = finalizers.during(n, function()
            options.listener = nil
        end, topic.subscribe, topic, options)
        if not ran then return false end
        tap.is(acted, true)
        tap.is(ok, true, subscriber)
        topic:addmsg("message")
        local listens = subscriber:info().listener ~= nil -- else the finalizer was there first
        if listens then kept = kept + 1 end
        tap.gives({ "message" }, (listens and listener or subscriber):nextmsg(0))
        tap.is(subscriber:msgcnt(), 0)
        return true
    end)
    tap.ok(chances > 0, "no finalizer ran")
    tap.note(("%d of %d finalizers ran when the options had been read"):format(kept, chances))
end)

tap.test("a finalizer releases the listener", function()
    local told = 0
    finalizers.each(function(n)
        local topic, listener = mtmsg.newtopic(), mtmsg.newlistener()
        local id = listener:id()
        local ran, _, ok, subscriber = finalizers.during(n, function()
            listener:release()
        end, topic.subscribe, topic, { listener = listener })
        if not ran then return false end
        if ok then
            tap.is(subscriber:info().listener, id)
        else
            tap.begins(subscriber, mtmsg.error.object_closed .. ": mtmsg.listener(id=" .. id)
            told = told + 1
        end
        return true
    end)
    tap.ok(told > 0, "it was always in time")
end)

tap.test("one that has been released before is a closed one", function()
    local topic, listener = mtmsg.newtopic(), mtmsg.newlistener()
    listener:release()
    tap.raises(mtmsg.error.object_closed .. ": mtmsg.listener", topic.subscribe, topic, { listener = listener })
    tap.is(topic:info().subscribers, 0)
end)

tap.done()
