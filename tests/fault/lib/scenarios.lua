-- What is done while memory fails. A scenario has
--     name
--     setup()   makes what it needs, with all the memory there is
--     run(o)    what may fail; what it notes in o must need no memory
--     check(o, ok, source, failed, err)   whether it failed or not: nothing is lost, everything works
--     raises    part of the error that it raises where nothing fails
--     errors    patterns of errors, besides those of want of memory, that a failure may lead to
--     leaves    the text of a notifier's failure may be left to the end of the state, if Lua has no memory for it

local carray    = require "carray"
local fault     = require "fault"
local messages  = dofile "tests/fault/lib/messages.lua"
local mtmsg     = require "mtmsg"
local notifiers = require "notifiers"

local unpack, remain = messages.unpack, messages.remain
local list = {}

local function scenario(name, s)
    s.name = name
    list[#list + 1] = s
end

local function three(make)
    return {make(1), make(2), make(3)}
end

---------------------------------------------------------------------------------- sending

-- Each makes an object with a buffer b, and send(o, values...), which gives true.
local senders = {
    ["addmsg"] = function() return {b = mtmsg.newbuffer(), send = function(o, ...) return o.b:addmsg(...) end} end,
    ["addmsg in a large buffer"] = function()
        return {b = mtmsg.newbuffer(200000, 0), send = function(o, ...) return o.b:addmsg(...) end}
    end,
    ["addmsg in a buffer that grows by what it needs"] = function()
        return {b = mtmsg.newbuffer(10, 1), send = function(o, ...) return o.b:addmsg(...) end}
    end,
    ["addmsg in a listener's buffer"] = function()
        local l = mtmsg.newlistener()
        return {l = l, b = l:newbuffer(), send = function(o, ...) return o.b:addmsg(...) end}
    end,
    ["setmsg"] = function()
        return {b = mtmsg.newbuffer(), replaces = true, send = function(o, ...) return o.b:setmsg(...) end}
    end,
    ["writer:addmsg"] = function()
        return {b = mtmsg.newbuffer(), w = mtmsg.newwriter(), send = function(o, ...)
            o.w:clear()
            o.w:add(...)
            o.whole = true
            local sent = o.w:addmsg(o.b)
            o.whole = false
            return sent
        end}
    end,
    ["writer:setmsg"] = function()
        return {b = mtmsg.newbuffer(), w = mtmsg.newwriter(10, 1), replaces = true, send = function(o, ...)
            o.w:clear()
            o.w:add(...)
            o.whole = true
            local sent = o.w:setmsg(o.b)
            o.whole = false
            return sent
        end}
    end,
}

local function check_sent(o, ok, first)
    local expected = {}
    if not o.replaces or o.sent == 0 then
        for _, m in ipairs(o.old) do expected[#expected + 1] = m end
    end
    for k = o.replaces and math.max(o.sent, 1) or 1, o.sent do expected[#expected + 1] = first[k] end
    remain(o.b, expected)
    if o.whole then -- the writer still has what could not be sent
        assert(o.w:addmsg(o.b))
        remain(o.b, {first[o.sent + 1]})
    end
    assert(not ok or o.sent == 3)
end

for how, make in pairs(senders) do
    for kind, message in pairs(messages.kinds) do
        local sent = three(message)
        scenario(how .. ", " .. kind, {
            setup = function()
                local o = make()
                o.sent, o.whole, o.old = 0, false, {{n = 1, "old 1"}, {n = 1, "old 2"}}
                for _, m in ipairs(o.old) do assert(o.b:addmsg(m[1])) end
                return o
            end,
            run = function(o)
                for k = 1, 3 do
                    if o:send(unpack(sent[k], 1, sent[k].n)) then o.sent = k end
                end
            end,
            check = function(o, ok) check_sent(o, ok, sent) end,
        })
    end
end

scenario("writer:add leaves the writer as it was", {
    setup = function()
        local o = {b = mtmsg.newbuffer(), w = mtmsg.newwriter(10, 1), added = 0, message = messages.kinds.many(0)}
        return o
    end,
    run = function(o)
        o.w:add(1)
        o.added = 1
        o.w:add(("x"):rep(300), 2)
        o.added = 2
        o.w:add(unpack(o.message, 1, o.message.n))
        o.added = 3
    end,
    check = function(o)
        local m = {{n = 0}, {n = 1, 1}, {n = 3, 1, ("x"):rep(300), 2}}
        m[4] = messages.pack(1, ("x"):rep(300), 2, unpack(o.message, 1, o.message.n))
        o.w:addmsg(o.b)
        remain(o.b, {m[o.added + 1]})
    end,
})

---------------------------------------------------------------------------------- receiving

local function receive_directly(o) return o.b:nextmsg(0) end

local function read(o)
    if not o.loaded then
        assert(o.r:nextmsg(o.source, 0))
        o.loaded = true
    end
    return o.r:next(-1)
end

-- A buffer with a method that gets messages in that way; `first` tells what comes before the values.
local function gets(receive, first)
    return function()
        local l = mtmsg.newlistener()
        local b = l:newbuffer()
        return {l = l, b = b, source = b, id = b:id(), r = mtmsg.newreader(0, 1), receive = receive,
                first = first == "id" and b:id() or first == "source" and b}
    end
end

-- Each makes an object with a buffer b, and receive(o), which gives the values, after `first` if there is that. Between
-- the call and the slots nothing may fail: so no function of Lua comes in between.
local receivers = {
    ["getmsg"] = gets(function(o) return o.b:getmsg(0) end, "id"),
    ["getmsg without a timeout"] = gets(function(o) return o.b:getmsg() end, "id"),
    ["getmsg of a listener"] = gets(function(o) return o.l:getmsg(0) end, "id"),
    ["getmsg with arrays"] = gets(function(o) return o.b:getmsg(0, o.given, nil, o.other) end, "id"),
    ["reader:getmsg"] = gets(function(o)
        if not o.loaded then
            assert(o.r:getmsg(o.source, 0) == o.id)
            o.loaded = true
        end
        return o.r:next(-1)
    end),
    ["select"] = gets(function(o)
        o.other_source = o.other_source or o.l
        return mtmsg.select(0, o.b)
    end, "source"),
    ["nextmsg"] = function() return {b = mtmsg.newbuffer(), receive = receive_directly} end,
    ["nextmsg without a timeout"] = function()
        return {b = mtmsg.newbuffer(), receive = function(o) return o.b:nextmsg() end}
    end,
    ["nextmsg of a large buffer"] = function()
        return {b = mtmsg.newbuffer(200000, 0), receive = receive_directly}
    end,
    ["nextmsg of a listener"] = function()
        local l = mtmsg.newlistener()
        return {l = l, b = l:newbuffer(), receive = function(o) return o.l:nextmsg(0) end}
    end,
    ["nextmsg with arrays"] = function()
        return {b = mtmsg.newbuffer(), receive = function(o) return o.b:nextmsg(0, o.given, nil, o.other) end}
    end,
    ["reader:nextmsg"] = function()
        local b = mtmsg.newbuffer()
        return {b = b, source = b, r = mtmsg.newreader(0, 1), receive = read}
    end,
    ["reader:nextmsg of a listener"] = function()
        local l = mtmsg.newlistener()
        local b = l:newbuffer(100000)
        return {b = b, source = l, r = mtmsg.newreader(), receive = read}
    end,
}

-- The first six values of a message. The rest of it is compared where it is left to be received.
local function slot()
    return {n = 6, false, false, false, false, false, false}
end

local function check_received(o, ok, expected, kind)
    for k = 1, o.received do
        local got, wanted = o.slots[k], messages.flat(expected[k], 6)
        got.n = math.min(6, expected[k].n)
        assert(messages.flat(got) == wanted, "message " .. k .. " is damaged: " .. messages.flat(got))
    end
    if o.loaded and o.received < 3 then -- the message is in the reader, whole
        local k = o.received + 1
        assert(messages.flat(messages.pack(o.r:next(-1))) == messages.flat(expected[k]))
        o.received = k
    end
    remain(o.b, expected, o.received + 1)
    assert(not ok or o.done == 3, kind)
end

for how, make in pairs(receivers) do
    for kind, message in pairs(messages.kinds) do
        local sent = three(message)
        scenario(how .. ", " .. kind, {
            setup = function()
                local o = make()
                o.received, o.done, o.loaded, o.slots = 0, 0, false, {slot(), slot(), slot()}
                o.given, o.other = carray.new("double", 5), carray.new("int", 1)
                for k = 1, 3 do assert(o.b:addmsg(unpack(sent[k], 1, sent[k].n))) end
                return o
            end,
            run = function(o)
                for k = 1, 3 do
                    local s = o.slots[k]
                    local first = o.first
                    if first then first, s[1], s[2], s[3], s[4], s[5], s[6] = o:receive()
                    else s[1], s[2], s[3], s[4], s[5], s[6] = o:receive() end
                    o.received, o.done, o.loaded = k, k, false -- before any call: that may run a finalizer in 5.2
                    assert(first == o.first)
                end
            end,
            check = function(o, ok) check_received(o, ok, sent, kind) end,
        })
    end
end

for kind, message in pairs(messages.kinds) do
    local sent = three(message)
    scenario("peekmsg, " .. kind, {
        setup = function()
            local o = {b = mtmsg.newbuffer(), a = false}
            for k = 1, 3 do assert(o.b:addmsg(unpack(sent[k], 1, sent[k].n))) end
            return o
        end,
        run = function(o)
            for _ = 1, 3 do o.a = o.b:peekmsg() end
        end,
        check = function(o) remain(o.b, sent, 1) end,
    })
    scenario("a will of " .. kind, {
        setup = function() return {b = mtmsg.newbuffer("heir"), left = 0} end,
        run = function(o)
            local withdraw = o.b:will(unpack(sent[1], 1, sent[1].n))
            o.left = o.left + 1
            assert(withdraw())
            o.left = o.left - 1
        end,
        check = function(o, ok)
            assert(o.b:msgcnt() == 0 and (o.left == 0 or not ok))
            assert(o.b:addmsg("still works") and o.b:nextmsg(0) == "still works")
        end,
    })
end

scenario("putmsg and messages", {
    setup = function()
        return {b = mtmsg.newbuffer{limit = 2}, w = mtmsg.newwriter(), put = 0, got = 0}
    end,
    run = function(o)
        o.b:settimeout(0)
        o.w:add("by a writer", ("x"):rep(300))
        if o.b:putmsg("one", {1}) then o.put = 1 end
        if o.w:putmsg(o.b) then o.put = 2 end
        assert(not o.b:putmsg("no room"))
        for _ in o.b:messages(0) do o.got = o.got + 1 end
        for _ in o.b:messages() do o.got = o.got + 1 end
    end,
    check = function(o, ok)
        assert(o.b:msgcnt() <= 2 and (not ok or o.got == 2))
        o.b:clear()
        assert(o.b:addmsg(1))
    end,
})

scenario("messages of a listener", {
    setup = function()
        local o = {l = mtmsg.newlistener(), got = 0}
        o.b = o.l:newbuffer()
        for i = 1, 3 do o.b:addmsg(i, ("x"):rep(300)) end
        return o
    end,
    run = function(o)
        o.l:settimeout(0)
        for _, i in o.l:messages() do o.got = i end
    end,
    check = function(o) assert(o.b:msgcnt() == 3 - o.got or o.b:msgcnt() == 2 - o.got) end,
})

scenario("finding or creating, looking in, and releasing", {
    setup = function() return {l = mtmsg.newlistener("kept")} end,
    run = function(o)
        local b, created = mtmsg.newbuffer{name = "shared", limit = 3, create = true}
        o.b = created and b
        assert(mtmsg.newbuffer{name = "shared", create = true}:id() == b:id())
        assert(mtmsg.newlistener{name = "kept", create = true}:id() == o.l:id())
        assert(o.l:newbuffer{maxbytes = 100, overflow = "oldest"}:info().listener == o.l:id())
        assert(o.l:info().name == "kept" and b:info().limit == 3)
        assert(#mtmsg.objects() >= 3)
        local t = mtmsg.newtopic()
        assert(t:info().subscribers == 0)
        mtmsg.newbuffer():finish()
        mtmsg.newlistener():finish()
        b:release()
        o.l:release()
        assert(b:name() == nil or b:name() == "shared")
    end,
    check = function(o)
        if o.b then assert(o.b:id() > 0) end
        assert(mtmsg.newbuffer("shared"):addmsg(1))
    end,
})

scenario("reader:next consumes nothing when it fails", {
    setup = function()
        local o = {b = mtmsg.newbuffer(), r = mtmsg.newreader(), count = 0, a = false, c = false}
        o.b:addmsg("first", ("x"):rep(300), carray.new("int", {4, 5}), 6, "last")
        assert(o.r:nextmsg(o.b))
        return o
    end,
    run = function(o)
        o.a = o.r:next()
        o.count = 1
        o.a, o.c = o.r:next(2)
        o.count = 3
        o.a = o.r:next(1)
        o.count = 4
    end,
    check = function(o)
        local rest = messages.flat(messages.pack(o.r:next(-1)))
        local all = {"first", ("x"):rep(300), "int[4 5]", "6", "last"}
        assert(rest == table.concat(all, ",", o.count + 1))
    end,
})

-- Whatever fails, and however much of it was read: the message is done, or there, first in line.
for kind, message in pairs(messages.kinds) do
    local sent = three(message)
    scenario("a lease of " .. kind, {
        setup = function()
            local o = {l = mtmsg.newlistener(), done = 0, a = false}
            o.r = mtmsg.newreader{lease = true, size = 0, grow = 1}
            o.b = o.l:newbuffer()
            for k = 1, 3 do assert(o.b:addmsg(unpack(sent[k], 1, sent[k].n))) end
            return o
        end,
        run = function(o)
            assert(o.r:nextmsg(o.l, 0))
            o.a = o.r:next(2)
            assert(o.r:putback())
            assert(o.r:nextmsg(o.b, 0))
            o.a = o.r:next(-1)
            o.r:done()
            o.done = 1
            assert(o.r:nextmsg(o.b, 0))
            o.a = o.r:next()
        end,
        check = function(o)
            o.r:putback()
            remain(o.b, sent, o.done + 1)
        end,
    })
end

-- Whatever fails: everybody has a message, or nobody; or it is told how many could not have it.
for kind, message in pairs(messages.kinds) do
    local sent = three(message)
    scenario("a topic and " .. kind, {
        setup = function()
            local o = {t = mtmsg.newtopic{last = true}, w = mtmsg.newwriter(), told = {0, 0, 0}, late = false, sent = 0}
            o.subscribers = {o.t:subscribe(), o.t:subscribe(200000, 0), o.t:subscribe{limit = 10}}
            o.t:settimeout(0.001)
            return o
        end,
        run = function(o)
            for k = 1, 3 do
                o.sent = k - 1
                local m = sent[k]
                if k == 2 then
                    o.w:clear()
                    o.w:add(unpack(m, 1, m.n))
                    o.told[k] = o.w:addmsg(o.t)
                elseif k == 3 then
                    o.told[k] = o.t:putmsg(unpack(m, 1, m.n))
                else
                    o.told[k] = o.t:addmsg(unpack(m, 1, m.n))
                end
                o.sent = k
            end
            o.late = o.t:subscribe("late")
        end,
        check = function(o, ok)
            local have = 0
            for _, b in ipairs(o.subscribers) do have = have + b:msgcnt() end
            assert(have == o.told[1] + o.told[2] + o.told[3], "it was told wrongly")
            if o.sent == 3 and have == 9 then
                for _, b in ipairs(o.subscribers) do remain(b, sent) end
            end
            if o.late then remain(o.late, {sent[3]}) end
            assert(not ok or o.late)
            o.t:clear()
            for _, b in ipairs(o.subscribers) do b:clear() end
            assert(o.t:addmsg("works") == (o.late and 4 or 3))
        end,
    })
end

scenario("a topic is made, found, and ended", {
    setup = function()
        return {t = mtmsg.newtopic("topic"), b = false, made = false, found = false, text = false, taken = 0}
    end,
    run = function(o)
        o.made = mtmsg.newtopic{name = "made", create = true}
        o.found = mtmsg.topic("topic")
        o.b = o.found:subscribe{listener = mtmsg.newlistener()}
        o.text = tostring(o.found)
        o.t:nonblock(o.t:isnonblock())
        o.t:abort(o.t:isabort())
        o.taken = o.t:setmsg(o.t:id(), o.t:name())
        o.t:settimeout(1)
        o.t:clear()
        o.t:finish()
        o.made:close()
        o.made:release()
    end,
    check = function(o, ok)
        if ok and o.taken == 1 then -- else it is told that one had no memory
            local id, name = o.b:nextmsg(0)
            assert(id == o.t:id() and name == "topic")
        end
        assert(mtmsg.topic("topic"):id() == o.t:id())
        o.t:close()
        if o.made then o.made:close() end
    end,
})

-- Whatever fails: an object arrives as what it is, or the message stays where it was; and the circles of which it is
-- part go with the scenario.
scenario("objects are values of messages", {
    setup = function()
        return {b = mtmsg.newbuffer(), fixed = mtmsg.newbuffer(200, 0), inner = mtmsg.newbuffer(),
                l = mtmsg.newlistener(), t = mtmsg.newtopic{last = true}, w = mtmsg.newwriter(),
                r = mtmsg.newreader(), got = false, read = false, subscriber = false}
    end,
    run = function(o)
        o.b:addmsg(o.inner, {o.l, o.t})
        local inner, others = o.b:nextmsg(0)
        o.got = inner == o.inner and others[1] == o.l and others[2] == o.t
        o.w:clear()
        o.w:add(o.inner)
        o.w:add({o.inner, o.b})
        o.w:addmsg(o.fixed)
        o.r:nextmsg(o.fixed, 0)
        o.read = o.r:next() == o.inner and o.r:next()[2] == o.b
        o.inner:addmsg(o.inner)
        o.inner:setmsg(o.b, o.inner)
        o.b:addmsg(o.inner:peekmsg(0))
        o.t:addmsg(o.t, o.inner)
        o.subscriber = o.t:subscribe()
        o.b:notifier(o.inner)
    end,
    check = function(o, ok)
        assert(not ok or (o.got and o.read and o.subscriber))
        if o.b:msgcnt() > 0 then assert(select("#", o.b:nextmsg(0)) > 0) end
        o.b:clear()
        assert(o.b:addmsg(o.inner) and o.b:nextmsg(0) == o.inner)
    end,
})

-- A module that has to be loaded again.
scenario("the array package is loaded for a received array", {
    setup = function()
        local o = {b = mtmsg.newbuffer(), array = false, received = false}
        o.b:addmsg(carray.new("int", {1, 2}))
        package.loaded.carray, package.preload.carray = nil, function() return carray end
        return o
    end,
    run = function(o)
        o.array = o.b:nextmsg(0)
        o.received = true
    end,
    check = function(o)
        package.loaded.carray = carray
        if o.received then
            assert(messages.flat({n = 1, o.array}) == "int[1 2]")
            remain(o.b, {})
        else
            remain(o.b, {{n = 1, carray.new("int", {1, 2})}})
        end
    end,
})

---------------------------------------------------------------------------------- native code

local function native_content(number)
    local text = string.char(97 + number % 26):rep(300)
    return {n = 9, number, true, 0.5, text:sub(1, 4), text, 7, 8, 9, carray.new("double", {0.5, -1, 1e300})}
end

for name, replaces in pairs {adds = false, replaces = true} do
    scenario("native code " .. name, {
        setup = function()
            local o = {b = mtmsg.newbuffer(), codes = {0, 0, 0}, sent = 0}
            o.b:addmsg("old")
            return o
        end,
        run = function(o)
            for k = 1, 3 do
                o.codes[k] = fault.native.send(o.b, k, replaces)
                if o.codes[k] == 0 then o.sent = k end
            end
        end,
        check = function(o, _, source)
            local expected = {{n = 1, "old"}}
            for k = 1, 3 do
                local code = o.codes[k]
                if code == 0 and k <= o.sent then
                    if replaces then expected = {} end
                    expected[#expected + 1] = native_content(k)
                else
                    assert(source == "lua" or code == 6 or code == -2, "code " .. code)
                end
            end
            remain(o.b, expected)
        end,
    })
end

for name, capacity in pairs {["a small reader"] = 0, ["a large reader"] = 1000} do
    for _, from in ipairs {"a buffer", "a listener's buffer"} do
        scenario("native code receives with " .. name .. " from " .. from, {
            setup = function()
                local l = mtmsg.newlistener()
                local o = {l = l, b = from == "a buffer" and mtmsg.newbuffer(5000) or l:newbuffer()}
                o.codes, o.numbers, o.done = {-1, -1, -1}, {0, 0, 0}, 0
                for k = 1, 3 do assert(fault.native.send(o.b, k) == 0) end
                return o
            end,
            run = function(o)
                for k = 1, 3 do
                    o.codes[k], o.numbers[k] = fault.native.receive(o.b, capacity)
                    o.done = k
                end
            end,
            check = function(o, _, source)
                local received = 0
                for k = 1, o.done do
                    if o.codes[k] == 0 then
                        received = received + 1
                        assert(o.numbers[k] == received, "message " .. o.numbers[k])
                    else
                        assert(o.codes[k] == 5 and source == "malloc", "code " .. o.codes[k])
                    end
                end
                remain(o.b, {native_content(1), native_content(2), native_content(3)}, received + 1)
            end,
        })
    end
end

scenario("native code notifies", {
    setup = function() return {b = mtmsg.newbuffer(), code = -1} end,
    run = function(o) o.code = fault.native.notify(o.b) end,
    check = function(o, _, source)
        assert(o.code == 0 or o.code == 6 or (source == "lua" and o.code == -1), "code " .. o.code)
        remain(o.b, o.code == 0 and {{n = 0}} or {})
    end,
})

---------------------------------------------------------------------------------- creating and finding

local function buffer_is_unknown(name)
    local ok, err = pcall(mtmsg.buffer, name)
    assert(not ok and err:find(mtmsg.error.unknown_object, 1, true), tostring(err))
end

for what, make in pairs {
    ["newbuffer"] = function(o) o.made = mtmsg.newbuffer() end,
    ["newbuffer with a name"] = function(o) o.made = mtmsg.newbuffer("made") end,
    ["newbuffer with a size"] = function(o) o.made = mtmsg.newbuffer("made", 100, 0) end,
    ["listener:newbuffer"] = function(o) o.made = o.l:newbuffer("made", 100) end,
} do
    scenario(what, {
        setup = function() return {l = mtmsg.newlistener(), made = false} end,
        run = make,
        check = function(o, ok)
            assert(not ok or o.made)
            if o.made then
                remain(o.made, {})
            else
                collectgarbage()
                buffer_is_unknown("made")
                local works, err = pcall(o.l.nextmsg, o.l, 0)
                assert(not works and err:find(mtmsg.error.no_buffers, 1, true))
                remain(o.l:newbuffer(), {})
            end
        end,
    })
end

for what, make in pairs {
    ["newlistener"] = function(o) o.made = mtmsg.newlistener("made") end,
    ["listener by id"] = function(o) o.made = mtmsg.listener(o.id) end,
    ["listener by name"] = function(o) o.made = mtmsg.listener("listener") end,
} do
    scenario(what, {
        setup = function()
            local l = mtmsg.newlistener("listener")
            return {l = l, id = l:id(), made = false}
        end,
        run = make,
        check = function(o, ok)
            assert(not ok or o.made)
            remain((o.made or o.l):newbuffer(), {})
        end,
    })
end

for what, make in pairs {
    ["buffer by id"] = function(o) o.made = mtmsg.buffer(o.id) end,
    ["buffer by name"] = function(o) o.made = mtmsg.buffer("buffer") end,
} do
    scenario(what, {
        setup = function()
            local b = mtmsg.newbuffer("buffer")
            b:addmsg("kept")
            return {b = b, id = b:id(), made = false}
        end,
        run = make,
        check = function(o, ok)
            assert(not ok or o.made)
            remain(o.made or o.b, {{n = 1, "kept"}})
        end,
    })
end

scenario("newwriter", {
    setup = function() return {b = mtmsg.newbuffer(), small = false, large = false} end,
    run = function(o)
        o.small = mtmsg.newwriter()
        o.large = mtmsg.newwriter(10000, 0)
    end,
    check = function(o, ok)
        assert(not ok or o.large)
        for _, w in ipairs {o.small or nil, o.large or nil} do
            w:add("written")
            w:addmsg(o.b)
            remain(o.b, {{n = 1, "written"}})
        end
    end,
})

scenario("newreader", {
    setup = function() return {b = mtmsg.newbuffer(), small = false, large = false} end,
    run = function(o)
        o.small = mtmsg.newreader()
        o.large = mtmsg.newreader(10000, 0)
    end,
    check = function(o, ok)
        assert(not ok or o.large)
        for _, r in ipairs {o.small or nil, o.large or nil} do
            o.b:addmsg("read")
            assert(r:nextmsg(o.b, 0) and r:next() == "read")
        end
    end,
})

---------------------------------------------------------------------------------- everything else

local function both()
    local l = mtmsg.newlistener("a listener")
    local o = {l = l, b = l:newbuffer("a buffer"), text = false}
    o.b:addmsg("kept")
    return o
end

local function kept(o)
    remain(o.b, {{n = 1, "kept"}})
end

scenario("descriptions", {
    setup = function()
        local o = both()
        o.w, o.r = mtmsg.newwriter(), mtmsg.newreader()
        return o
    end,
    run = function(o)
        for _, object in ipairs {o.b, o.l, o.w, o.r} do
            o.text = tostring(object)
            o.text = mtmsg.type(object)
        end
        o.text = o.b:name() .. o.l:name()
        o.text = o.b:id() + o.l:id()
    end,
    check = kept,
})

scenario("descriptors for event loops", {
    setup = both,
    run = function(o)
        o.fd = o.b:pollfd() + o.l:pollfd()
    end,
    check = kept,
})

scenario("metatables and functions", {
    setup = function()
        local o = {b = mtmsg.newbuffer(), class = {__index = {method = 1}}}
        mtmsg.metatable("class", nil)
        return o
    end,
    run = function(o)
        mtmsg.functions(mtmsg.functions(true))
        mtmsg.metatable("class", o.class)
        o.sent = o.b:addmsg({setmetatable({}, o.class)})
        local got = o.b:nextmsg(0)
        o.good = got[1].method == 1 and mtmsg.metatable("class") == o.class
    end,
    check = function(o, ok)
        assert(not ok or o.good)
        mtmsg.metatable("class", nil)
        o.b:clear()
        o.b:addmsg("works")
        assert(o.b:nextmsg(0) == "works")
    end,
})

scenario("what needs no memory of the module", {
    setup = function()
        local o = both()
        o.w, o.r = mtmsg.newwriter(), mtmsg.newreader()
        o.w:add("unsent")
        return o
    end,
    run = function(o)
        local b, l = o.b, o.l
        o.text = mtmsg.time() + b:msgcnt()
        mtmsg.sleep(0)
        b:nonblock(true)
        l:nonblock(true)
        o.text = b:isnonblock() and l:isnonblock()
        b:nonblock(false)
        l:nonblock(false)
        b:abort()
        l:abort()
        mtmsg.abort()
        o.text = b:isabort() and l:isabort() and mtmsg.isabort()
        mtmsg.abort(false)
        l:abort(false)
        b:abort(false)
        o.w:clear()
        o.r:clear()
    end,
    check = function(o, _, source, failed)
        mtmsg.abort(false)
        o.l:abort(false)
        o.b:abort(false)
        assert(source == "lua" or failed == 0)
        kept(o)
    end,
})

scenario("clear", {
    setup = both,
    run = function(o)
        o.b:clear()
        o.b:addmsg(1)
        o.l:clear()
    end,
    check = function(o) assert(o.b:clear()) remain(o.b, {}) end,
})

scenario("close", {
    setup = both,
    run = function(o)
        o.b:close()
        o.l:close()
    end,
    check = function(o)
        o.l:close()
        assert(o.b:msgcnt() == 0)
    end,
})

scenario("finalizers", {
    setup = function()
        local o = both()
        o.dropped = {o.l:newbuffer("dropped"), mtmsg.newlistener(), mtmsg.newwriter(100), mtmsg.newreader(100),
            mtmsg.newtopic()}
        o.dropped[1]:addmsg(("x"):rep(9000))
        o.finalize = {}
        for i, object in ipairs(o.dropped) do o.finalize[i] = debug.getmetatable(object).__gc end
        return o
    end,
    run = function(o)
        for i = 1, 5 do o.finalize[i](o.dropped[i]) end
        collectgarbage()
    end,
    check = function(o)
        o.dropped = nil
        o.l:clear()
        collectgarbage()
        buffer_is_unknown("dropped")
    end,
})

-- As Lua 5.4 calls it at the end of a block.
scenario("variables are closed", {
    setup = function()
        local o = both()
        o.t, o.closing = mtmsg.newtopic(), {}
        for i, object in ipairs {o.b, o.l, o.t} do o.closing[i] = debug.getmetatable(object).__close end
        return o
    end,
    run = function(o)
        for i, object in ipairs {o.b, o.l, o.t} do o.closing[i](object) end
    end,
})

---------------------------------------------------------------------------------- notifiers

local no_text = {"^Error while calling notifier: out of memory$"}

scenario("notifiers are connected, called and disconnected", {
    setup = function()
        local o = {b = mtmsg.newbuffer(), n = mtmsg.newbuffer(), foreign = notifiers.new(), sent = 0, received = false}
        return o
    end,
    run = function(o)
        o.b:notifier(o.n)
        o.b:notifier(o.foreign, "<", 5)
        if o.b:addmsg("kept") then o.sent = 1 end
        o.received = o.b:nextmsg(0)
        o.b:notifier(nil)
        o.b:notifier(nil, "<")
    end,
    errors = {"^Unknown error while calling notifier%. %(rc=6%)$", "^Error while calling notifier: out of memory$"},
    check = function(o, _, _, _, err)
        o.b:notifier(nil)
        o.b:notifier(nil, "<")
        assert(o.foreign:connections() == 0)
        local added = o.sent == 1 or (err and err:find("calling notifier", 1, true))
        remain(o.b, added and not o.received and {{n = 1, "kept"}} or {})
    end,
})

-- The chain is longer than what the walk over it can note without memory.
scenario("a chain of notifiers", {
    setup = function()
        local o = {chain = {mtmsg.newbuffer()}, sent = 0}
        for i = 2, 40 do
            o.chain[i] = mtmsg.newbuffer()
            o.chain[i - 1]:notifier(o.chain[i])
        end
        return o
    end,
    run = function(o)
        for i = 1, 3 do
            if o.chain[1]:addmsg(i) then o.sent = i end
        end
    end,
    errors = {"^Unknown error while calling notifier%. %(rc=6%)$", "^Error while calling notifier: out of memory$"},
    check = function(o, ok, _, _, err)
        local in_first = o.sent + (not ok and err:find("calling notifier", 1, true) and 1 or 0)
        assert(o.chain[1]:msgcnt() == in_first)
        local before = in_first
        for i = 2, 40 do -- the notification came as far as it came
            local count = o.chain[i]:msgcnt()
            assert(count <= before and count >= o.sent)
            before = count
        end
    end,
})

for event, run in pairs {
    [">"] = function(o) o.b:addmsg("kept") end,
    ["> of a writer"] = function(o) o.w:addmsg(o.b) end,
    ["<"] = function(o) o.b:nextmsg(0) end,
    ["< of a listener"] = function(o) o.l:nextmsg(0) end,
} do
    local removes = event:sub(1, 1) == "<"
    scenario("a notifier fails, " .. event, {
        setup = function()
            local o = {l = mtmsg.newlistener(), w = mtmsg.newwriter()}
            o.b = o.l:newbuffer()
            if removes then o.b:addmsg("kept") end
            o.w:add("kept")
            o.b:notifier(notifiers.new {code = 5, text = "no luck"}, event:sub(1, 1))
            return o
        end,
        run = run,
        raises = "Error while calling notifier: no luck",
        errors = no_text,
        leaves = true,
        check = function(o, _, source, _, err)
            o.b:notifier(nil, event:sub(1, 1))
            local added = removes or o.b:msgcnt() == 1
            assert(added or source == "lua" or err:find("out_of_memory", 1, true))
            remain(o.b, added and {{n = 1, "kept"}} or {})
        end,
    })
end

scenario("a notifier fails, < of a reader", {
    setup = function()
        local o = {b = mtmsg.newbuffer(), r = mtmsg.newreader(0, 1)}
        o.b:addmsg("kept")
        o.b:notifier(notifiers.new {code = 5}, "<")
        return o
    end,
    run = function(o) o.r:nextmsg(o.b, 0) end,
    raises = "Unknown error while calling notifier. (rc=5)",
    errors = no_text,
    leaves = true,
    check = function(o)
        o.b:notifier(nil, "<")
        if o.b:msgcnt() == 0 then assert(o.r:next() == "kept") else kept(o) end
    end,
})

scenario("a notifier runs Lua and fails for want of memory", {
    setup = function()
        local o = {b = mtmsg.newbuffer(), other = mtmsg.newbuffer(), sent = false}
        o.b:notifier(notifiers.new {call = function() o.other:addmsg(("%d"):format(5):rep(5000)) end})
        return o
    end,
    run = function(o) o.sent = o.b:addmsg("kept") end,
    leaves = true,
    errors = {"^Error while calling notifier: ", "^Unknown error while calling notifier%. %(rc=78%)$"},
    check = function(o, ok, _, _, err)
        o.b:notifier(nil)
        notifiers.forget()
        local added = o.b:msgcnt() == 1
        assert(added or not (ok or err:find("calling notifier", 1, true)))
        remain(o.b, added and {{n = 1, "kept"}} or {})
        o.other:clear()
        remain(o.other, {})
    end,
})

---------------------------------------------------------------------------------- errors

for raises, run in pairs {
    [mtmsg.error.message_size] = function(o) o.b:addmsg("too long") end,
    [mtmsg.error.object_closed] = function(o) o.closed:addmsg(1) end,
    [mtmsg.error.operation_aborted] = function(o) o.aborted:nextmsg(0) end,
    [mtmsg.error.no_buffers] = function(o) o.l:nextmsg(0) end,
    [mtmsg.error.has_notifier] = function(o) o.b:notifier(o.aborted) end,
    [mtmsg.error.unknown_object] = function() mtmsg.buffer('no "such" buffer') end,
    [mtmsg.error.ambiguous_name] = function() mtmsg.buffer("twin") end,
    ["message size"] = function(o) o.w:add("too long") end,
    ["exceeds limit of 1 bytes"] = function(o) o.r:nextmsg(o.aborted, 0) end,
    ["parameter type not supported"] = function(o) o.b:addmsg(o) end,
    ["timeout seconds or carray expected"] = function(o) o.b:nextmsg(o) end,
    ["carray expected"] = function(o) o.b:nextmsg(0, o) end,
    ["notifier object or nil expected"] = function(o) o.b:notifier(o) end,
} do
    scenario("error: " .. raises, {
        setup = function()
            local o = {l = mtmsg.newlistener(), b = mtmsg.newbuffer("small", 4, 0), w = mtmsg.newwriter(3, 0)}
            o.r, o.closed, o.aborted = mtmsg.newreader(1, 0), mtmsg.newbuffer("twin"), mtmsg.newbuffer("twin")
            o.twin = mtmsg.newbuffer("twin")
            o.aborted:addmsg("kept")
            o.closed:close()
            if raises == mtmsg.error.operation_aborted then o.aborted:abort() end
            if raises == mtmsg.error.has_notifier then o.b:notifier(o.closed) end
            return o
        end,
        run = run,
        raises = raises,
        check = function(o)
            o.aborted:abort(false)
            remain(o.aborted, {{n = 1, "kept"}})
            assert(o.b:msgcnt() == 0 and o.b:addmsg(1) and o.b:nextmsg(0) == 1)
        end,
    })
end

return list
