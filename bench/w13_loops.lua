--[[ W13: event loops

A program that lives in luv's loop gets messages by the descriptor of a buffer (`mtmsg.luv`), by luv's async handle,
which threads of luv can be given and send to after each `addmsg`, or it asks from a timer every 10 ms. A round trip
goes from a thread to the loop and back; both sleep in between, so it is mostly what the system takes to wake a thread
twice, which the probe in C does by futexes. A single message costs two system calls more by its descriptor, one that
sets it and one that unsets it, and a stream next to none: its row is beside a thread that receives the same messages
without a loop.

The last rows are a client of a TCP server in luv, over the loopback: one that answers from the loop, and [the
example](../examples/echo/server.lua) that has the work done by four threads. What these add should be less than 0.2 ms.
]]

local found, uv = pcall(require, "luv")
if not found then
    print("# SKIP luv is not installed for this Lua")
    return
end
local duo = require "duo"
local measure = require "measure"
local messages = require "mtmsg.luv"
local mtmsg = require "mtmsg"
local rows = require "rows"

-- ---- there and back

-- Runs in a thread; reports the seconds that its round trips took, and ends when it is told to: it must not be joined
-- after the loop has learnt that it has ended.
local function there_and_back(to_id, from_id, n, async)
    local uv, mtmsg = require "luv", require "mtmsg"
    local to, from = mtmsg.buffer(to_id), mtmsg.buffer(from_id)
    local function send(what, value)
        to:addmsg(what, value)
        if async then async:send() end
    end
    local begin = uv.hrtime()
    for i = 1, n do
        send("there", i)
        from:nextmsg()
    end
    send("end", (uv.hrtime() - begin) * 1e-9)
    from:nextmsg()
end

-- wait(to, answer) has the loop call answer for each message, and returns what ends that, and an async handle if the
-- thread is to have one.
local function round_trip(wait)
    return function(n)
        local to, from, seconds = mtmsg.newbuffer(), mtmsg.newbuffer(), nil
        local stop, async, thread
        stop, async = wait(to, function(what, value)
            from:addmsg(value)
            if what == "there" then return end
            seconds = value
            thread:join()
            stop()
        end)
        thread = uv.new_thread(string.dump(there_and_back), to:id(), from:id(), n, async)
        uv.run()
        return seconds
    end
end

local function by_descriptor(to, answer)
    return messages.on(to, function(_, what, value) answer(what, value) end)
end

local function take_all(to, answer)
    for what, value in function() return to:nextmsg(0) end do answer(what, value) end
end

local function by_async(to, answer)
    local async
    async = uv.new_async(function() take_all(to, answer) end)
    return function() async:close() end, async
end

local function by_timer(to, answer)
    local timer = uv.new_timer()
    timer:start(0, 10, function() take_all(to, answer) end)
    return function() timer:close() end
end

-- Microseconds.
local function us(list) return measure.each(function(ns) return ns / 1e3 end, list) end

local s = measure.take {
    { "descriptor", round_trip(by_descriptor), 20 },
    { "async", round_trip(by_async), 20 },
    { "timer", round_trip(by_timer), 2 },
    { "asleep", function(n) return duo.pingpong(n, 0) end, 20 },
}
rows.row {
    name = "thread, loop and back, by the descriptor", unit = "us", figure = us(s.descriptor),
    probe = us(s.asleep), per = "the same in C, sleeping",
}
rows.row {
    name = "... by luv's async handle", unit = "us", figure = us(s.async),
    probe = us(s.asleep), per = "the same in C, sleeping",
}
rows.row {
    name = "... by a timer of 10 ms", unit = "us", figure = us(s.timer),
    probe = us(s.asleep), per = "the same in C, sleeping",
}

-- ---- a stream

local function pour(to_id, end_id, n)
    local mtmsg = require "mtmsg"
    local to, end_it = mtmsg.buffer(to_id), mtmsg.buffer(end_id)
    for i = 1, n do to:addmsg(i) end
    end_it:nextmsg()
end

-- receive(to, n, finish) calls finish when all are there.
local function stream(receive)
    return function(n)
        local to, end_it, seconds = mtmsg.newbuffer(), mtmsg.newbuffer(), nil
        local begin = uv.hrtime()
        local thread = uv.new_thread(string.dump(pour), to:id(), end_it:id(), n)
        receive(to, n, function()
            seconds = (uv.hrtime() - begin) * 1e-9
            end_it:addmsg(true)
            thread:join()
        end)
        uv.run()
        return seconds
    end
end

local function into_loop(to, n, finish)
    local stop
    stop = messages.on(to, function(_, i)
        if i < n then return end
        finish()
        stop()
    end)
end

local function into_thread(to, n, finish)
    for _ = 1, n do to:getmsg() end
    finish()
end

local t = measure.take({
    { "loop", stream(into_loop), 1000 },
    { "thread", stream(into_thread), 1000 },
}, { slice = 4 * measure.slice })
rows.row {
    name = "stream into a loop, per message", unit = "ns", figure = t.loop, probe = t.thread,
    per = "the same into a waiting thread",
}

-- ---- a server

local PLAIN = [[
    local uv = require "luv"
    local server = uv.new_tcp()
    server:bind("127.0.0.1", 0)
    server:listen(128, function()
        local client = uv.new_tcp()
        server:accept(client)
        client:read_start(function(_, text) if text then client:write(text) else client:close() end end)
    end)
    print("port " .. server:getsockname().port)
    io.stdout:flush()
    uv.run()
]]

-- Starts the script in a process of its own; returns a client that is connected, and what ends both.
local function connect_to(path)
    local output, port, process = uv.new_pipe(false), nil, nil
    process = assert(uv.spawn(uv.exepath(), { args = { path }, stdio = { nil, output, 2 } },
        function() process:close() end))
    output:read_start(function(_, text)
        port = tonumber(text:match "port (%d+)")
        output:close()
    end)
    while not port do uv.run "once" end
    local client, connected = uv.new_tcp(), false
    client:connect("127.0.0.1", port, function(err)
        assert(not err, err)
        client:nodelay(true)
        connected = true
    end)
    while not connected do uv.run "once" end
    return client, function()
        client:close()
        process:kill "sigkill"
    end
end

local function echo(client)
    return function(n)
        local begin, text = uv.hrtime(), ("x"):rep(64)
        client:read_start(function()
            n = n - 1
            if n > 0 then client:write(text) else client:read_stop() end
        end)
        client:write(text)
        while n > 0 do uv.run "once" end -- the process keeps the loop alive
        return (uv.hrtime() - begin) * 1e-9
    end
end

local path = os.tmpname()
local file = assert(io.open(path, "w"))
file:write(PLAIN)
file:close()
local plain, end_plain = connect_to(path)
local pool, end_pool = connect_to("examples/echo/server.lua")
local e = measure.take({ { "plain", echo(plain), 20 }, { "pool", echo(pool), 20 } }, { slice = 2 * measure.slice })
end_plain()
end_pool()
uv.run()
os.remove(path)
rows.row {
    name = "a TCP server's answer, by four threads", unit = "us", figure = us(e.pool), probe = us(e.plain),
    per = "the same from the loop",
}
rows.row {
    name = "... what the threads add", unit = "us", most = 200,
    figure = measure.each(function(pool_ns, plain_ns) return (pool_ns - plain_ns) / 1e3 end, e.pool, e.plain),
}
