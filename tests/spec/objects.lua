-- Buffers and listeners as values of messages: they arrive as what they are, live as long as the
-- message does, and go when nobody reaches them. Threads that hand them on are in tests/thread.

local finalizers = require("finalizers")
local spec       = require("spec")
local stepgc     = require("stepgc")
local mtmsg      = require("mtmsg")

local test, eq, gives, list = spec.test, spec.eq, spec.gives, spec.list
local raises, label = spec.raises, spec.label
local unpack = table.unpack or unpack

local function collect()
    for _ = 1, 4 do collectgarbage() end
end

local function known(find, id)
    return (pcall(find, id))
end

-- Later operations, if it takes any until what nobody reaches has gone.
local function go_on()
    for _ = 1, 20 do mtmsg.newbuffer() end
    collect()
end

test("a buffer and a listener arrive as reference objects that are equal to those sent", function()
    local carrier, buffer, listener = mtmsg.newbuffer(), mtmsg.newbuffer("b"), mtmsg.newlistener("l")
    buffer:nonblock()
    eq(carrier:addmsg(1, buffer, listener, "end"), true)
    local one, b, l, last = carrier:nextmsg()
    eq(one, 1)
    eq(last, "end")
    eq(b == buffer and l == listener, true)
    eq(b == l or b == carrier, false)
    eq(b:id(), buffer:id())
    eq(b:name(), "b")
    eq(l:name(), "l")
    eq(mtmsg.type(b), "mtmsg.buffer")
    eq(mtmsg.type(l), "mtmsg.listener")
    eq(b:isnonblock(), false)
    b:addmsg("through the other one")
    gives(list("through the other one"), buffer:nextmsg())
end)

-- Each puts the id of the buffer before the values, as getmsg does.
local ways = {
    nextmsg = function(carrier) return carrier:id(), carrier:nextmsg(0) end,
    getmsg = function(carrier) return carrier:getmsg() end,
    messages = function(carrier)
        local step, source, id = carrier:messages()
        return step(source, id)
    end,
    select = function(carrier) return carrier:id(), select(2, mtmsg.select(0, carrier)) end,
    peekmsg = function(carrier)
        local message = list(carrier:peekmsg())
        carrier:clear()
        return unpack(message)
    end,
    nonblock = function(carrier)
        carrier:nonblock()
        return carrier:id(), carrier:nextmsg()
    end,
}

-- A message of so many values, of which every third is an object, but for the last: that is one.
local function mixed(count)
    local makers = {mtmsg.newbuffer, mtmsg.newlistener, mtmsg.newtopic}
    local message = {n = count}
    for i = 1, count do
        message[i] = (i == count or i % 3 == 0) and makers[i % 3 + 1]() or i % 3 == 1 and i or ("x"):rep(40 * i)
    end
    return message
end

for name, receive in pairs(ways) do
    test("objects come in their places among other values by " .. name, function()
        for count = 1, 20 do
            local carrier, sent = mtmsg.newbuffer(), mixed(count)
            for _ = 1, 2 do
                carrier:addmsg(unpack(sent, 1, count))
                local got = list(receive(carrier))
                eq(got.n, count + 1)
                eq(got[1], carrier:id())
                for i = 1, count do eq(got[i + 1] == sent[i], true) end
                eq(carrier:msgcnt(), 0)
            end
        end
    end)
end

-- What a finalizer does with the buffer from which a message is being received.
local meddlers = {
    ["takes the message"] = function(carrier) carrier:nextmsg(0) end,
    ["takes another one's place"] = function(carrier, b) carrier:setmsg(2, b) end,
    ["adds one"] = function(carrier, b) carrier:addmsg(2, b) end,
    ["releases the buffer"] = function(carrier) carrier:release() end,
    ["closes the buffer"] = function(carrier) carrier:close() end,
}

-- Receives the first message while a finalizer meddles at the n-th chance. Gives whether there was one.
local function receive_meanwhile(n, meddle)
    local carrier, b, text = mtmsg.newbuffer(), mtmsg.newbuffer(), ("x"):rep(100 + n)
    carrier:addmsg(1)
    carrier:nextmsg()
    carrier:addmsg(1, b, text)
    local ran, acted, ok, first, object, last = finalizers.during(n, function() meddle(carrier, b) end,
        carrier.nextmsg, carrier, 0)
    eq(acted, ran or nil)
    if not ok then
        eq(ran and first:find("object_closed", 1, true) ~= nil, true)
    elseif first then
        eq(object == b, true)
        eq(last, first == 1 and text or nil)
    end
    if ok and not ran then
        eq(first, 1)
        eq(carrier:msgcnt(), 0)
    end
    for _, message in carrier:messages(0) do eq(message, 2) end
    return ran
