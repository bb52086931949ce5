-- A handler that adds to the inbox whose notifier it is was not called for that: the message lay there unannounced. Now
-- it is called once more when it has returned, if it has added or taken anything meanwhile; never in the middle.

local mtmsg     = require("mtmsg")
local notifiers = require("notifiers")
local tap       = require("tap")

tap.test("every message is announced, and no call is made inside another", function()
    local inbox, inside, deepest, seen = mtmsg.newbuffer(), 0, 0, {}
    local notifier = notifiers.new { call = function()
        inside = inside + 1
        deepest = math.max(deepest, inside)
        local n = inbox:nextmsg(0)
        if n then seen[#seen + 1] = n end
        if n and n < 5 then
            inbox:addmsg(n + 1)
            inbox:addmsg(n + 100)
        end
        inside = inside - 1
    end }
    inbox:notifier(notifier)
    inbox:addmsg(1)
    tap.is(deepest, 1)
    tap.is(table.concat(seen, " "), "1 2 101")
    tap.is(inbox:msgcnt(), 2) -- announced together, and left there
end)

tap.test("removals count, too", function()
    local box, calls = mtmsg.newbuffer(), 0
    for i = 1, 10 do box:addmsg(i) end
    box:notifier(notifiers.new { call = function()
        calls = calls + 1
        if box:msgcnt() > 4 then box:nextmsg(0) end
    end }, "<")
    box:nextmsg(0)
    tap.is(box:msgcnt(), 4)
    tap.is(calls, 6)
end)

tap.test("one that disconnects itself is not called again", function()
    local inbox = mtmsg.newbuffer()
    local notifier = notifiers.new { call = function()
        inbox:addmsg("more")
        inbox:notifier(nil)
    end }
    inbox:notifier(notifier)
    inbox:addmsg("m")
    tap.is(notifier:notified(), 1)
    tap.is(notifier:connections(), 0)
end)

tap.done()
