-- mtmsg.luv with the luv that is installed: coroutines that wait for messages, and callbacks, while the loop goes on
-- with its other work, and ends when nobody waits any more.

local tap = require "tap"
tap.needs "luv"
local uv = require "luv"
local mtmsg = require "mtmsg"
local messages = require "mtmsg.luv"
local join = require "luv_join"
local unpack = table.unpack or unpack
local pack = table.pack or function(...) return { n = select("#", ...), ... } end

local function later(ms, f, ...)
    local arguments, timer = { ... }, uv.new_timer()
    timer:start(ms, 0, function()
        timer:close()
        f(unpack(arguments))
    end)
end

-- Runs f as a coroutine, and the loop until nothing is left in it; returns what f returned.
local function run(f)
    local results
    local thread = coroutine.create(function() results = pack(f()) end)
    local ok, err = coroutine.resume(thread)
    if not ok then error(err, 0) end
    uv.run()
    tap.ok(results, "the loop has ended, and the coroutine has not")
    return unpack(results, 1, results.n)
end

local function adder(id, count)
    local buffer = require "mtmsg".buffer(id)
    for i = 1, count do buffer:addmsg("thread", i) end
end

local function start(body, ...) return uv.new_thread(string.dump(body), ...) end

tap.test("a message that is there is returned at once, with the id and all values", function()
    local buffer = mtmsg.newbuffer()
    buffer:addmsg("a", nil, 3)
    tap.gives({ buffer:id(), "a", nil, 3 }, run(function() return messages.getmsg(buffer) end))
end)

tap.test("a message of a thread resumes the coroutine", function()
    local buffer, thread = mtmsg.newbuffer(), nil
    tap.gives({ buffer:id(), "thread", 1 }, run(function()
        thread = start(adder, buffer:id(), 1)
        return messages.getmsg(buffer)
    end))
    join(thread)
end)

tap.test("messages come in order, one for each call, also through a listener", function()
    local listener = mtmsg.newlistener()
    local buffers, threads, last, got = {}, {}, {}, 0
    for i = 1, 3 do
        buffers[i] = listener:newbuffer()
        last[buffers[i]:id()] = 0
    end
    run(function()
        for i = 1, 3 do threads[i] = start(adder, buffers[i]:id(), 1000) end
        while got < 3000 do
            local id, word, number = messages.getmsg(listener)
            tap.is(word, "thread")
            tap.is(number, last[id] + 1)
            last[id], got = number, got + 1
        end
    end)
    for _, thread in ipairs(threads) do join(thread) end
    tap.gives({ nil, mtmsg.error.timeout }, listener:getmsg(0))
end)

tap.test("who comes first is served first", function()
    local buffer, order = mtmsg.newbuffer(), {}
    for i = 1, 3 do
        coroutine.wrap(function() order[i] = select(2, messages.getmsg(buffer)) end)()
    end
    later(1, buffer.addmsg, buffer, "a")
    later(5, function() buffer:addmsg("b") buffer:addmsg("c") end)
    uv.run()
    tap.is(table.concat(order), "abc")
end)

local function polls()
    local handles = 0
    uv.walk(function(handle) if handle:get_type() == "poll" then handles = handles + 1 end end)
    return handles
end

tap.test("reference objects of one buffer have a poll handle each, and share their turns", function()
    local one = mtmsg.newbuffer()
    local other, got = mtmsg.buffer(one:id()), {}
    for i, reference in ipairs { one, other, one, other } do
        coroutine.wrap(function()
            local _, value = messages.getmsg(reference)
            got[i] = value
        end)()
    end
    tap.is(polls(), 2)
    later(1, function() for i = 1, 4 do other:addmsg(i) end end)
    uv.run()
    tap.is(table.concat(got, " "), "1 2 3 4")
    tap.is(polls(), 0)
end)

tap.test("a reference object that nobody waits with any more may be released", function()
    local one = mtmsg.newbuffer()
    local other, told = mtmsg.buffer(one:id()), nil
    coroutine.wrap(function()
        told = { messages.getmsg(one, 0.001) }
        one:release()
        mtmsg.newbuffer():pollfd() -- the next one of that number
        later(1, other.addmsg, other, "a message")
    end)()
    tap.gives({ other:id(), "a message" }, run(function() return messages.getmsg(other, 5) end))
    tap.gives({ nil, mtmsg.error.timeout }, told[1], told[2])
end)

-- A coroutine that waits for a message, and is ended by somebody else.
local function ended(buffer, timeout)
    local thread = coroutine.create(function() messages.getmsg(buffer, timeout) end)
    coroutine.resume(thread)
    if coroutine.close then coroutine.close(thread) else coroutine.resume(thread, false, "its end") end
    tap.is(coroutine.status(thread), "dead")
end