end

for what, meddle in pairs(meddlers) do
    test("while an object is received a finalizer " .. what, function()
        local chances = finalizers.each(function(n) return receive_meanwhile(n, meddle) end)
        eq(chances > 0 or stepgc.active, true) -- then the whole test is
    end)
end

test("identity within a call is that of tables", function()
    local carrier, b = mtmsg.newbuffer(), mtmsg.newbuffer()
    local same = mtmsg.buffer(b:id())
    carrier:addmsg(b, {b, reply = same, [b] = "key"}, same)
    local x, t, y = carrier:nextmsg()
    eq(rawequal(x, y) and rawequal(t[1], x) and rawequal(t.reply, x), true)
    eq(t[x], "key")
    carrier:addmsg(b)
    carrier:addmsg(b)
    local first, second = carrier:nextmsg(), carrier:nextmsg()
    eq(rawequal(first, second), false)
    eq(first == second, true)
end)

test("variables of functions may be buffers", function()
    local carrier, b = mtmsg.newbuffer(), mtmsg.newbuffer()
    carrier:addmsg(function(...) return b:addmsg(...) end)
    local add = carrier:nextmsg()
    eq(add("from there"), true)
    gives(list("from there"), b:nextmsg())
end)

test("writers gather objects over several calls, readers hand them out one by one", function()
    local carrier, w, r = mtmsg.newbuffer(), mtmsg.newwriter(), mtmsg.newreader()
    local a, b = mtmsg.newbuffer(), mtmsg.newbuffer()
    w:add(a, {b})
    w:add(b, "text")
    w:add({{{a}}})
    eq(w:addmsg(carrier), true)
    eq(r:nextmsg(carrier), true)
    eq(r:next() == a, true)
    eq(r:next()[1] == b, true)
    local x, text = r:next(2)
    eq(x == b, true)
    eq(text, "text")
    eq(r:next()[1][1][1] == a, true)
    gives(list(), r:next())
end)

test("they account for 17 bytes, and 5 where they are again", function()
    local b = mtmsg.newbuffer()
    local function size(...)
        local w = mtmsg.newwriter()
        w:add(...)
        return tonumber(tostring(w):match("bytes=(%d+)"))
    end
    eq(size(b), 17)
    eq(size(b, b), 22)
    eq(size({b}), 26)
    eq(size(mtmsg.newlistener()), 17)
    local fixed = mtmsg.newbuffer(40, 0)
    eq(fixed:addmsg(b), true)
    eq(fixed:addmsg(b), true)
    eq(fixed:addmsg(b), false)
    eq(fixed:addmsg("1"), true)
    eq(fixed:addmsg(), false)
    eq(fixed:nextmsg() == b, true)
    eq(fixed:nextmsg() == b, true)
    gives(list("1"), fixed:nextmsg())
    local small = mtmsg.newbuffer(17, 0)
    raises("mtmsg.error.message_size: message size 18 exceeds limit of 17 bytes for " .. label(small),
           "small:addmsg(b)", {small = small, b = b})
end)

test("in a message they are alive, found, and connected", function()
    local carrier, listener = mtmsg.newbuffer(), mtmsg.newlistener()
    local member = listener:newbuffer("member")
    local id = member:id()
    carrier:addmsg(member)
    member = nil
    collect()
    gives(list(), listener:nextmsg(0)) -- and not no_buffers
    eq(mtmsg.buffer(id):name(), "member")
    eq(mtmsg.buffer("member"):id(), id)
    carrier:nextmsg():addmsg("hello")
    collect()
    gives(list("hello"), listener:nextmsg())
    raises("mtmsg.error.no_buffers: " .. label(listener), "l:nextmsg(0)", {l = listener})
end)

-- What becomes of a message with an object.
local ends = {
    received = function(carrier) carrier:nextmsg() end,
    cleared  = function(carrier) carrier:clear() end,
    replaced = function(carrier) carrier:setmsg(1) end,
    closed   = function(carrier) carrier:close() end,
    dropped  = function() end,
    ["received by a reader"] = function(carrier)
        local r = mtmsg.newreader()
        r:nextmsg(carrier)
    end,
    ["cleared without waiting"] = function(carrier)
        carrier:nonblock()
        carrier:clear()
    end,
}

