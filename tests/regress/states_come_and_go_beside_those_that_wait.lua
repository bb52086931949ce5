-- story: states that load or close at one instant damaged what the process shares
-- Loading in two states at the same instant, closing a state while threads wait in what it made, and threads that end
-- without closing anything: each of these damaged what the whole process shares.

local tap     = require("tap")
local threads = require("threads")

-- Runs in a thread without help, as nothing may load the module before the starting signal: the clock of the process.
local function load_at(start, number)
    while os.clock() < start do end
    local mtmsg = require("mtmsg")
    local buffer = mtmsg.newbuffer("loaded " .. number)
    buffer:addmsg("own message")
    assert(buffer:nextmsg() == "own message")
    local found, meeting
    repeat
        found, meeting = pcall(mtmsg.buffer, "meeting point")
    until found
    meeting:addmsg(number, buffer:id())
end

tap.test("two states and more load the module at the same instant", function()
    local start, wait = os.clock() + 0.05, {}
    for i = 1, 4 do wait[i] = threads.spawn(load_at, start, i) end
    while os.clock() < start do end
    local mtmsg = require("mtmsg")
    local meeting = mtmsg.newbuffer("meeting point")
    local ids = { [meeting:id()] = true }
    for _ = 1, 4 do
        local _, id = meeting:nextmsg(threads.limit)
        tap.ok(id and not ids[id], "an id is missing or was given twice")
        ids[id] = true
    end
    for i = 1, 4 do wait[i]() end
end)

local mtmsg = require("mtmsg")

-- Runs in a thread: makes a listener and a buffer, tells their ids, and ends when it is told, with everything open.
local function make_and_end(ids_id, go_id)
    local mtmsg = require("mtmsg")
    local ids, go = mtmsg.buffer(ids_id), mtmsg.buffer(go_id)
    listener = mtmsg.newlistener("made by a thread")
    buffer = listener:newbuffer("made by a thread")
    other = listener:newbuffer()
    buffer:notifier(other)
    ids:addmsg(listener:id(), buffer:id())
    assert(go:nextmsg() == "end")
    other:addmsg("left behind")
end

local function wait_in(id, is_listener, ready_id)
    local mtmsg = require("mtmsg")
    local source = is_listener and mtmsg.listener(id) or mtmsg.buffer(id)
    mtmsg.buffer(ready_id):addmsg(true)
    return (source:nextmsg())
end

tap.test("a state is closed while others wait in what it made", function()
    for round = 1, 10 do
        local ids, go, ready = mtmsg.newbuffer(), mtmsg.newbuffer(), mtmsg.newbuffer()
        local maker = threads.start(make_and_end, ids:id(), go:id())
        local listener_id, buffer_id = ids:nextmsg(threads.limit)
        local at_buffer = threads.start(wait_in, buffer_id, false, ready:id())
        local at_listener = threads.start(wait_in, listener_id, true, ready:id())
        for _ = 1, 2 do tap.is(ready:nextmsg(threads.limit), true) end
        threads.pause(round % 2 * 0.01)
        local mine = mtmsg.buffer(buffer_id)
        go:addmsg("end")
        maker:join()
        tap.is(at_listener:join(), "left behind")
        mine:addmsg("for the buffer")
        tap.is(at_buffer:join(), "for the buffer")
        mine = nil
        collectgarbage()
        collectgarbage()
        tap.raises(mtmsg.error.unknown_object, mtmsg.listener, listener_id)
        tap.raises(mtmsg.error.unknown_object, mtmsg.buffer, buffer_id)
    end
end)

tap.test("threads that end without closing leave nothing that could be found", function()
    local ids = mtmsg.newbuffer()
    for round = 1, 20 do
        local go, makers = mtmsg.newbuffer(), {}
        for i = 1, 4 do makers[i] = threads.start(make_and_end, ids:id(), go:id()) end
        for _ = 1, 4 do go:addmsg("end") end
        threads.join_all(makers)
        for _ = 1, 4 do
            local listener_id, buffer_id = ids:nextmsg(threads.limit)
            tap.raises(mtmsg.error.unknown_object, mtmsg.listener, listener_id)
            tap.raises(mtmsg.error.unknown_object, mtmsg.buffer, buffer_id)
        end
        tap.raises(mtmsg.error.unknown_object, mtmsg.listener, "made by a thread")
        tap.raises(mtmsg.error.unknown_object, mtmsg.buffer, "made by a thread")
    end
end)

tap.done()
