-- Native threads without a Lua state that send and receive: nothing is lost, doubled, broken or out
-- of order, close and abort end them, and calls that may not wait never do.

local native = dofile "tests/native/lib/native.lua"
local background = require "background"
local mtmsg = require "mtmsg"
local notifiers = require "notifiers"
local pump = require "pump"
local test, eq = native.test, native.eq

local many = 20000

local function clean(result)
    eq(result.broken, 0)
    eq(result.disordered, 0)
    return result
end

-- Runs so many producers and consumers on a buffer; producers have options each, consumers too.
local function run(b, producers, consumers, produce, consume)
    local sources, sinks = {}, {}
    local each = math.floor(many / producers)
    for i = 1, producers do
        sources[i] = pump.produce(b, {id = i, count = each, size = produce.size, nonblock = produce.nonblock})
    end
    for i = 1, consumers do
        sinks[i] = pump.consume(b, {nonblock = consume.nonblock, timeout = consume.timeout, size = consume.size})
    end
    for i = 1, producers do
        local result = clean(native.finish(sources[i]))
        eq(result.code, 0)
        eq(result.count, each)
    end
    native.watch(function() return b:msgcnt() == 0 end, "messages were left")
    b:close() -- ends the consumers
    local total = 0
    for i = 1, consumers do
        local result = clean(native.finish(sinks[i]))
        eq(result.code, 1)
        total = total + result.count
    end
    eq(total, producers * each)
end

test("one producer and one consumer, waiting", function()
    run(mtmsg.newbuffer(), 1, 1, {}, {})
end)

test("one producer and one consumer, nonblocking", function()
    run(mtmsg.newbuffer(4096), 1, 1, {nonblock = true}, {nonblock = true})
end)

test("four producers and four consumers, waiting", function()
    run(mtmsg.newbuffer(), 4, 4, {}, {})
end)

test("four producers and four consumers, nonblocking and polling", function()
    run(mtmsg.newbuffer(), 4, 4, {nonblock = true}, {timeout = 0})
end)

test("consumers with short timeouts miss nothing", function()
    run(mtmsg.newbuffer(), 2, 2, {}, {timeout = 0.0005})
end)

test("a buffer of fixed size: producers that try again get everything through", function()
    run(mtmsg.newbuffer(100, 0), 2, 2, {}, {})
    run(mtmsg.newbuffer(100, 0), 2, 2, {nonblock = true}, {nonblock = true})
end)

test("messages of many sizes", function()
    many = 2000
    for _, size in ipairs {0, 200, 300, 5000, 70000} do
        run(mtmsg.newbuffer(), 2, 2, {size = size}, {size = 0})
    end
    many = 20000
end)

test("a native producer feeds Lua, in order", function()
    local b = mtmsg.newbuffer()
    local producer = pump.produce(b, {count = many, id = 3})
    for i = 1, many do
        local id, number = b:nextmsg(native.limit)
        if id ~= 3 or number ~= i then error("message " .. i .. " is wrong") end
    end
    eq(native.finish(producer).code, 0)
    eq(b:msgcnt(), 0)
end)

test("Lua and native threads send and receive on one buffer of a listener", function()
    local lst = mtmsg.newlistener()
    local b = lst:newbuffer()
    local producers = {pump.produce(b, {count = many, id = 1}), pump.produce(b, {count = many, id = 2})}
    local consumer = pump.consume(b, {timeout = 0.01})
    local got, last = 0, {0, 0}
    local function take(id, number)
        if not id then return end
        got = got + 1
        assert(number > last[id], "out of order")
        last[id] = number
    end
    while b:msgcnt() > 0 or got + consumer:count() < 2 * many do
        take(lst:nextmsg(0.001))
        take(b:nextmsg(0))
    end
    consumer:stop()
    local result = clean(native.finish(consumer))
    eq(got + result.count, 2 * many)
    for _, producer in ipairs(producers) do eq(native.finish(producer).count, many) end
end)

test("producers that replace leave the last message of one of them", function()
    local b = mtmsg.newbuffer()
    local producers = {}
    for i = 1, 3 do producers[i] = pump.produce(b, {count = 5000, id = i, clear = true}) end
    for i = 1, 3 do eq(native.finish(producers[i]).count, 5000) end
    eq(b:msgcnt(), 1)
    local _, number = b:nextmsg(0)
    eq(number, 5000)
end)

test("threads go on after Lua has dropped the buffer", function()
    local b = mtmsg.newbuffer()
    local producer, consumer = pump.produce(b, {count = many}), pump.consume(b, {count = many})
    b = nil
    native.collect()
    eq(clean(native.finish(producer)).count, many)
    eq(clean(native.finish(consumer)).count, many)
end)

---------------------------------------------------------------------------------- close and abort

for _, how in ipairs {{"without limit", -1}, {"with a timeout", 3600}, {"with an infinite timeout", math.huge}} do
    local name, timeout = how[1], how[2]

    test("code 1: close wakes all that wait " .. name, function()
        local b = mtmsg.newbuffer()
        local threads = {}
        for i = 1, 4 do threads[i] = background.receive(b, false, timeout) end
        b:close()
        for i = 1, 4 do eq(native.finish(threads[i]), 1) end
    end)

    test("code 2: abort wakes all that wait " .. name, function()
        local b = mtmsg.newbuffer()
        local threads = {}
        for i = 1, 4 do threads[i] = background.receive(b, false, timeout) end
        b:abort()
        for i = 1, 4 do eq(native.finish(threads[i]), 2) end
    end)

    test("code 0: a message wakes one that waits " .. name, function()
        local b = mtmsg.newbuffer()
        local threads = {}
        for i = 1, 4 do threads[i] = background.receive(b, false, timeout) end
        for i = 1, 4 do eq(native.send(b, tostring(i)), 0) end
        local got = {}
        for i = 1, 4 do
            local code, _, value = native.finish(threads[i])
            eq(code, 0)
            got[i] = value
        end
        table.sort(got)
        eq(table.concat(got), "1234")
    end)
