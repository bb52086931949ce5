-- A notifier whose author forgot to protect the call of a Lua function: an error of that function leaves the notifier
-- by a jump, through the library. Once that left a pointer to a place on the stack that was gone: later calls were
-- dropped in silence, or crashed.

local mtmsg     = require("mtmsg")
local notifiers = require("notifiers")
local tap       = require("tap")

local buffer, calls, fails = mtmsg.newbuffer(), 0, 0

local function ring()
    calls = calls + 1
    if calls <= fails then error("handler fails " .. calls, 0) end
end

local added = notifiers.new { naked = true, call = ring }
buffer:notifier(added)

-- at different depths of the stack of C
local function deep(levels, f)
    if levels == 0 then return f() end
    return (string.gsub("x", "x", function() return tostring(deep(levels - 1, f)) end))
end

tap.test("the error arrives, the message is in, and the next call is made", function()
    for _, levels in ipairs { 0, 10, 5, 20, 1 } do
        calls, fails = 0, 1
        local before = buffer:msgcnt()
        local ok, text = pcall(deep, levels, function() return buffer:addmsg("m") end)
        tap.is(ok, false)
        tap.is(text, "handler fails 1")
        tap.is(deep(levels * 2, function() return buffer:addmsg("m") end), levels == 0 and true or "true")
        tap.is(calls, 2)
        tap.is(buffer:msgcnt(), before + 2)
    end
end)

tap.test("so it is for setmsg and for writers", function()
    local writer = mtmsg.newwriter()
    calls, fails = 0, 3
    tap.is(pcall(buffer.setmsg, buffer, "m"), false)
    writer:add("w")
    tap.is(pcall(writer.addmsg, writer, buffer), false)
    tap.is(pcall(buffer.addmsg, buffer, ("x"):rep(5000), 1, 2, 3), false)
    tap.is(buffer:addmsg("m"), true)
    tap.is(calls, 4)
    tap.is(buffer:msgcnt(), 4)
end)

tap.test("a removal goes back, and a reader keeps it", function()
    local source, reader = mtmsg.newbuffer(), mtmsg.newreader()
    source:notifier(notifiers.new { naked = true, call = ring }, "<")
    source:addmsg("m")
    calls, fails = 0, 2
    tap.is(select(2, pcall(source.nextmsg, source)), "handler fails 1")
    tap.is(source:msgcnt(), 1)
    tap.is(select(2, pcall(reader.nextmsg, reader, source)), "handler fails 2")
    tap.is(source:msgcnt(), 0)
    tap.is(reader:next(), "m")
    source:addmsg("n")
    tap.is(source:nextmsg(), "n")
    tap.is(calls, 3)
end)

tap.test("nothing is kept", function()
    buffer:notifier(nil)
    tap.is(added:connections(), 0)
end)

tap.done()
