-- story: a hook that raised when a receive returned lost the message
-- A hook that raised an error when a receiving call returned, as the answer of the interpreter to Ctrl-C does, came
-- after the message had been taken. It is now put back.

local mtmsg = require("mtmsg")
local tap   = require("tap")

-- LuaJIT calls no hook when a C function returns: there is no such error then.
local returns = 0
debug.sethook(function()
    if debug.getinfo(2, "f").func == math.abs then returns = returns + 1 end
end, "r")
math.abs(tonumber("1"))
debug.sethook()
local function test(name, body)
    if returns > 0 then return tap.test(name, body) end
    tap.skip(name, "no hook is called when a C function returns")
end

local function source(kind)
    if kind == "buffer" then
        local buffer = mtmsg.newbuffer()
        return buffer, buffer
    end
    local listener = mtmsg.newlistener()
    return listener, listener:newbuffer()
end

for _, kind in ipairs{ "buffer", "listener" } do
    for _, message in ipairs{ 1, "text", ("x"):rep(300), ("x"):rep(9000) } do
        local name = ("%s of %d bytes, from a %s"):format(type(message), #tostring(message), kind)

        test("an error as the call returns: " .. name, function()
            local from, buffer = source(kind)
            local nextmsg = from.nextmsg
            buffer:addmsg(message, false, "second")
            buffer:addmsg("after")
            local ok, err = pcall(function()
                debug.sethook(function()
                    if debug.getinfo(2, "f").func == nextmsg then
                        debug.sethook()
                        error("interrupted!", 0)
                    end
                end, "r")
                return (nextmsg(from))
            end)
            debug.sethook()
            tap.is(ok, false)
            tap.is(err, "interrupted!")
            tap.is(buffer:msgcnt(), 2)
            tap.gives({ message, false, "second" }, nextmsg(from, 0))
            tap.gives({ "after" }, nextmsg(from, 0))
        end)

        test("an error from whatever returns first: " .. name, function()
            local from, buffer = source(kind)
            buffer:addmsg(message)
            local hook = function() debug.sethook() error("interrupted!", 0) end
            local ok, err = pcall(function()
                debug.sethook(hook, "r")
                return (from:nextmsg())
            end)
            debug.sethook()
            tap.is(ok, false)
            tap.is(err, "interrupted!")
            tap.is(buffer:msgcnt(), 1)
        end)

        tap.test("a hook that raises nothing changes nothing: " .. name, function()
            local from, buffer = source(kind)
            local calls, notified = 0, mtmsg.newbuffer()
            buffer:notifier(notified, "<")
            buffer:addmsg(message, 2)
            debug.sethook(function() calls = calls + 1 end, "cr")
            local a, b = from:nextmsg()
            local none = select("#", from:nextmsg(0))
            debug.sethook()
            tap.is(a, message)
            tap.is(b, 2)
            tap.is(none, 0)
            tap.is(calls > 0, true)
            tap.is(notified:msgcnt(), 1)
        end)
    end
end

tap.test("a hook may receive from the same buffer", function()
    local buffer = mtmsg.newbuffer()
    for i = 1, 20 do buffer:addmsg(i) end
    local seen, inside = {}, false
    debug.sethook(function()
        if inside then return end
        inside = true
        local got = buffer:nextmsg(0)
        if got then seen[#seen + 1] = got end
        inside = false
    end, "cr")
    local first = buffer:nextmsg(0)
    debug.sethook()
    seen[#seen + 1] = first
    for got in function() return (buffer:nextmsg(0)) end do seen[#seen + 1] = got end
    table.sort(seen)
    tap.is(#seen, 20)
    for i = 1, 20 do tap.is(seen[i], i) end
end)

tap.done()
