-- story: a notifier that used the same writer sent the message twice
-- A writer was emptied after the notifier of the buffer had been called: a notifier that used the same writer sent the
-- message a second time, and what it added was thrown away. The writer is empty before the notifier is called.

local mtmsg     = require("mtmsg")
local native    = require("old_client")
local notifiers = require("notifiers")
local tap       = require("tap")

-- A buffer whose notifier calls f with a second buffer.
local function notifying(f)
    local buffer, other = mtmsg.newbuffer(), mtmsg.newbuffer()
    buffer:notifier(notifiers.new { call = function() f(other) end })
    return buffer, other
end

for _, method in ipairs { "addmsg", "setmsg" } do
    tap.test("writer:" .. method .. ": the notifier sends with the same writer", function()
        local writer = mtmsg.newwriter()
        local buffer, other = notifying(function(other) writer:addmsg(other) end)
        writer:add("once")
        tap.is(writer[method](writer, buffer), true)
        tap.gives({ "once" }, buffer:nextmsg(0))
        tap.is(other:msgcnt(), 1)
        tap.gives({}, other:nextmsg(0))
    end)

    tap.test("writer:" .. method .. ": what the notifier adds to the same writer stays in it", function()
        local writer = mtmsg.newwriter()
        local buffer, other = notifying(function() writer:add("for", "later") end)
        writer:add("now")
        tap.is(writer[method](writer, buffer), true)
        tap.gives({ "now" }, buffer:nextmsg(0))
        writer:addmsg(other)
        tap.gives({ "for", "later" }, other:nextmsg(0))
    end)

    tap.test("writer:" .. method .. ": the same where the notifier fails", function()
        local writer = mtmsg.newwriter()
        local buffer, other = notifying(function()
            writer:add("for", "later")
            error("failed on purpose", 0)
        end)
        writer:add("now")
        tap.raises("Error while calling notifier: failed on purpose", writer[method], writer, buffer)
        tap.gives({ "now" }, buffer:nextmsg(0))
        writer:addmsg(other)
        tap.gives({ "for", "later" }, other:nextmsg(0))
    end)
end

for name, replaces in pairs { adds = false, replaces = true } do
    tap.test("a native writer that " .. name .. " is empty for the notifier, too", function()
        local writer
        local buffer, other = notifying(function(other)
            writer:send(other, false, false)
            writer:string("for later")
        end)
        writer = native.writer(buffer)
        writer:string("now")
        tap.is((writer:send(buffer, replaces, false)), 0)
        tap.gives({ "now" }, buffer:nextmsg(0))
        tap.is(other:msgcnt(), 1)
        tap.gives({}, other:nextmsg(0))
        tap.is((writer:send(other, false, false)), 0)
        tap.gives({ "for later" }, other:nextmsg(0))
    end)
end

notifiers.forget()
tap.done()
