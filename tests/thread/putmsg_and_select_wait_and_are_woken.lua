-- Threads that wait for room, or for several sources, learn of what they wait for, and of every end.

local mtmsg   = require("mtmsg")
local tap     = require("tap")
local threads = require("threads")

-- Runs in a thread; returns what the call has returned.
local function put(id, value)
    return require("mtmsg").buffer(id):putmsg(value)
end

local function await(field, buffer, count)
    while buffer:info()[field] < count do mtmsg.sleep(0.001) end
end

tap.test("who waits for room is served in the order of arrival", function()
    local buffer, waiting = mtmsg.newbuffer { limit = 1 }, {}
    buffer:addmsg(0)
    for i = 1, 3 do
        waiting[i] = threads.start(put, buffer:id(), i)
        await("senders", buffer, i)
    end
    tap.gives({ false }, buffer:addmsg(9))
    for i = 0, 3 do tap.gives({ i }, buffer:nextmsg()) end
    for i = 1, 3 do tap.gives({ true }, waiting[i]:join()) end
end)

for _, case in ipairs {
    { "close", "object_closed" }, { "finish", "object_closed" }, { "abort", "operation_aborted" },
} do
    tap.test(case[1] .. " ends the waiting for room", function()
        local buffer = mtmsg.newbuffer { limit = 1 }
        buffer:addmsg(0)
        local waiting = threads.start(put, buffer:id(), 1)
        await("senders", buffer, 1)
        buffer[case[1]](buffer)
        local results = { waiting:join() }
        tap.is(results[1], nil)
        tap.is(results[2], mtmsg.error[case[2]])
    end)
end

-- Runs in a thread; returns the place of the source, and the value or reason.
local function choose(timeout, first, second, listener)
    local mtmsg = require("mtmsg")
    local sources = { mtmsg.buffer(first), mtmsg.buffer(second), mtmsg.listener(listener) }
    local source, value, ended = mtmsg.select(timeout, sources[1], sources[2], sources[3])
    for i = 1, 3 do
        if sources[i] == (source or ended) then return i, value end
    end
    return 0, value
end

local function each_end(text, act, place, value)
    tap.test(text, function()
        local listener = mtmsg.newlistener()
        local a, b, c = mtmsg.newbuffer(), mtmsg.newbuffer(), listener:newbuffer()
        local waiting = threads.start(choose, math.huge, a:id(), b:id(), listener:id())
        await("receivers", a, 1)
        for _, source in ipairs { a, b, listener } do
            await("receivers", source, 1)
            await("selects", source, 1)
            tap.is(source:info().receivers, 1)
        end
        tap.is(c:info().selects, 0)
        act(a, b, c, listener)
        tap.gives({ place, value }, waiting:join())
    end)
end

local errors = mtmsg.error
each_end("a select is woken by a message of its first source", function(a) a:addmsg("a") end, 1, "a")
each_end("a select is woken by a message of another source", function(_, b) b:addmsg("b") end, 2, "b")
each_end("a select is woken by a message of a listener", function(_, _, c) c:addmsg("c") end, 3, "c")
each_end("a select is woken by close", function(_, b) b:close() end, 2, errors.object_closed)
each_end("a select is woken by finish", function(a) a:finish() end, 1, errors.object_closed)
each_end("a select is woken by abort", function(a) a:abort() end, 1, errors.operation_aborted)
each_end("a select is woken when a listener has no buffer left", function(_, _, c) c:finish() end, 3,
    errors.no_buffers)

tap.test("a select gives up in time", function()
    local listener = mtmsg.newlistener()
    local a, b, c = mtmsg.newbuffer(), mtmsg.newbuffer(), listener:newbuffer()
    tap.gives({ 0, errors.timeout }, threads.start(choose, 0.02, a:id(), b:id(), listener:id()):join())
    for _, source in ipairs { a, b, listener } do tap.is(source:info().selects, 0) end
    tap.is(c:info().receivers, 0)
end)

tap.done()
