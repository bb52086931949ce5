-- Wills: a message that is added when the state of the thread closes, however the thread has ended, and before anything
-- else of that state is noticed elsewhere.

local mtmsg   = require("mtmsg")
local tap     = require("tap")
local threads = require("threads")

-- Starts body(buffer, ...) in a thread, and returns what waits for its end.
local function start(body, buffer, ...)
    return threads.start(body, buffer:id(), ...)
end

local function drained(buffer)
    local got = {}
    for _, a, b in buffer:messages(0) do got[#got + 1] = b == nil and a or { a, b } end
    return got
end

tap.test("it comes when the state closes, and not before", function()
    local results, gate = mtmsg.newbuffer(), mtmsg.newbuffer()
    local worker = start(function(id, gate_id)
        local mtmsg = require("mtmsg")
        local results = mtmsg.buffer(id)
        results:will("ended", 17)
        results:addmsg("begun")
        mtmsg.buffer(gate_id):nextmsg()
        results:addmsg("done")
    end, results, gate:id())
    tap.gives({ results:id(), "begun" }, results:getmsg())
    tap.gives({ nil, mtmsg.error.timeout, n = 2 }, results:getmsg(0))
    gate:addmsg()
    worker:join()
    tap.gives({ results:id(), "done" }, results:getmsg())
    tap.gives({ results:id(), "ended", 17 }, results:getmsg())
end)

tap.test("it comes when the thread ends by an error", function()
    local results = mtmsg.newbuffer()
    local worker = start(function(id)
        require("mtmsg").buffer(id):will("it failed", { 1, 2 })
        error("on purpose", 0)
    end, results)
    local ok = pcall(worker.join, worker)
    tap.is(ok, false)
    local _, text, list = results:getmsg()
    tap.is(text, "it failed")
    tap.is(#list, 2)
end)

tap.test("each call adds one, in their order, and each is withdrawn alone", function()
    local results = mtmsg.newbuffer()
    start(function(id)
        local results = require("mtmsg").buffer(id)
        local withdraw = {}
        for i = 1, 5 do withdraw[i] = results:will(i) end
        assert(withdraw[2]() == true)
        assert(withdraw[2]() == false)
        assert(withdraw[5]() == true)
        collectgarbage()
    end, results):join()
    tap.gives({ 1, 3, 4 }, (table.unpack or unpack)(drained(results)))
end)

tap.test("what was collected or released meanwhile gets it all the same", function()
    local results = mtmsg.newbuffer()
    start(function(id)
        local mtmsg = require("mtmsg")
        mtmsg.buffer(id):will("collected")
        collectgarbage()
        local results = mtmsg.buffer(id)
        results:will("released")
        results:release()
    end, results):join()
    tap.gives({ "collected", "released" }, (table.unpack or unpack)(drained(results)))
end)

tap.test("it comes before the references of the state go", function()
    for round = 1, 20 do
        local replies, order = mtmsg.newlistener(), mtmsg.newbuffer()
        local reply = replies:newbuffer()
        local gate = mtmsg.newbuffer()
        local worker = threads.start(function(order_id, reply_id, gate_id, round)
            local mtmsg = require("mtmsg")
            local before = {}
            for i = 1, round do before[i] = mtmsg.newbuffer() end
            mtmsg.buffer(order_id):will("will")
            local reply = mtmsg.buffer(reply_id) -- younger than the will
            for i = 1, round do before[-i] = mtmsg.newreader() end
            mtmsg.buffer(gate_id):addmsg()
            _G.kept = { before, reply }
        end, order:id(), reply:id(), gate:id(), round)
        gate:getmsg()
        reply:release()
        tap.gives({ nil, mtmsg.error.no_buffers, n = 2 }, replies:getmsg())
        tap.is(order:msgcnt(), 1, "wills when the references have gone")
        worker:join()
    end
end)

tap.test("it exceeds a bound, and is kept in an aborted buffer", function()
    for _, options in ipairs { { limit = 1 }, { maxbytes = 20 }, { size = 20, grow = 0 } } do
        local results = mtmsg.newbuffer(options)
        while results:addmsg("full") do end
        local count = results:msgcnt()
        start(function(id) require("mtmsg").buffer(id):will("a will that") end, results):join()
        tap.is(results:msgcnt(), count + 1)
        results:abort()
        start(function(id) require("mtmsg").buffer(id):will("kept") end, results):join()
        tap.is(results:msgcnt(), count + 2)
        results:abort(false)
        for _ = 1, count do results:nextmsg() end
        tap.is(results:addmsg("not yet"), false)
        tap.gives({ "a will that" }, results:nextmsg())
        tap.gives({ "kept" }, results:nextmsg())
        tap.is(results:addmsg("now"), true)
    end
end)

tap.test("a closed or finished buffer does not get it", function()
    for _, ending in ipairs { "finish", "close" } do
        local results, gate, made = mtmsg.newbuffer(), mtmsg.newbuffer(), mtmsg.newbuffer()
        local worker = start(function(id, gate_id, made_id)
            local mtmsg = require("mtmsg")
            mtmsg.buffer(id):will("too late", ("x"):rep(10000))
            mtmsg.buffer(made_id):addmsg()
            mtmsg.buffer(gate_id):getmsg()
        end, results, gate:id(), made:id())
        made:getmsg()
        results[ending](results)
        gate:addmsg()
        worker:join()
        tap.is(results:msgcnt(), 0)
    end
end)

tap.test("it may have an object among its values", function()
    local results = mtmsg.newbuffer()
    start(function(id)
        local mtmsg = require("mtmsg")
        local results, last, withdrawn = mtmsg.buffer(id), mtmsg.newbuffer(), mtmsg.newbuffer("withdrawn")
        last:addmsg("what was left")
        results:will("take this", { last })
        results:will(withdrawn)()
        withdrawn:release()
        assert(not pcall(mtmsg.buffer, "withdrawn"))
        mtmsg.newbuffer("closed"):close()
    end, results):join()
    local _, text, list = results:getmsg()
    tap.is(text, "take this")
    tap.gives({ list[1]:id(), "what was left" }, list[1]:getmsg())
    tap.is(list[1]:info().references, 1)
    tap.is(results:msgcnt(), 0)
end)

tap.test("it wakes who waits, and calls the notifier", function()
    local results, bell = mtmsg.newbuffer(), mtmsg.newbuffer()
    results:notifier(bell)
    local waiter = start(function(id)
        return select(2, require("mtmsg").buffer(id):getmsg())
    end, results)
    start(function(id) require("mtmsg").buffer(id):will("wake up") end, results):join()
    tap.is(waiter:join(), "wake up")
    tap.is(bell:msgcnt(), 1)
end)

tap.test("what can't be a message is refused when it is made", function()
    local small = mtmsg.newbuffer{ maxbytes = 4 }
    tap.raises("mtmsg.error.message_size: message size 9 exceeds limit of 4 bytes", small.will, small, "123456")
    local ok, err = pcall(small.will, small, io.stdout)
    tap.is(ok, false)
    tap.contains(err, "parameter type not supported")
    small:close()
    tap.raises("mtmsg.error.object_closed", small.will, small, 1)
    local finished = mtmsg.newbuffer()
    finished:finish()
    tap.raises("mtmsg.error.object_closed", finished.will, finished, 1)
end)

tap.done()
