-- mtmsg.socket with the luasocket that is installed, by its select, and with copas where there is one for this Lua.

local tap = require "tap"
tap.needs "socket"
local socket -- after copas
local has_copas, copas = pcall(require, "copas")
socket = require "socket"
local mtmsg = require "mtmsg"
local wrap = require "mtmsg.socket".wrap
local threads = require "threads"

tap.test("select waits for buffers and listeners beside sockets", function()
    local listener = mtmsg.newlistener()
    local buffer, other = listener:newbuffer(), mtmsg.newbuffer()
    local one, all = wrap(other), wrap(listener)
    local server = assert(socket.bind("127.0.0.1", 0))
    local readable, _, err = socket.select({ one, all, server }, nil, 0.01)
    tap.is(#readable, 0)
    tap.is(err, "timeout")
    buffer:addmsg("a")
    readable = socket.select({ one, all, server }, nil, 10)
    tap.is(#readable, 1)
    tap.is(readable[1], all)
    tap.is(readable[1].source, listener)
    tap.is(listener:nextmsg(0), "a")
    tap.is(listener:nextmsg(0), nil)
    other:close()
    readable = socket.select({ one, all, server }, nil, 10)
    tap.is(readable[1], one)
    server:close()
end)

tap.test("a message of a thread ends select", function()
    local buffer = mtmsg.newbuffer()
    local wrapped = wrap(buffer)
    local thread = threads.start(function(id) require "mtmsg".buffer(id):addmsg("thread") end, buffer:id())
    tap.is(socket.select({ wrapped }, nil, nil)[1], wrapped)
    tap.is(buffer:nextmsg(0), "thread")
    thread:join()
end)

tap.test("receive never waits", function()
    local buffer = mtmsg.newbuffer()
    local wrapped = wrap(buffer)
    tap.gives({ nil, "timeout" }, wrapped:receive())
    buffer:addmsg("a", nil, 3)
    local message = wrapped:receive()
    tap.is(message.n, 4)
    tap.gives({ buffer:id(), "a", nil, 3 }, message[1], message[2], message[3], message[4])
    buffer:finish()
    tap.gives({ nil, mtmsg.error.object_closed }, wrapped:receive())
    local topic = mtmsg.newtopic()
    for what, wrong in pairs { table = {}, number = buffer:id(), ["mtmsg.topic"] = topic } do
        local _, err = pcall(function() wrap(wrong) end)
        tap.contains(err, ": bad argument #1 to 'wrap' (mtmsg.buffer or mtmsg.listener expected, got " .. what .. ")")
    end
    tap.ok(not pcall(wrap, nil))
end)

if has_copas then
    -- Until all coroutines have ended. (An error in one would end the test: copas only prints it.)
    local function run(...)
        local left = select("#", ...)
        for _, f in ipairs { ... } do
            copas.addthread(function()
                f()
                left = left - 1
            end)
        end
        while left > 0 do copas.step(1) end
    end

    tap.test("a coroutine of copas waits for messages of a thread, and others run", function()
        local buffer, got, ticks = mtmsg.newbuffer(), {}, 0
        local wrapped, thread = wrap(buffer), nil
        local other = mtmsg.newbuffer()
        local ticker = wrap(other)
        run(function()
            thread = threads.start(function(id)
                local buffer = require "mtmsg".buffer(id)
                for i = 1, 100 do buffer:addmsg("thread", i) end
            end, buffer:id())
            for i = 1, 100 do
                local id, _, number = wrapped:getmsg()
                got[i] = id == buffer:id() and number
            end
        end, function()
            for _ = 1, 5 do
                other:addmsg("tick")
                if select(2, ticker:getmsg()) == "tick" then ticks = ticks + 1 end
            end
        end)
        for i = 1, 100 do tap.is(got[i], i) end
        tap.is(ticks, 5)
        thread:join()
    end)

    tap.test("what copas closes at the end of a coroutine is not the buffer", function()
        local buffer = mtmsg.newbuffer()
        local wrapped = wrap(buffer)
        local thread
        run(function()
            thread = threads.start(function(id) require "mtmsg".buffer(id):addmsg(1) end, buffer:id())
            wrapped:getmsg()
        end)
        thread:join()
        tap.is(buffer:addmsg("open"), true)
    end)

    tap.test("a coroutine of copas learns of the end", function()
        local buffer, told = mtmsg.newbuffer(), nil
        local wrapped = wrap(buffer)
        local thread
        run(function()
            thread = threads.start(function(id) require "mtmsg".buffer(id):close() end, buffer:id())
            told = { wrapped:getmsg() }
        end)
        thread:join()
        tap.gives({ nil, mtmsg.error.object_closed }, told[1], told[2])
    end)
else
    tap.skip("copas", "copas is not installed for this Lua")
end

tap.done()