tap.test("a coroutine that is dead takes no message", function()
    local buffer = mtmsg.newbuffer()
    ended(buffer)
    ended(buffer, 0.001)
    later(3, buffer.addmsg, buffer, "a message")
    tap.gives({ buffer:id(), "a message" }, run(function() return messages.getmsg(buffer) end))
    ended(buffer)
    ended(buffer, 0.001)
    buffer:addmsg("another one")
    later(3, function() end)
    uv.run()
    tap.gives({ buffer:id(), "another one" }, buffer:getmsg(0))
    tap.is(polls(), 0)
end)

tap.test("who is resumed by somebody else waits no more", function()
    local buffer = mtmsg.newbuffer { limit = 1 }
    local thread = coroutine.create(function() messages.getmsg(buffer, 1) end)
    coroutine.resume(thread)
    local ok, err = coroutine.resume(thread, true, buffer:id(), "no message")
    tap.is(ok, false)
    tap.contains(err, "somebody else has resumed")
    uv.run()
    buffer:addmsg("a message")
    local added
    thread = coroutine.create(function()
        added = messages.putmsg(buffer, "the next one")
        coroutine.yield("added")
        error "resumed once too often"
    end)
    coroutine.resume(thread)
    tap.gives({ buffer:id(), "a message" }, buffer:getmsg(0))
    tap.gives({ true, "added" }, coroutine.resume(thread))
    tap.is(added, true)
    uv.run()
    tap.is(coroutine.status(thread), "suspended")
end)

tap.test("who gives up does not overtake those who came first", function()
    local buffer, first, second = mtmsg.newbuffer(), nil, nil
    coroutine.wrap(function() first = { messages.getmsg(buffer) } end)()
    coroutine.wrap(function() second = { messages.getmsg(buffer, 0.002) } end)()
    later(1, function()
        local begin = uv.hrtime()
        repeat until uv.hrtime() - begin > 10e6
        buffer:addmsg("a message")
    end)
    uv.run()
    tap.gives({ buffer:id(), "a message" }, first[1], first[2])
    tap.gives({ nil, mtmsg.error.timeout }, second[1], second[2])
end)

-- A descriptor that can't be polled any more is played by a luv whose poll handles say so.
tap.test("who waits learns that its descriptor cannot be polled", function()
    local fail
    local function new_poll(descriptor)
        local handle = uv.new_poll(descriptor)
        return {
            start = function(_, what, callback)
                fail = function() callback("EBADF") end
                handle:start(what, callback)
            end,
            close = function() handle:close() end,
        }
    end
    package.loaded.luv = setmetatable({ new_poll = new_poll, new_socket_poll = new_poll }, { __index = uv })
    package.loaded["mtmsg.luv"] = nil
    local others = require "mtmsg.luv"
    package.loaded.luv, package.loaded["mtmsg.luv"] = uv, messages
    local buffer, waiting, told, failure = mtmsg.newbuffer(), {}, nil, nil
    for i = 1, 2 do
        waiting[i] = coroutine.create(function() others.getmsg(buffer) end)
        coroutine.resume(waiting[i])
    end
    others.on(buffer, function(id, why) told = { id, why } end)
    later(1, function() failure = { pcall(fail) } end)
    uv.run()
    tap.is(failure[1], false)
    tap.contains(failure[2], "EBADF")
    for i = 1, 2 do tap.is(coroutine.status(waiting[i]), "dead") end
    tap.is(told[1], nil)
    tap.contains(told[2], "EBADF")
    coroutine.wrap(function() told = { others.getmsg(buffer) } end)()
    later(1, buffer.addmsg, buffer, "a message")
    uv.run()
    tap.is(told[2], "a message")
end)

tap.test("a timeout is told, not early, and the loop ends", function()
    local buffer = mtmsg.newbuffer()
    local begin = uv.hrtime()
    tap.gives({ nil, mtmsg.error.timeout }, run(function() return messages.getmsg(buffer, 0.05) end))
    tap.ok(uv.hrtime() - begin >= 49e6, "too early")
    tap.gives({ nil, mtmsg.error.timeout }, run(function() return messages.getmsg(buffer, 0) end))
    tap.gives({ nil, mtmsg.error.timeout }, run(function() return messages.getmsg(buffer, -1) end))
end)

tap.test("a message in time leaves no timer behind", function()
    local buffer = mtmsg.newbuffer()
    later(1, buffer.addmsg, buffer, "in time")
    tap.gives({ buffer:id(), "in time" }, run(function() return messages.getmsg(buffer, 3600) end))
    later(1, buffer.addmsg, buffer, "in time")
    tap.gives({ buffer:id(), "in time" }, run(function() return messages.getmsg(buffer, math.huge) end))
end)

