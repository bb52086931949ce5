-- Notifiers that are disconnected, or whose buffer is closed, while they run in another thread. A
-- gate inside the notifier holds that thread where the test wants it.

local native = dofile "tests/native/lib/native.lua"
local background = require "background"
local mtmsg = require "mtmsg"
local notifiers = require "notifiers"
local old, test, eq = native.old, native.test, native.eq

-- Gives body a buffer with a gated notifier, in which a native thread is waiting. The gate is opened
-- in the end whatever happens, so that a failure is none of time. The thread must not be
-- reachable from here: body may want it to be collected.
local function gated_test(way, text, options, body)
    test(way.name .. ": " .. text, function()
        local b = mtmsg.newbuffer()
        options.gated = true
        local n = notifiers.new(options)
        local opener = n
        b:addmsg("first")
        b:notifier(n, way.kind)
        local function run()
            local buffer, notifier, thread = b, n, way.start(b)
            b, n = nil, nil
            assert(notifier:wait_entered(native.limit))
            return body(buffer, notifier, thread)
        end
        local ok, err = xpcall(run, debug.traceback)
        opener:open()
        if not ok then error(err, 0) end
    end)
end

local function sends(b) return background.send(b, "second") end
local function notifies(b) return background.notify(b) end
local function receives(b) return background.receive(b, false, 0) end

local sending = {name = "sending", kind = ">", start = sends}
local notifying = {name = "notifying", kind = ">", start = notifies}
local receiving = {name = "receiving", kind = "<", start = receives}

for _, way in ipairs {sending, notifying, receiving} do
    local kind = way.kind

    gated_test(way, "the buffer can be used while its notifier runs", {}, function(b, n, thread)
        -- the message was added, or taken, before the notifier was called
        eq(b:msgcnt(), kind == ">" and 2 or 0)
        b:clear()
        eq(b:msgcnt(), 0)
        native.raises(mtmsg.error.has_notifier, b.notifier, b, notifiers.new(), kind)
        eq(n:inside(), 1)
        n:open()
        eq(native.finish(thread), 0)
    end)

    gated_test(way, "a notifier can be disconnected while it runs", {}, function(b, n, thread)
        b:notifier(nil, kind) -- does not wait for it
        eq(n:inside(), 1)
        eq(n:connections() >= 1, true) -- the call has a reference
        local second = notifiers.new()
        b:notifier(second, kind)
        n:open()
        eq(native.finish(thread), 0)
        thread = nil
        native.collect()
        eq(n:connections(), 0)
        b:addmsg("m")
        b:nextmsg(0)
        eq(n:notified(), 1)
        eq(second:notified(), 1)
    end)

    gated_test(way, "code 1 of one that was replaced leaves the new one connected", {code = 1}, function(b, n, thread)
        b:notifier(nil, kind)
        local second = notifiers.new()
        b:notifier(second, kind)
        n:open()
        eq(native.finish(thread), 0)
        eq(second:connections(), 1)
    end)

    local failing = {code = 9, text = "too late"}
    gated_test(way, "the error of one that was disconnected is still reported", failing, function(b, n, thread)
        b:notifier(nil, kind)
        n:open()
        local code, text = native.finish(thread)
        eq(code, 999)
        eq(text, "Error while calling notifier: too late")
    end)

    gated_test(way, "the buffer can be closed while its notifier runs", {}, function(b, n, thread)
        b:close()
        n:open()
        local code, _, value = native.finish(thread)
        eq(code, 0) -- what the call was to do had been done
        eq(value, kind == "<" and "first" or nil)
        thread, b = nil, nil
        native.collect()
        eq(n:connections(), 0)
    end)

    gated_test(way, "the buffer can be aborted while its notifier runs", {}, function(b, n, thread)
        b:abort()
        n:open()
        eq(native.finish(thread), 0)
    end)

    gated_test(way, "Lua may drop the buffer while its notifier runs", {}, function(b, n, thread)
        b = nil
        native.collect()
        n:open()
        eq(native.finish(thread), 0)
        thread = nil
        native.collect()
        eq(n:connections(), 0)
    end)
end

gated_test(sending, "a notifier that runs in one thread is called in another one too", {}, function(b, n, first)
    local second = background.send(b, "third")
    native.watch(function() return n:inside() == 2 end, "the second thread never called the notifier")
    n:open()
    eq(native.finish(first), 0)
    eq(native.finish(second), 0)
    eq(n:notified(), 2)
    eq(b:msgcnt(), 3)
end)

gated_test(receiving, "a running notifier holds nobody up: others add, receive and notify", {}, function(b, n, thread)
    local other = notifiers.new()
    b:notifier(other, ">")
    for i = 1, 100 do
        b:addmsg(i)
        eq(old.notify(b), 0)
    end
    eq(other:notified(), 200)
    eq(b:msgcnt(), 200)
    n:open()
    eq(native.finish(thread), 0)
    eq(b:msgcnt(), 200)
end)

test("connecting and disconnecting while another thread sends loses no reference", function()
    local b = mtmsg.newbuffer()
    local pump = require "pump"
    local producer = pump.produce(b, {})
    local consumer = pump.consume(b, {timeout = 0.01})
    local all = {}
    for i = 1, 2000 do
        local n = notifiers.new {code = i % 3 == 0 and 1 or 0}
        local kind = i % 2 == 0 and ">" or "<"
        if not pcall(b.notifier, b, n, kind) then error("a place that was empty is taken") end
        all[#all + 1] = n
        b:notifier(nil, kind)
    end
    producer:stop()
    consumer:stop()
    eq(native.finish(producer).broken, 0)
    eq(native.finish(consumer).broken, 0)
    producer, consumer = nil, nil
    native.collect()
    for _, n in ipairs(all) do eq(n:connections(), 0) end
end)

test("a waiting receiver is woken before the notifier of the adding side has returned", function()
    local b = mtmsg.newbuffer()
    local n = notifiers.new {gated = true}
    b:notifier(n)
    local receiver = background.receive(b)
    local sender = background.send(b, "m")
    local code, _, value = native.finish(receiver) -- the notifier is still closed
    eq(code, 0)
    eq(value, "m")
    n:open()
    eq(native.finish(sender), 0)
end)

test("no notifier of these tests has leaked", function()
    native.collect()
    eq(notifiers.live(), 0)
end)

native.run()
