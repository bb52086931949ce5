-- story: a hook freed the memory that a waiting reader was about to fill
-- While a reader waits for a message hooks may run, of Ctrl-C for instance. One that used the same reader freed the
-- memory to which the message was copied later, or lost the message that it had on lease. It is refused now.

local mtmsg = require("mtmsg")
local tap   = require("tap")

-- Runs f once, in a hook that is called in the middle of a wait.
local function while_it_waits(f)
    debug.sethook(function()
        if debug.getinfo(2, "S").source ~= "=mtmsg" then return end
        debug.sethook()
        f()
    end, "c")
end

local other = mtmsg.newbuffer()

for name, use in pairs {
    clear = function(reader) reader:clear() end,
    done = function(reader) reader:done() end,
    getmsg = function(reader) reader:getmsg(other, 0) end,
    next = function(reader) reader:next(9) end,
    nextmsg = function(reader) reader:nextmsg(other, 0) end,
    putback = function(reader) reader:putback() end,
} do
    for _, lease in ipairs { false, true } do
        local how = lease and " with leases" or ""
        tap.test("the reader's " .. name .. " is refused while its nextmsg waits" .. how, function()
            local buffer, reader = mtmsg.newbuffer(), mtmsg.newreader { lease = lease }
            local called, ok, err = false
            buffer:addmsg("first")
            tap.is(reader:nextmsg(buffer), true)
            other:setmsg(("x"):rep(20000))
            while_it_waits(function()
                called, ok, err = true, pcall(use, reader)
                buffer:addmsg("second")
            end)
            local there = reader:nextmsg(buffer, 0.01)
            debug.sethook()
            tap.is(called, true)
            tap.is(ok, false, "success of " .. name)
            tap.contains(err, "mtmsg.reader: used while a call of it is running")
            tap.is(there, true)
            tap.gives({ "second" }, reader:next(9))
            tap.is(other:msgcnt(), 1)
            tap.is(reader:putback(), true)
            tap.gives({ "second" }, buffer:nextmsg(0))
        end)
    end
end

tap.test("after an error of the hook the reader is usable", function()
    local buffer, reader = mtmsg.newbuffer(), mtmsg.newreader()
    while_it_waits(function() error("interrupted!", 0) end)
    tap.gives({ false, "interrupted!" }, pcall(reader.nextmsg, reader, buffer, 0.01))
    buffer:addmsg("message")
    tap.is(reader:nextmsg(buffer), true)
    tap.is(reader:next(), "message")
end)

tap.done()
