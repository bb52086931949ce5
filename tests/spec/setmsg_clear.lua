-- Replacing what is queued (setmsg) and dropping it (clear). What they do to a listener's order is
-- in listener.lua.

local spec  = require("spec")
local mtmsg = require("mtmsg")

local test, eq, gives, list = spec.test, spec.eq, spec.gives, spec.list

test("setmsg leaves its own message alone", function()
    local b = mtmsg.newbuffer()
    for count = 0, 3 do
        for i = 1, count do
            b:addmsg(i)
        end
        eq(b:setmsg("new", count), true)
        eq(b:msgcnt(), 1)
        gives(list("new", count), b:nextmsg(0))
        gives(list(), b:nextmsg(0))
    end
end)

test("messages after a setmsg queue behind it", function()
    local b = mtmsg.newbuffer()
    b:addmsg("old")
    b:setmsg("set")
    b:addmsg("added")
    eq(b:msgcnt(), 2)
    gives(list("set"), b:nextmsg(0))
    gives(list("added"), b:nextmsg(0))
end)

test("setmsg replaces long messages and long backlogs", function()
    local b = mtmsg.newbuffer()
    for _ = 1, spec.many(20, 3) do
        for i = 1, spec.many(300, 5) do
            b:addmsg(("x"):rep(i * 10))
        end
        b:addmsg(("y"):rep(200000))
        eq(b:setmsg(("z"):rep(100000)), true)
        eq(b:msgcnt(), 1)
    end
    gives(list(("z"):rep(100000)), b:nextmsg(0))
end)

test("short and long messages that setmsg puts in count alike", function()
    local short, long, text = mtmsg.newbuffer(), mtmsg.newbuffer(), ("x"):rep(300)
    for round = 1, 100 do
        for _ = 1, round % 4 do
            short:addmsg(round)
            long:addmsg(round)
        end
        eq(short:setmsg(round, "short", nil, true, 0.5), true)
        eq(long:setmsg(text), true)
        local is, like = short:info(), long:info()
        for _, field in ipairs { "messages", "added", "taken", "replaced", "dropped" } do
            eq(is[field], like[field], field)
        end
        eq(is.messages, 1)
        if round % 3 == 0 then
            gives(list(round, "short", nil, true, 0.5), short:nextmsg(0))
            gives(list(text), long:nextmsg(0))
            gives(list(), short:nextmsg(0))
        end
    end
end)

test("setmsg without values leaves one message without values", function()
    local b = mtmsg.newbuffer()
    b:addmsg(1)
    b:addmsg(2)
    eq(b:setmsg(), true)
    eq(b:msgcnt(), 1)
    gives(list(b:id()), b:getmsg(0))
end)

test("setmsg through one reference is seen through another", function()
    local b = mtmsg.newbuffer()
    local same = mtmsg.buffer(b:id())
    b:addmsg("old")
    same:setmsg("new")
    gives(list("new"), b:nextmsg(0))
end)

test("a setmsg that is refused keeps the old messages", function()
    local b = mtmsg.newbuffer(20, 0)
    b:addmsg("one")
    b:addmsg("two")
    for _, argument in ipairs{"io.stdout", "1, 2, print, {io.stdout}", "('x'):rep(18)"} do
        spec.error_of(("b:setmsg(%s)"):format(argument), {b = b})
        eq(b:msgcnt(), 2)
    end
    gives(list("one"), b:nextmsg(0))
    gives(list("two"), b:nextmsg(0))
end)

test("clear drops everything and says true", function()
    local b = mtmsg.newbuffer()
    for count = 0, 3 do
        for i = 1, count do
            b:addmsg(i, ("x"):rep(5000))
        end
        eq(b:clear(), true)
        eq(b:msgcnt(), 0)
        gives(list(), b:nextmsg(0))
    end
    b:addmsg("after")
    gives(list("after"), b:nextmsg(0))
end)

test("clear works on an aborted buffer", function()
    local b = mtmsg.newbuffer()
    b:addmsg("x")
    b:abort()
    eq(b:clear(), true)
    eq(b:msgcnt(), 0)
    b:abort(false)
    gives(list(), b:nextmsg(0))
end)

test("clear works on an aborted listener", function()
    local lst = mtmsg.newlistener()
    local b = lst:newbuffer()
    b:addmsg("x")
    lst:abort()
    eq(lst:clear(), true)
    eq(b:msgcnt(), 0)
    lst:abort(false)
    gives(list(), lst:nextmsg(0))
end)

test("a listener's clear empties all of its buffers, whichever is ready", function()
    local lst = mtmsg.newlistener()
    local buffers = {}
    for i = 1, 5 do
        buffers[i] = lst:newbuffer()
        for n = 1, i % 3 do
            buffers[i]:addmsg(i, n)
        end
    end
    local other = mtmsg.newbuffer()
    other:addmsg("untouched")
    eq(lst:clear(), true)
    for i = 1, 5 do
        eq(buffers[i]:msgcnt(), 0)
        gives(list(), buffers[i]:nextmsg(0))
    end
    gives(list(), lst:nextmsg(0))
    eq(other:msgcnt(), 1)
    buffers[4]:addmsg("again")
    gives(list("again"), lst:nextmsg(0))
end)

test("clear on a listener without buffers says true", function()
    eq(mtmsg.newlistener():clear(), true)
end)

spec.run()
