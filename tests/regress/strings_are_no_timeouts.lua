-- story: a string was taken as a timeout, and an unset variable aborted the process
-- A string that looks like a number was taken as a timeout or a count, where mtmsg 0.4 refused it, and a flag that was
-- nil, an unset variable perhaps, aborted the whole process.

local mtmsg = require("mtmsg")
local tap   = require("tap")

local function refused(text, f, ...)
    local ok, err = pcall(f, ...)
    tap.is(ok, false, "success")
    tap.contains(err, text)
end

tap.test("a string is no timeout", function()
    local listener = mtmsg.newlistener()
    local buffer = listener:newbuffer()
    local reader = mtmsg.newreader()
    buffer:addmsg("kept")
    refused("(timeout seconds or carray expected)", function() buffer:nextmsg("0") end)
    refused("(timeout seconds or carray expected)", function() listener:nextmsg("0") end)
    refused("bad argument #2 to 'nextmsg' (timeout seconds expected)", function() reader:nextmsg(buffer, "0") end)
    refused("bad argument #1 to 'sleep' (timeout seconds expected)", function() mtmsg.sleep("0") end)
    tap.is(buffer:msgcnt(), 1)
end)

tap.test("a string is no count", function()
    local buffer, reader = mtmsg.newbuffer(), mtmsg.newreader()
    buffer:addmsg(1, 2, 3)
    reader:nextmsg(buffer)
    refused("bad argument #1 to 'next' (integer or carray expected)", function() reader:next("1") end)
    tap.gives({ 1, 2, 3 }, reader:next(-1))
end)

tap.test("an explicit nil is no flag", function()
    local listener = mtmsg.newlistener()
    local buffer = listener:newbuffer()
    refused("bad argument #1 to 'abort' (boolean expected", function() mtmsg.abort(nil) end)
    tap.is(mtmsg.isabort(), false)
    for _, object in ipairs{ buffer, listener } do
        refused("bad argument #1 to 'abort' (boolean expected", function() object:abort(nil) end)
        tap.is(object:isabort(), false)
        refused("bad argument #1 to 'nonblock' (boolean expected", function() object:nonblock(nil) end)
        tap.is(object:isnonblock(), false)
    end
end)

tap.test("an absent flag means true", function()
    local buffer = mtmsg.newbuffer()
    buffer:nonblock()
    tap.is(buffer:isnonblock(), true)
    buffer:abort()
    tap.is(buffer:isabort(), true)
    buffer:abort(false)
    mtmsg.abort()
    tap.is(mtmsg.isabort(), true)
    mtmsg.abort(false)
end)

tap.done()