end

test("mtmsg.abort wakes native threads that wait", function()
    local thread = background.receive(mtmsg.newbuffer())
    mtmsg.abort()
    local code = native.finish(thread)
    mtmsg.abort(false)
    eq(code, 2)
end)

test("closing under full load ends every thread with code 1", function()
    local b = mtmsg.newbuffer()
    local threads = {}
    for i = 1, 3 do
        threads[#threads + 1] = pump.produce(b, {id = i})
        threads[#threads + 1] = pump.consume(b, {})
    end
    native.watch(function() return threads[2]:count() > 100 end, "nothing came through")
    b:close()
    for _, thread in ipairs(threads) do eq(clean(native.finish(thread)).code, 1) end
end)

test("aborting under full load ends every thread with code 2, and nothing is lost", function()
    local b = mtmsg.newbuffer()
    local producers, consumers = {}, {}
    for i = 1, 2 do
        producers[i] = pump.produce(b, {id = i})
        consumers[i] = pump.consume(b, {})
    end
    native.watch(function() return consumers[1]:count() > 100 end, "nothing came through")
    b:abort()
    local sent, got = 0, 0
    for i = 1, 2 do
        local s, r = native.finish(producers[i]), clean(native.finish(consumers[i]))
        eq(s.code, 2)
        eq(r.code, 2)
        sent, got = sent + s.count, got + r.count
    end
    b:abort(false)
    eq(b:msgcnt(), sent - got)
end)

---------------------------------------------------------------------------------- never waiting

-- A thread that sends and receives is stopped by a signal at so many moments, many of them inside
-- an operation, with a lock held. Then six calls are made that may not wait for it; an error is
-- raised if one does. Gives how often each code came of each call.
local function probe(options)
    local b = options.buffer or mtmsg.newbuffer(1000000)
    local thread = pump.exchange(b, {size = options.size or 8, timeout = 0})
    native.watch(function() return thread:count() > 0 end, "nothing came through")
    local codes = {thread:probe(options.rounds or 500, options.before)}
    thread:stop()
    eq(native.finish(thread).code, 0)
    return codes
end

local function never_waits(name, make_options)
    test("calls that may not wait never wait for a thread inside an operation: " .. name, function()
        local options = make_options()
        for _, codes in ipairs(probe(options)) do
            eq(codes[0] + codes[3], options.rounds or 500)
            assert(codes[0] > 0, "a call never succeeded")
        end
    end)
end

never_waits("small messages", function() return {} end)

never_waits("large messages", function() return {size = 60000, rounds = 200} end)

never_waits("a buffer of fixed size", function() return {buffer = mtmsg.newbuffer(10000, 0)} end)

never_waits("a listener's buffer", function()
    local listener = mtmsg.newlistener()
    return {listener = listener, buffer = listener:newbuffer(1000000)}
end)

never_waits("notifiers with thresholds", function()
    local b = mtmsg.newbuffer(1000000)
    b:notifier(notifiers.new(), ">", 1)
    b:notifier(notifiers.new(), "<", 1)
    return {buffer = b}
end)

test("code 3 of sending with nonblock, while another thread is inside an operation", function()
    local codes = probe {}
    assert(codes[1][3] > 0 and codes[3][3] > 0, "code 3 was never provoked")
end)

test("code 3 of putting with timeout 0, while another thread is inside an operation", function()
    local codes = probe {}
    assert(codes[5][3] > 0, "code 3 was never provoked")
end)

test("code 3 of receiving with nonblock or timeout 0, while another thread is inside an operation", function()
    local codes = probe {}
    assert(codes[2][3] > 0 and codes[4][3] > 0, "code 3 was never provoked")
end)

never_waits("a notifier that turns out to be closed", function()
    local b = mtmsg.newbuffer(1000000)
    return {
        buffer = b,
        before = function()
            for _, kind in ipairs {">", "<"} do
                b:notifier(nil, kind)
                b:notifier(notifiers.new {code = 1, here_only = true}, kind)
            end
        end,
    }
end)

test("who waits for room natively gets it when a message is taken, and learns of the end", function()
    local b = mtmsg.newbuffer{limit = 1}
    b:addmsg "0"
    local threads, got = {}, {}
    for i = 1, 5 do threads[i] = background.put(b, tostring(i)) end
    for i = 0, 5 do got[#got + 1] = b:nextmsg(native.limit) end
    table.sort(got)
    eq(table.concat(got), "012345")
    for i = 1, 5 do eq((native.finish(threads[i])), 0) end
    for _, ending in ipairs{"close", "finish", "abort"} do
        b = mtmsg.newbuffer{limit = 1}
        b:addmsg "0"
        for i = 1, 3 do threads[i] = background.put(b, "late") end
        b[ending](b)
        for i = 1, 3 do eq((native.finish(threads[i])), ending == "abort" and 2 or 1) end
    end
end)

native.run()
