-- mtmsg.cqueues with the cqueues that is installed, and cqueues alone, which polls buffers and listeners as they are.

local tap = require "tap"
tap.needs "cqueues"
local cqueues = require "cqueues"
local cqueues_thread = require "cqueues.thread"
local mtmsg = require "mtmsg"
local messages = require "mtmsg.cqueues"
local unpack = table.unpack or unpack
local pack = table.pack or function(...) return { n = select("#", ...), ... } end

-- Runs the functions as coroutines of one loop, until all have returned; returns what the first one returned.
local function run(f, ...)
    local loop, results = cqueues.new(), nil
    loop:wrap(function() results = pack(f()) end)
    for _, other in ipairs { ... } do loop:wrap(other) end
    local ok, err = loop:loop()
    if not ok then error(err, 0) end
    return unpack(results, 1, results.n)
end

local function add_in_thread(buffer, count)
    return assert(cqueues_thread.start(function(_, id, n)
        local buffer = require "mtmsg".buffer(tonumber(id))
        for i = 1, tonumber(n) do buffer:addmsg("thread", i) end
    end, buffer:id(), count))
end

tap.test("cqueues polls buffers and listeners as they are", function()
    local listener = mtmsg.newlistener()
    local buffer = listener:newbuffer()
    run(function()
        tap.is(cqueues.poll(buffer, 0.01), 0.01)
        tap.is(cqueues.poll(listener, 0.01), 0.01)
        buffer:addmsg(1)
        tap.is(cqueues.poll(buffer, 10), buffer)
        tap.is(cqueues.poll(listener, 10), listener)
        tap.is(listener:nextmsg(0), 1)
        tap.is(listener:nextmsg(0), nil)
        tap.is(buffer:nextmsg(0), nil)
        tap.is(cqueues.poll(buffer, listener, 0.01), 0.01)
        buffer:close()
        tap.is(cqueues.poll(buffer, 10), buffer)
    end)
end)

tap.test("a message is returned with the id and all values", function()
    local buffer = mtmsg.newbuffer()
    buffer:addmsg("a", nil, 3)
    tap.gives({ buffer:id(), "a", nil, 3 }, run(function() return messages.getmsg(buffer) end))
end)

tap.test("messages of threads resume the coroutine, in order", function()
    local listener = mtmsg.newlistener()
    local buffers, threads, last, got = {}, {}, {}, 0
    for i = 1, 3 do
        buffers[i] = listener:newbuffer()
        last[buffers[i]:id()] = 0
    end
    run(function()
        for i = 1, 3 do threads[i] = add_in_thread(buffers[i], 1000) end
        while got < 3000 do
            local id, word, number = messages.getmsg(listener)
            tap.is(word, "thread")
            tap.is(number, last[id] + 1)
            last[id], got = number, got + 1
        end
    end)
    for _, thread in ipairs(threads) do thread:join() end
end)

tap.test("other coroutines run while one waits, and each message reaches one", function()
    local buffer, got, ticks = mtmsg.newbuffer(), {}, 0
    local function take()
        local _, value = messages.getmsg(buffer)
        got[#got + 1] = value
    end
    run(take, take, function()
        for _ = 1, 5 do
            cqueues.sleep(0.002)
            ticks = ticks + 1
        end
        buffer:addmsg(1)
        cqueues.sleep(0.002)
        buffer:addmsg(2)
    end)
    tap.is(ticks, 5)
    table.sort(got)
    tap.is(table.concat(got, " "), "1 2")
end)

tap.test("a timeout is told, and not early", function()
    local buffer = mtmsg.newbuffer()
    local begin = cqueues.monotime()
    tap.gives({ nil, mtmsg.error.timeout }, run(function() return messages.getmsg(buffer, 0.05) end))
    tap.ok(cqueues.monotime() - begin >= 0.05, "too early")
    tap.gives({ nil, mtmsg.error.timeout }, run(function() return messages.getmsg(buffer, 0) end))
    run(function() tap.raises("", messages.getmsg, buffer, "1") end)
end)

for how, expected in pairs { close = "object_closed", finish = "object_closed", abort = "operation_aborted" } do
    tap.test("who waits learns of " .. how, function()
        local buffer = mtmsg.newbuffer()
        tap.gives({ nil, mtmsg.error[expected] }, run(function() return messages.getmsg(buffer) end, function()
            cqueues.sleep(0.002)
            buffer[how](buffer)
        end))
        tap.gives({ nil, mtmsg.error[expected] }, run(function() return messages.putmsg(buffer, 1) end))
    end)
end

tap.test("a listener without buffers has ended", function()
    local listener = mtmsg.newlistener()
    local buffer = listener:newbuffer()
    tap.gives({ nil, mtmsg.error.no_buffers }, run(function() return messages.getmsg(listener) end, function()
        cqueues.sleep(0.002)
        buffer = nil
        collectgarbage()
        collectgarbage()
    end))
end)

tap.test("putmsg waits for room", function()
    local buffer, taken = mtmsg.newbuffer { limit = 2 }, {}
    run(function()
        for i = 1, 5 do tap.gives({ true }, messages.putmsg(buffer, i)) end
    end, function()
        for i = 1, 5 do
            cqueues.sleep(0.003)
            taken[i] = select(2, messages.getmsg(buffer))
        end
    end)
    tap.is(table.concat(taken, " "), "1 2 3 4 5")
end)

tap.test("wrong arguments are told", function()
    for expected, wrong in pairs {
        ["#1 to 'getmsg' (mtmsg.buffer or mtmsg.listener expected, got nil)"] = function() messages.getmsg(nil) end,
        ["#1 to 'getmsg' (mtmsg.buffer or mtmsg.listener expected, got mtmsg.topic)"] = function()
            messages.getmsg(mtmsg.newtopic())
        end,
        ["#1 to 'putmsg' (mtmsg.buffer expected, got mtmsg.listener)"] = function()
            messages.putmsg(mtmsg.newlistener(), 1)
        end,
    } do
        local _, err = pcall(wrong)
        tap.contains(err, "cqueues.lua:")
        tap.contains(err, ": bad argument " .. expected)
    end
end)

-- The system gives the number of a descriptor that was closed to the next one.
tap.test("objects come and go while the loop runs", function()
    run(function()
        for i = 1, 300 do
            local buffer = mtmsg.newbuffer()
            cqueues.poll(buffer, 0)
            local thread = i % 50 == 0 and add_in_thread(buffer, 1)
            if not thread then buffer:addmsg("here", 1) end
            tap.is(select(3, messages.getmsg(buffer)), 1)
            if thread then thread:join() end
            buffer = nil
            if i % 3 == 0 then collectgarbage() end
        end
    end)
end)

tap.done()