for what, run in pairs(ends) do
    test("an object goes with its message, " .. what, function()
        local carrier, b = mtmsg.newbuffer(), mtmsg.newbuffer()
        local id = b:id()
        carrier:addmsg({b}, b)
        b = nil
        collect()
        eq(known(mtmsg.buffer, id), true)
        run(carrier)
        carrier = nil
        go_on()
        eq(known(mtmsg.buffer, id), false)
    end)
end

test("what is not sent is not kept", function()
    local fixed, b = mtmsg.newbuffer(50, 0), mtmsg.newbuffer()
    local id = b:id()
    eq(fixed:addmsg(b, 1), true)
    eq(fixed:addmsg(b, b, b, 12), true)
    eq(fixed:addmsg(b, b, b, 12), false)
    eq(pcall(fixed.addmsg, fixed, b, coroutine.create(function() end)), false)
    eq(pcall(fixed.addmsg, fixed, b, ("x"):rep(100)), false)
    local w = mtmsg.newwriter(20, 0)
    eq(pcall(w.add, w, b, b), false)
    w:add(b)
    w:clear()
    for _ = 1, 2 do eq(fixed:nextmsg() == b, true) end
    b = nil
    go_on()
    eq(known(mtmsg.buffer, id), false)
end)

test("a message that cannot be received keeps its objects", function()
    local carrier, b = mtmsg.newbuffer(), mtmsg.newbuffer()
    local id = b:id()
    carrier:addmsg(b, function() return 1 end)
    mtmsg.functions(false)
    for _ = 1, 3 do eq(pcall(carrier.nextmsg, carrier), false) end
    mtmsg.functions(true)
    b = nil
    go_on()
    eq(known(mtmsg.buffer, id), true)
    eq(carrier:nextmsg():id(), id)
    go_on()
    eq(known(mtmsg.buffer, id), false)
end)

test("a closed buffer arrives closed", function()
    local carrier, b = mtmsg.newbuffer(), mtmsg.newbuffer()
    carrier:addmsg(b)
    b:close()
    local got = carrier:nextmsg()
    eq(got == b, true)
    raises("mtmsg.error.object_closed: " .. label(b), "b:addmsg(1)", {b = got})
end)

-- Circles: each makes some, and returns what to find them by.
local circles = {
    ["a buffer in itself"] = function()
        local b = mtmsg.newbuffer()
        b:addmsg(b)
        return {b:id()}
    end,
    ["two in each other"] = function()
        local a, b = mtmsg.newbuffer(), mtmsg.newbuffer()
        a:addmsg({"deep", {b}})
        b:addmsg(a, "and more")
        return {a:id(), b:id()}
    end,
    ["fifty in a ring"] = function()
        local ids, first, last = {}, mtmsg.newbuffer(), nil
        last = first
        for i = 1, 50 do
            local b = mtmsg.newbuffer()
            last:addmsg(b)
            ids[i], last = last:id(), b
        end
        last:addmsg(first)
        return ids
    end,
    ["a listener in its own buffer"] = function()
        local l = mtmsg.newlistener("in its own buffer")
        local b = l:newbuffer()
        b:addmsg(l)
        return {b:id()}
    end,
    ["a buffer of a listener, in itself"] = function()
        local l = mtmsg.newlistener()
        local b, c = l:newbuffer(), mtmsg.newbuffer()
        b:addmsg(b, c)
        c:addmsg(l)
        return {b:id(), c:id()}
    end,
    ["notifiers and messages"] = function()
        local a, b, c = mtmsg.newbuffer(), mtmsg.newbuffer(), mtmsg.newbuffer()
        a:notifier(b)
        b:addmsg(c)
        c:notifier(a, "<")
        return {a:id(), b:id(), c:id()}
    end,
}

for what, make in pairs(circles) do
    test("a circle goes when nobody reaches it: " .. what, function()
        local ids = make()
        go_on()
        for _, id in ipairs(ids) do eq(known(mtmsg.buffer, id), false) end
        eq(known(mtmsg.listener, "in its own buffer"), false)
    end)
end

test("a circle of which somebody has a part stays as it is", function()
    local a, b, c = mtmsg.newbuffer(), mtmsg.newbuffer(), mtmsg.newbuffer()
    local id = c:id()
    a:addmsg(b)
    b:addmsg(c)
    c:addmsg(a)
    c:addmsg("still here")
    b, c = nil, nil
    go_on()
    eq(known(mtmsg.buffer, id), true)
    local got = a:nextmsg():nextmsg()
    eq(got:id(), id)
    eq(got:nextmsg() == a, true)
    gives(list("still here"), got:nextmsg())
end)

spec.run()
