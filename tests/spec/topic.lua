-- Topics: what is added reaches every buffer that has subscribed. Threads that publish and receive are in
-- tests/thread/topics_reach_all_threads.lua, native publishers in tests/native/topics.lua.

local spec  = require("spec")
local mtmsg = require("mtmsg")

local test, eq, gives, list = spec.test, spec.eq, spec.gives, spec.list
local bad_argument, raises, raises_like = spec.bad_argument, spec.raises, spec.raises_like

local function all_of(buffer)
    local values = {}
    while buffer:msgcnt() > 0 do
        values[#values + 1] = tostring((buffer:nextmsg(0)))
    end
    return table.concat(values, " ")
end

test("what is added reaches all who have subscribed", function()
    local topic = mtmsg.newtopic()
    gives(list(0, 0), topic:addmsg("nobody is there"))
    local a = topic:subscribe()
    gives(list(1, 0), topic:addmsg("one", 1, nil))
    local b = topic:subscribe{}
    gives(list(2, 0), topic:addmsg("two", {1, {2}}))
    gives(list("one", 1, nil), a:nextmsg(0))
    for _, subscriber in ipairs{a, b} do
        local name, tree = subscriber:nextmsg(0)
        eq(name, "two")
        eq(tree[2][1], 2)
    end
    gives(list(2, 0), topic:addmsg())
    eq(a:msgcnt(), 1)
    gives(list(), b:nextmsg(0))
    eq(b:msgcnt(), 0)
end)

test("a subscriber is a buffer like any other", function()
    local topic = mtmsg.newtopic("weather")
    local b = topic:subscribe("mine", 100, 0)
    eq(b:name(), "mine")
    eq(mtmsg.type(b), "mtmsg.buffer")
    eq(mtmsg.buffer("mine"):id(), b:id())
    b:addmsg("its own")
    topic:addmsg("of the topic")
    eq(all_of(b), "its own of the topic")
    gives(list(0, 1), topic:addmsg(("x"):rep(100))) -- too large for it
    local bell = mtmsg.newbuffer()
    b:notifier(bell)
    topic:addmsg("rings")
    eq(bell:msgcnt(), 1)
end)

test("bounds are each subscriber's own", function()
    local topic = mtmsg.newtopic()
    local few = topic:subscribe{limit = 2}
    local latest = topic:subscribe{limit = 1, overflow = "oldest"}
    local all = topic:subscribe()
    gives(list(3, 0), topic:addmsg(1))
    gives(list(3, 0), topic:addmsg(2))
    gives(list(2, 1), topic:addmsg(3))
    eq(all_of(few), "1 2")
    eq(all_of(latest), "3")
    eq(all_of(all), "1 2 3")
end)

test("a listener serves subscribers", function()
    local prices, weather, listener = mtmsg.newtopic(), mtmsg.newtopic(), mtmsg.newlistener()
    local a = prices:subscribe{listener = listener}
    local b = weather:subscribe{listener = listener, name = "w"}
    prices:addmsg("p1")
    prices:addmsg("p2")
    weather:addmsg("w1")
    gives(list("p1"), listener:nextmsg(0))
    gives(list("w1"), listener:nextmsg(0))
    gives(list("p2"), listener:nextmsg(0))
    a, b = nil, nil
    spec.collect()
    raises_like("^mtmsg%.error%.no_buffers", "l:nextmsg(0)", {l = listener})
    listener:close()
    raises("mtmsg.error.object_closed: " .. spec.label(listener), "t:subscribe{listener = l}",
           {t = prices, l = listener})
end)

test("with last a new subscriber begins with the latest message", function()
    local plain, topic = mtmsg.newtopic{last = false}, mtmsg.newtopic{last = true}
    eq(topic:subscribe():msgcnt(), 0)
    topic:addmsg("old")
    topic:addmsg("latest", ("x"):rep(10000))
    plain:addmsg("gone")
    local a, none, tiny = topic:subscribe(), plain:subscribe(), topic:subscribe{size = 20, grow = 0}
    topic:addmsg("next")
    gives(list("latest", ("x"):rep(10000)), a:nextmsg(0))
    gives(list("next"), a:nextmsg(0))
    eq(none:msgcnt(), 0)
    eq(all_of(tiny), "next") -- there was no room for the latest
    eq(topic:clear(), true)
    eq(topic:subscribe():msgcnt(), 0)
    eq(a:msgcnt(), 0)
    topic:setmsg("set")
    eq(all_of(topic:subscribe()), "set")
end)

test("subscribers leave when they are collected or closed", function()
    local topic = mtmsg.newtopic()
    local a, b = topic:subscribe(), topic:subscribe()
    b:close()
    gives(list(1, 0), topic:addmsg(1))
    b = nil
    topic:subscribe()
    spec.collect()
    gives(list(1, 0), topic:addmsg(2))
    a = nil
    spec.collect()
    gives(list(0, 0), topic:addmsg(3))
end)

test("setmsg takes the place of what each subscriber has", function()
    local topic = mtmsg.newtopic()
    local a, full = topic:subscribe(), topic:subscribe{limit = 1}
    topic:addmsg(1)
    topic:addmsg(2)
    gives(list(2, 0), topic:setmsg(3))
    eq(all_of(a), "3")
    eq(all_of(full), "3")
end)

test("a writer publishes, and is empty then", function()
    local topic, w = mtmsg.newtopic(), mtmsg.newwriter()
    local a = topic:subscribe()
    w:add(1, "x")
    gives(list(1, 0), w:addmsg(topic))
    w:add(2)
    gives(list(1, 0), w:setmsg(topic))
    eq(all_of(a), "2")
    w:add("kept")
    topic:close()
    raises("mtmsg.error.object_closed: " .. spec.label(topic), "w:addmsg(t)", {w = w, t = topic})
    local b = mtmsg.newbuffer()
    w:addmsg(b)
    eq(all_of(b), "kept")
end)

test("topics are found by id and name, and are neither buffers nor listeners", function()
    local topic = mtmsg.newtopic("news")
    eq(mtmsg.topic("news"):id(), topic:id())
    eq(mtmsg.topic(topic:id()):name(), "news")
    eq(mtmsg.newtopic():name(), nil)
    local env = {mtmsg = mtmsg, id = topic:id(), b = mtmsg.newbuffer("news"), l = mtmsg.newlistener("news")}
    eq(mtmsg.topic("news"):id(), topic:id())
    for _, find in ipairs{"mtmsg.buffer(id)", "mtmsg.listener(id)", "mtmsg.topic(b:id())", "mtmsg.topic(l:id())",
                          "mtmsg.topic('old')"} do
        raises_like("^mtmsg%.error%.unknown_object: ", find, env)
    end
    mtmsg.newtopic("news")
    raises('mtmsg.error.ambiguous_name: topic name "news"', "mtmsg.topic('news')",
           {mtmsg = mtmsg, keep = mtmsg.newtopic("news")})
end)

test("create finds an open topic, or creates it", function()
    local topic, created = mtmsg.newtopic{name = "one", create = true, last = true}
    eq(created, true)
    local same, again = mtmsg.newtopic{name = "one", create = true}
    eq(again, false)
    eq(same:id(), topic:id())
    topic:close()
    local other
    other, created = mtmsg.newtopic{name = "one", create = true}
    eq(created, true)
    eq(mtmsg.topic("one"):id(), other:id())
end)

test("a subscriber keeps its topic", function()
    local b = mtmsg.newtopic("kept"):subscribe()
    spec.collect()
    gives(list(1, 0), mtmsg.topic("kept"):addmsg("x"))
    eq(all_of(b), "x")
    b = nil
    spec.collect()
    raises_like("^mtmsg%.error%.unknown_object: ", "mtmsg.topic('kept')", {mtmsg = mtmsg})
end)

test("text and type", function()
    local topic = mtmsg.newtopic("a \"name\"")
    eq(mtmsg.type(topic), "mtmsg.topic")
    eq(getmetatable(topic), "mtmsg.topic")
    spec.matches(tostring(topic), '^mtmsg%.topic: %w+ %(name="a \\"name\\"",id=%d+%)$')
    spec.matches(tostring(mtmsg.newtopic()), '^mtmsg%.topic: %w+ %(id=%d+%)$')
end)

test("close ends the topic and its subscribers", function()
    local topic = mtmsg.newtopic{last = true}
    local a = topic:subscribe()
    topic:addmsg(1)
    topic:close()
    topic:close()
    local env = {t = topic, a = a, l = mtmsg.newlistener()}
    for _, call in ipairs{"t:addmsg(1)", "t:setmsg(1)", "t:subscribe()", "t:subscribe{listener = l}", "t:clear()",
                          "t:nonblock()"} do
        raises("mtmsg.error.object_closed: " .. spec.label(topic), call, env)
    end
    raises("mtmsg.error.object_closed: " .. spec.label(a), "a:nextmsg(0)", env)
    eq(topic:isabort(), false)
    eq(topic:isnonblock(), false)
end)

test("finish: what was published is delivered, and then it is as if closed", function()
    local topic = mtmsg.newtopic()
    local a = topic:subscribe()
    topic:addmsg(1)
    topic:finish()
    topic:finish()
    local env = {t = topic, a = a}
    local function finished(object) return "mtmsg.error.object_closed: " .. spec.label(object) .. " finished" end
    raises(finished(topic), "t:addmsg(2)", env)
    raises(finished(topic), "t:subscribe()", env)
    gives(list(1), a:nextmsg(0))
    raises(finished(a), "a:nextmsg(0)", env)
end)

test("abort holds the topic and its subscribers", function()
    local topic = mtmsg.newtopic()
    local a = topic:subscribe()
    topic:addmsg(1)
    topic:abort()
    eq(topic:isabort(), true)
    eq(a:isabort(), true)
    local env = {t = topic, a = a}
    for _, call in ipairs{"t:addmsg(1)", "t:subscribe()", "a:nextmsg(0)", "t:nonblock()"} do
        raises("mtmsg.error.operation_aborted", call, env)
    end
    eq(topic:clear(), true)
    topic:abort(false)
    eq(topic:isabort(), false)
    gives(list(1), a:nextmsg(0))
    a:abort() -- one that is aborted alone gets nothing
    gives(list(0, 0), topic:addmsg(2))
    a:abort(false)
    eq(a:msgcnt(), 0)
    mtmsg.abort()
    eq(topic:isabort(), true)
    raises("mtmsg.error.operation_aborted", "t:addmsg(1)", env)
    mtmsg.abort(false)
    gives(list(1, 0), topic:addmsg(3))
end)

test("nonblocking mode", function()
    local topic = mtmsg.newtopic()
    local a = topic:subscribe()
    topic:nonblock()
    eq(topic:isnonblock(), true)
    gives(list(1, 0), topic:addmsg(1))
    eq(topic:clear(), true)
    topic:nonblock(false)
    eq(topic:isnonblock(), false)
    eq(all_of(a), "1")
end)

test("putmsg waits for those that are full, as long as the topic's object allows", function()
    local topic = mtmsg.newtopic()
    local free, full = topic:subscribe(), topic:subscribe{limit = 1}
    local drops = topic:subscribe{limit = 1, overflow = "oldest"}
    gives(list(3, 0), topic:putmsg(1))
    topic:settimeout(0)
    gives(list(2, 1), topic:putmsg(2))
    topic:settimeout(0.01)
    gives(list(2, 1), topic:putmsg(3, ("x"):rep(9000)))
    topic:settimeout(nil)
    topic:nonblock()
    gives(list(2, 1), topic:putmsg(4))
    topic:settimeout(0.01)
    gives(list(2, 1), topic:putmsg(5))
    eq(all_of(free), "1 2 3 4 5")
    eq(all_of(full), "1")
    eq(all_of(drops), "5")
    topic:settimeout(10)
    gives(list(3, 0), topic:putmsg({6}))
    topic:close()
    gives(list(nil, "mtmsg.error.object_closed"), topic:putmsg(7))
    bad_argument(1, "settimeout", "t:settimeout('x')", {t = topic}, "timeout seconds expected")
end)

test("putmsg tells in its results what addmsg raises", function()
    local topic = mtmsg.newtopic()
    topic:abort()
    gives(list(nil, "mtmsg.error.operation_aborted"), topic:putmsg(1))
    topic:abort(false)
    topic:finish()
    gives(list(nil, "mtmsg.error.object_closed"), topic:putmsg(1))
    topic:release()
    gives(list(nil, "mtmsg.error.object_closed"), topic:putmsg(1))
end)

test("objects reach all, also where some have no room", function()
    local topic = mtmsg.newtopic()
    local free, full = topic:subscribe(), topic:subscribe{limit = 1}
    local drops = topic:subscribe{limit = 1, overflow = "oldest"}
    topic:addmsg(1)
    topic:settimeout(0.01)
    do
        gives(list(2, 1), topic:putmsg(mtmsg.newbuffer("sent"), "text"))
    end
    spec.collect()
    eq(mtmsg.buffer("sent"):msgcnt(), 0) -- messages keep it
    eq(free:nextmsg(0), 1)
    do
        local sent, text = free:nextmsg(0)
        eq(sent:name(), "sent")
        eq(text, "text")
    end
    topic:setmsg("over")
    spec.collect()
    raises_like("^mtmsg%.error%.unknown_object: ", "mtmsg.buffer('sent')", {mtmsg = mtmsg})
    eq(all_of(drops) .. all_of(full), "overover")
end)

test("release gives up the reference now", function()
    local topic = mtmsg.newtopic("released")
    local id = topic:id()
    topic:release()
    topic:release()
    local env = {mtmsg = mtmsg, t = topic}
    raises_like("^mtmsg%.error%.unknown_object: ", "mtmsg.topic('released')", env)
    for _, call in ipairs{"t:addmsg(1)", "t:setmsg(1)", "t:subscribe()", "t:clear()", "t:finish()", "t:nonblock()"} do
        raises_like("^mtmsg%.error%.object_closed: mtmsg%.topic", call, env)
    end
    topic:close()
    topic:abort()
    eq(topic:id(), id)
    eq(topic:name(), "released")
    eq(topic:isabort(), false)
    spec.matches(tostring(topic), '^mtmsg%.topic: %w+ %(name="released",id=%d+%) released$')
end)

test("a notifier that fails is told, and all others have been called", function()
    local topic = mtmsg.newtopic()
    local subscribers, bells = {}, {}
    for i = 1, 3 do
        subscribers[i] = topic:subscribe()
        bells[i] = i == 2 and mtmsg.newbuffer(1, 0) or mtmsg.newbuffer()
        subscribers[i]:notifier(bells[i])
    end
    bells[2]:addmsg()
    spec.matches(spec.error_of("t:addmsg('x')", {t = topic}), "notifier")
    for i = 1, 3 do
        eq(subscribers[i]:msgcnt(), 1)
        eq(bells[i]:msgcnt(), 1)
    end
end)

test("a topic is no notifier of a buffer, which may have subscribed", function()
    local topic = mtmsg.newtopic()
    local env = {t = topic, b = topic:subscribe()}
    spec.matches(spec.error_of("b:notifier(t)", env), "notifier object or nil expected, got mtmsg%.topic")
end)

test("values that cannot travel change nothing", function()
    local topic = mtmsg.newtopic{last = true}
    local a = topic:subscribe()
    local env = {t = topic, thread = coroutine.create(function() end), io = io}
    bad_argument(2, "addmsg", "t:addmsg(1, thread)", env, "parameter type not supported")
    bad_argument(1, "setmsg", "t:setmsg(io.stdout)", env, "parameter type not supported")
    eq(a:msgcnt(), 0)
    eq(topic:subscribe():msgcnt(), 0)
end)

test("wrong arguments", function()
    local env = {mtmsg = mtmsg, t = mtmsg.newtopic(), b = mtmsg.newbuffer(), l = mtmsg.newlistener()}
    for _, wrong in ipairs{"true", "print", "t", "{1}", "{limit = 1}", "{last = 1}", "{create = true}", "{name = 1}"} do
        bad_argument(1, "newtopic", ("mtmsg.newtopic(%s)"):format(wrong), env)
    end
    for _, wrong in ipairs{"", "nil", "{}", "t"} do
        bad_argument(1, "topic", ("mtmsg.topic(%s)"):format(wrong), env)
    end
    for _, wrong in ipairs{"true", "{listener = 1}", "{listener = b}", "{create = true}", "{limit = 0}", "{1}"} do
        bad_argument(1, "subscribe", ("t:subscribe(%s)"):format(wrong), env)
    end
    for _, method in ipairs{"id", "name", "subscribe", "addmsg", "setmsg", "putmsg", "settimeout", "release", "clear",
                            "nonblock", "isnonblock", "isabort",
                            "close", "finish", "abort"} do
        for _, self in ipairs{"b", "l", "{}", "nil"} do
            spec.matches(spec.error_of(("t.%s(%s)"):format(method, self), env),
                         "bad argument #1 to '.*' %(mtmsg%.topic expected, got ")
        end
    end
end)

spec.run()
