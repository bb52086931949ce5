-- A notifier that wakes the event loop of luv through uv_async: another thread adds, and a Lua
-- callback runs in the loop. The notifier is the one of the example.

require "tap".needs "luv"
local native = dofile "tests/native/lib/native.lua"
local uv = require "luv"
local mtmsg = require "mtmsg"
local pump = require "pump"
local uv_notifier = require "uv_notifier"
local old, test, eq = native.old, native.test, native.eq

-- Runs the loop until on_wake returns true; b's messages wake it. start is called in the loop.
local function run_loop(b, start, on_wake)
    local async, notifier
    async = uv.new_async(function()
        if on_wake() then
            b:notifier(nil)
            notifier:close()
            async:close()
        end
    end)
    notifier = uv_notifier.new(async)
    b:notifier(notifier)
    local starter = uv.new_timer()
    starter:start(1, 0, function()
        starter:close()
        start()
    end)
    uv.run()
end

test("a message of a native thread runs a callback in the loop", function()
    local b = mtmsg.newbuffer()
    local producer, got
    local main = coroutine.running()
    run_loop(b, function()
        producer = pump.produce(b, {count = 1, id = 5})
    end, function()
        got = b:nextmsg(0)
        return true
    end)
    eq(got, 5)
    eq(coroutine.running(), main)
    eq(native.finish(producer).code, 0)
end)

test("all messages of native threads come through, some with one wake-up", function()
    local b = mtmsg.newbuffer()
    local count, got, last = 5000, 0, {0, 0, 0}
    local producers = {}
    run_loop(b, function()
        for i = 1, 3 do producers[i] = pump.produce(b, {count = count, id = i}) end
    end, function()
        for id, number in function() return b:nextmsg(0) end do
            assert(number == last[id] + 1)
            last[id] = number
            got = got + 1
        end
        return got == 3 * count
    end)
    eq(got, 3 * count)
    for i = 1, 3 do eq(native.finish(producers[i]).code, 0) end
end)

test("a message of a luv thread, with a Lua state of its own, wakes the loop", function()
    local b = mtmsg.newbuffer()
    local thread, got
    run_loop(b, function()
        thread = uv.new_thread(function(id) require "mtmsg".buffer(id):addmsg("from a thread") end, b:id())
    end, function()
        got = got or b:nextmsg(0)
        return got
    end)
    require "luv_join"(thread)
    eq(got, "from a thread")
end)

test("the loop goes on with its other work meanwhile", function()
    local b = mtmsg.newbuffer()
    local ticks, timer, producer = 0, uv.new_timer(), nil
    run_loop(b, function()
        timer:start(0, 1, function()
            ticks = ticks + 1
            if ticks == 5 then producer = pump.produce(b, {count = 1}) end
        end)
    end, function()
        timer:close()
        return true
    end)
    assert(ticks >= 5)
    eq(native.finish(producer).code, 0)
end)

test("a closed notifier is dropped by the buffer, while threads go on adding", function()
    local b = mtmsg.newbuffer()
    local async = uv.new_async(function() end)
    local notifier = uv_notifier.new(async)
    b:notifier(notifier)
    local producer = pump.produce(b, {})
    native.watch(function() return producer:count() > 100 end, "nothing was added")
    notifier:close()
    notifier:close() -- once more does nothing
    async:close()
    uv.run()
    local before = producer:count()
    native.watch(function() return producer:count() > before end, "the producer stopped")
    producer:stop()
    eq(native.finish(producer).code, 0)
    b:notifier(mtmsg.newbuffer()) -- the place is free
end)

test("a notifier that was collected by Lua is dropped too", function()
    local b = mtmsg.newbuffer()
    local async = uv.new_async(function() end)
    b:notifier(uv_notifier.new(async))
    native.collect()
    eq(old.notify(b), 0)
    eq(b:addmsg("m"), true)
    b:notifier(mtmsg.newbuffer())
    async:close()
    uv.run()
end)

test("other things than an async make no notifier", function()
    for _, value in ipairs {1, "x", {}, io.stdout, mtmsg.newbuffer()} do
        assert(not pcall(uv_notifier.new, value))
    end
end)

native.run()
