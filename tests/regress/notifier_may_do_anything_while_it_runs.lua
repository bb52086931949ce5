-- story: notifiers that close, receive or disconnect while they run broke what called them
-- Notifiers that other implementations could not bear: a table; one whose callback closes the notifier or the buffer;
-- one that receives from the buffer that calls it; one that is disconnected while it runs, by itself or by another
-- thread.

local background = require("background")
local mtmsg      = require("mtmsg")
local notifiers  = require("notifiers")
local tap        = require("tap")

tap.test("a table is a notifier", function()
    local buffer, notifier = mtmsg.newbuffer(), notifiers.new()
    buffer:notifier(notifiers.table(notifier))
    collectgarbage()
    buffer:addmsg("m")
    tap.is(notifier:notified(), 1)
end)

tap.test("one that says it is closed is dropped, and the message is in", function()
    local buffer, notifier = mtmsg.newbuffer(), notifiers.new { code = 1 }
    buffer:notifier(notifier)
    tap.is(buffer:addmsg("m"), true)
    tap.is(notifier:connections(), 0)
    buffer:addmsg("n")
    tap.is(notifier:notified(), 1)
    tap.is(buffer:msgcnt(), 2)
end)

tap.test("one may close the buffer that calls it", function()
    local buffer = mtmsg.newbuffer()
    buffer:notifier(notifiers.new { call = function() buffer:close() end })
    tap.is(buffer:addmsg("m"), true)
    tap.raises(mtmsg.error.object_closed, buffer.addmsg, buffer, "n")
end)

tap.test("one may receive from the buffer that calls it", function()
    local buffer, got = mtmsg.newbuffer(), {}
    buffer:notifier(notifiers.new { call = function() got[#got + 1] = buffer:nextmsg(0) end })
    for i = 1, 10 do buffer:addmsg(i) end
    tap.is(table.concat(got, " "), "1 2 3 4 5 6 7 8 9 10")
    tap.is(buffer:msgcnt(), 0)
end)

tap.test("one may disconnect itself while it runs", function()
    local buffer = mtmsg.newbuffer()
    local notifier = notifiers.new { call = function() buffer:notifier(nil) end }
    buffer:notifier(notifier)
    buffer:addmsg("m")
    buffer:addmsg("n")
    tap.is(notifier:notified(), 1)
    tap.is(notifier:connections(), 0)
end)

tap.test("another thread may disconnect it while it runs", function()
    local buffer, notifier = mtmsg.newbuffer(), notifiers.new { gated = true }
    buffer:notifier(notifier)
    local thread = background.send(buffer, "m")
    local entered = notifier:wait_entered(1e6)
    buffer:notifier(nil)
    notifier:open()
    tap.is(entered, true)
    thread:join(1e6)
    tap.is(notifier:connections(), 0)
    tap.is(buffer:msgcnt(), 1)
end)

tap.done()