local ends = {
    { "closed", mtmsg.error.object_closed, function(buffer) buffer:close() end },
    { "finished", mtmsg.error.object_closed, function(buffer) buffer:finish() end },
    { "aborted", mtmsg.error.operation_aborted, function(buffer) buffer:abort() end },
}
for _, one in ipairs(ends) do
    local how, expected, end_it = unpack(one)
    tap.test("all who wait learn that it was " .. how .. ", and so does who comes later", function()
        local buffer, told = mtmsg.newbuffer(), {}
        for i = 1, 2 do
            coroutine.wrap(function() told[i] = { messages.getmsg(buffer) } end)()
        end
        later(1, end_it, buffer)
        uv.run()
        for i = 1, 2 do tap.gives({ nil, expected }, told[i][1], told[i][2]) end
        tap.gives({ nil, expected }, run(function() return messages.getmsg(buffer) end))
        tap.gives({ nil, expected }, run(function() return messages.putmsg(buffer, 1) end))
        local calls = {}
        messages.on(buffer, function(id, why) calls[#calls + 1] = { id, why } end)
        uv.run()
        tap.is(#calls, 1)
        tap.gives({ nil, expected }, calls[1][1], calls[1][2])
    end)
end

tap.test("what is in a finished buffer is delivered first", function()
    local buffer, got = mtmsg.newbuffer(), {}
    messages.on(buffer, function(id, value) got[#got + 1] = id and value or "end" end)
    later(1, function() buffer:addmsg("a") buffer:addmsg("b") buffer:finish() end)
    uv.run()
    tap.is(table.concat(got, " "), "a b end")
end)

tap.test("a listener without buffers has ended", function()
    local listener = mtmsg.newlistener()
    local buffer = listener:newbuffer()
    later(1, function() buffer:addmsg("last") buffer = nil collectgarbage() collectgarbage() end)
    run(function()
        tap.is(select(2, messages.getmsg(listener)), "last")
        tap.gives({ nil, mtmsg.error.no_buffers }, messages.getmsg(listener))
    end)
end)

tap.test("on calls back for each message until it is stopped", function()
    local buffer, sum, stop = mtmsg.newbuffer(), 0, nil
    local thread = start(adder, buffer:id(), 500)
    stop = messages.on(buffer, function(id, word, number)
        tap.is(id, buffer:id())
        tap.is(word, "thread")
        sum = sum + number
        if number == 500 then stop() end
    end)
    uv.run()
    join(thread)
    tap.is(sum, 500 * 501 / 2)
    buffer:addmsg("nobody takes this")
    stop()
    uv.run()
    tap.is(buffer:msgcnt(), 1)
end)

tap.test("a stream does not keep the loop's other handles from their turns", function()
    local buffer, ticks, left, stop = mtmsg.newbuffer(), 0, 5000, nil
    local idle = uv.new_idle()
    idle:start(function() ticks = ticks + 1 end)
    for i = 1, left do buffer:addmsg(i) end
    stop = messages.on(buffer, function()
        left = left - 1
        if left == 0 then
            stop()
            idle:close()
        end
    end)
    uv.run()
    tap.ok(ticks >= 20, ticks .. " turns of the loop")
end)

tap.test("putmsg waits for room", function()
    local buffer, taken = mtmsg.newbuffer { limit = 2 }, {}
    local function take()
        taken[#taken + 1] = select(2, buffer:getmsg(0))
        if #taken < 5 then later(3, take) end
    end
    later(3, take)
    run(function()
        for i = 1, 5 do tap.gives({ true }, messages.putmsg(buffer, i)) end
    end)
    tap.is(table.concat(taken, " "), "1 2 3 4 5")
    run(function() return messages.putmsg(buffer, 1) end)
    run(function() return messages.putmsg(buffer, 2) end)
    later(3, buffer.close, buffer)
    tap.gives({ nil, mtmsg.error.object_closed }, run(function() return messages.putmsg(buffer, 3) end))
end)

tap.test("wrong arguments are errors, and nothing is left of them", function()
    local buffer = mtmsg.newbuffer()
    tap.raises("mtmsg.luv: getmsg suspends the running coroutine, and there is none", function()
        local _, err = pcall(messages.getmsg, buffer)
        error(tostring(err):gsub("^[^ ]*%d: ", ""), 0)
    end)
    local function error_in(f, ...)
        local ok, err = coroutine.resume(coroutine.create(f), ...)
        tap.ok(not ok, "no error")
        return err
    end
    tap.contains(error_in(messages.getmsg, buffer, "1"), "timeout seconds expected")
    tap.contains(error_in(messages.getmsg, buffer, 0 / 0), "timeout seconds expected")
    local source, number = "mtmsg.buffer or mtmsg.listener expected, got ", buffer:id()
    buffer:addmsg("it stays")
    for _, wrong in ipairs {
        { "#1 to 'getmsg' (" .. source .. "table)", messages.getmsg, {} },
        { "#1 to 'getmsg' (" .. source .. "nil)", messages.getmsg, nil, 1 },
        { "#1 to 'on' (" .. source .. "number)", messages.on, number, print },
        { "#1 to 'on' (" .. source .. "mtmsg.topic)", messages.on, mtmsg.newtopic(), print },
        { "#2 to 'on' (function expected, got nil)", messages.on, buffer },
        { "#2 to 'on' (function expected, got table)", messages.on, buffer, {} },
        { "#1 to 'putmsg' (mtmsg.buffer expected, got mtmsg.topic)", messages.putmsg, mtmsg.newtopic(), 1 },
        { "#1 to 'putmsg' (mtmsg.buffer expected, got nil)", messages.putmsg, nil, 1 },
    } do
        local err = error_in(function() wrong[2](wrong[3], wrong[4]) end)
        tap.contains(err, "luv.lua:")
        tap.contains(err, ": bad argument " .. wrong[1])
        tap.ok(not err:find("mtmsg/", 1, true), "the place is the caller's: " .. err)
    end
    tap.is(buffer:nextmsg(0), "it stays")
    messages.on(buffer, setmetatable({}, { __call = function() end }))()
    tap.ok(error_in(messages.putmsg, buffer, coroutine.create(tap.ok)))
    uv.run()
end)

-- It calls back in the coroutine that has loaded it: nothing would arrive there.
tap.test("a coroutine that would load luv is told", function()
    local function load_in_coroutine()
        package.loaded["mtmsg.luv"] = nil
        local results = pack(coroutine.wrap(function() return pcall(require, "mtmsg.luv") end)())
        package.loaded.luv = uv
        return unpack(results, 1, 2)
    end
    for _ = 1, 2 do
        package.loaded.luv = nil
        local ok, err = load_in_coroutine()
        tap.is(ok, false)
        tap.contains(err, 'require "luv" before')
    end
    tap.is(load_in_coroutine(), true)
    package.loaded["mtmsg.luv"] = messages
end)

-- What a program prints that may end by an error.
local function output_of(program)
    local path = os.tmpname()
    local file = assert(io.open(path, "w"))
    file:write(program)
    file:close()
    local pipe = assert(io.popen((os.getenv "MTMSG_LUA" or os.getenv "lua" or arg[-1]) .. " " .. path .. " 2>&1"))
    local got = pipe:read "*a"
    pipe:close()
    os.remove(path)
    return got
end

tap.test("an error in a coroutine comes out of the loop, with its traceback, and others go on", function()
    local got = output_of [[
        local uv, mtmsg, messages = require "luv", require "mtmsg", require "mtmsg.luv"
        local buffer = mtmsg.newbuffer()
        coroutine.wrap(function() messages.getmsg(buffer) error "in the coroutine" end)()
        local timer = uv.new_timer()
        timer:start(1, 0, function() timer:close() buffer:addmsg(1) end)
        uv.run()
        io.stderr:write "the loop has ended\n"
    ]]
    tap.contains(got, "in the coroutine")
    tap.contains(got, "stack traceback")
end)

tap.test("a coroutine that has loaded luv itself is told when it waits", function()
    tap.contains(output_of [[
        local buffer, uv = require "mtmsg".newbuffer(), nil
        coroutine.wrap(function()
            uv = require "luv"
            local timer = uv.new_timer()
            timer:start(1, 0, function() timer:close() buffer:addmsg(1) end)
            require "mtmsg.luv".getmsg(buffer, 1)
        end)()
        uv.run()
    ]], 'require "luv" before')
end)

tap.test("a loop in a thread of its own receives, too", function()
    local jobs, answers = mtmsg.newbuffer(), mtmsg.newbuffer()
    local thread = start(function(jobs_id, answers_id)
        local loop, mtmsg, messages = require "luv", require "mtmsg", require "mtmsg.luv"
        local jobs, answers = mtmsg.buffer(jobs_id), mtmsg.buffer(answers_id)
        messages.on(jobs, function(id, n) answers:addmsg(id and n * 2 or "end") end)
        loop.run()
    end, jobs:id(), answers:id())
    local got = {}
    run(function()
        for i = 1, 3 do
            jobs:addmsg(i)
            got[i] = select(2, messages.getmsg(answers))
        end
        jobs:finish()
        got[4] = select(2, messages.getmsg(answers))
    end)
    join(thread)
    for i = 1, 3 do tap.is(got[i], 2 * i) end
    tap.is(got[4], "end")
end)

tap.test("objects come and go while the loop runs", function()
    run(function()
        for i = 1, 300 do
            local buffer = mtmsg.newbuffer()
            later(0, buffer.addmsg, buffer, i)
            tap.is(select(2, messages.getmsg(buffer)), i)
            buffer = nil
            if i % 10 == 0 then collectgarbage() end
        end
    end)
end)

tap.done()
