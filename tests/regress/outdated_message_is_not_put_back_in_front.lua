-- story: a buffer whose outdated message was dropped was served before its turn
-- A listener's message that could not be decoded, and whose buffer was set to another one meanwhile, is dropped;
-- but its buffer was moved to the front as if the message were back, and was served before those that waited for
-- longer.

local mtmsg      = require("mtmsg")
local carray     = require("carray")
local finalizers = require("finalizers")
local tap        = require("tap")

local function ready(act)
    local listener = mtmsg.newlistener()
    local first, second = listener:newbuffer(), listener:newbuffer()
    first:addmsg(carray.new("int", { 1 }))
    first:addmsg(2)
    second:addmsg(3)
    carray.hook(function()
        carray.hook(nil)
        act(first, second)
        error("no array today", 0)
    end)
    tap.raises("no array today", listener.nextmsg, listener, 0)
    return listener, first, second
end

local function serves(listener, ...)
    for i = 1, select("#", ...) do tap.gives({ (select(i, ...)) }, listener:nextmsg(0)) end
    tap.gives({}, listener:nextmsg(0))
end

tap.test("its buffer was set meanwhile: the buffer keeps its turn", function()
    local listener, first, second = ready(function(first) first:setmsg(9) end)
    tap.is(first:msgcnt() + second:msgcnt(), 2)
    serves(listener, 3, 9)
end)

tap.test("its buffer was cleared and filled again meanwhile: the buffer keeps its turn", function()
    local listener, first, second = ready(function(first)
        first:clear()
        first:addmsg(9)
        first:addmsg(10)
    end)
    tap.is(first:msgcnt() + second:msgcnt(), 3)
    serves(listener, 3, 9, 10)
end)

tap.test("its buffer was cleared meanwhile: nothing of it is left", function()
    local listener, first, second = ready(function(first) first:clear() end)
    tap.is(first:msgcnt(), 0)
    tap.is(second:msgcnt(), 1)
    serves(listener, 3)
end)

tap.test("a finalizer sets its buffer while an array is made: the buffer keeps its turn", function()
    local seen = 0
    local chances = finalizers.each(function(n)
        local listener = mtmsg.newlistener()
        local first, second = listener:newbuffer(), listener:newbuffer()
        first:addmsg(("x"):rep(5000), carray.new("int", { 1 }))
        second:addmsg(3)
        carray.fail("new", 1)
        local ran, acted, ok = finalizers.during(n, function() first:setmsg(9) end, listener.nextmsg, listener, 0)
        carray.fail()
        if not ran then return false end
        tap.is(acted, true)
        if ok then -- it was set before the message was taken
            tap.is(first:msgcnt(), 0)
            serves(listener, 3)
        else
            seen = seen + 1
            serves(listener, 3, 9)
        end
        return true
    end)
    tap.note(seen .. " of " .. chances .. " chances were while values were made")
end)

tap.test("nothing changed meanwhile: the message is the first of its buffer again, when its turn comes", function()
    local listener, first = ready(function() end)
    tap.is(first:msgcnt(), 2)
    tap.gives({ 3 }, listener:nextmsg(0))
    local array = listener:nextmsg(0)
    tap.gives({ 1 }, array:values())
    serves(listener, 2)
end)

tap.done()
