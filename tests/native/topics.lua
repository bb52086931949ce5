-- Native code, also in threads without a Lua state, publishes to topics by the Notify and Receiver APIs as it sends to
-- buffers. What a topic does with messages is in tests/spec/topic.lua.

local native = dofile "tests/native/lib/native.lua"
local background = require "background"
local mtmsg = require "mtmsg"
local pump = require "pump"
local old, test, eq = native.old, native.test, native.eq

test("a native message reaches all who have subscribed", function()
    local topic = mtmsg.newtopic{last = true}
    local a, b, full = topic:subscribe(), topic:subscribe(), topic:subscribe{limit = 1}
    local writer = native.writer(topic, "x", 1, true)
    eq(writer:send(topic, false, false), 0)
    native.add(writer, "y") -- it was empty
    eq(writer:send(topic, false, true), 0) -- one that is full is no failure
    for _, subscriber in ipairs {a, b} do
        eq(table.concat(native.drain(subscriber), " "), "x y")
    end
    eq(full:msgcnt(), 1)
    eq(topic:subscribe():nextmsg(0), "y")
end)

test("clear takes the place of what each subscriber has", function()
    local topic = mtmsg.newtopic()
    local a, b = topic:subscribe(), topic:subscribe{limit = 1}
    native.send(topic, 1)
    native.send(topic, 2)
    eq(native.writer(topic, 3):send(topic, true, false), 0)
    eq(table.concat(native.drain(a), " "), "3")
    eq(table.concat(native.drain(b), " "), "3")
end)

test("notify adds an empty message to all", function()
    local topic = mtmsg.newtopic()
    local a, b = topic:subscribe(), topic:subscribe()
    eq(old.notify(topic), 0)
    eq(a:msgcnt() + b:msgcnt(), 2)
    eq(select("#", a:nextmsg(0)), 0)
end)

test("the codes are those of buffers", function()
    local topic = mtmsg.newtopic()
    local a, bell = topic:subscribe(), mtmsg.newbuffer(1, 0)
    a:notifier(bell)
    eq(native.send(topic, 1), 0)
    eq(native.send(topic, 2), 999) -- the bell is full; the message is in
    eq(a:msgcnt(), 2)
    topic:abort()
    eq(native.send(topic, 3), 2)
    eq(old.notify(topic), 2)
    topic:abort(false)
    topic:finish()
    eq(native.send(topic, 4), 1)
    eq(old.notify(topic), 1)
    topic:close()
    eq(native.send(topic, 5), 1)
end)

test("a topic sends nothing to native code, nor does a subscriber receive in its place", function()
    local ok = pcall(old.reader, mtmsg.newtopic())
    eq(ok, false)
end)

test("native threads publish while others receive", function()
    local count, producers = 3000, {}
    local topic = mtmsg.newtopic("news")
    local subscribers, sinks = {}, {}
    for i = 1, 3 do
        subscribers[i] = topic:subscribe()
        sinks[i] = pump.consume(subscribers[i], {})
    end
    for i = 1, 2 do producers[i] = pump.produce(topic, {id = i, count = count}) end
    for i = 1, 2 do
        local result = native.finish(producers[i])
        eq(result.code, 0)
        eq(result.count, count)
    end
    topic:finish()
    for i = 1, 3 do
        local result = native.finish(sinks[i])
        eq(result.code, 1)
        eq(result.broken + result.disordered, 0)
        eq(result.count, 2 * count)
    end
end)

test("a native thread waits for the subscribers that are full", function()
    local topic = mtmsg.newtopic()
    local full, free = topic:subscribe{limit = 1}, topic:subscribe()
    topic:addmsg("first")
    local thread = background.put(topic, "second")
    native.watch(function() return free:msgcnt() == 2 end, "it did not reach the other one")
    eq(full:msgcnt(), 1)
    eq(full:nextmsg(native.limit), "first")
    eq(native.finish(thread), 0)
    eq(full:nextmsg(native.limit), "second")
end)

test("a native thread keeps the topic that it publishes to", function()
    local topic = mtmsg.newtopic("kept")
    local subscriber = topic:subscribe()
    local thread = background.send(topic, "from afar")
    topic = nil
    native.collect()
    eq(native.finish(thread), 0)
    eq(subscriber:nextmsg(native.limit), "from afar")
    subscriber, thread = nil, nil
    native.collect()
    eq(pcall(mtmsg.topic, "kept"), false)
end)

native.run()
