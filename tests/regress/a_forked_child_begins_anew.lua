-- story: a forked child waited for locks that nobody holds there
-- A server with threads forked children, and a quarter of these hung at their first call: what another thread had
-- locked at that moment was locked for ever. In a child what existed before is closed now, and new objects work.

local tap     = require("tap")
local threads = require("threads")
local mtmsg   = require("mtmsg")

local there, forked = pcall(require, "forked")
if not there then
    tap.skip("children of a process with threads at work", "this system has no fork")
    tap.done()
    return
end

local seconds = 60 -- that a child has
local FORKS = tonumber(os.getenv("MTMSG_FORKS") or "") or 300

-- Runs in a thread until it is told to end: makes, finds and drops objects, adds and takes.
local function work(ends_id, busy_id, listener_id)
    local mtmsg = require("mtmsg")
    local ends, busy, listener = mtmsg.buffer(ends_id), mtmsg.buffer(busy_id), mtmsg.listener(listener_id)
    local large = ("x"):rep(20000)
    ends:addmsg("at work")
    repeat
        local member = listener:newbuffer("member")
        member:addmsg("for the listener", large)
        mtmsg.buffer(busy_id):addmsg(large)
        busy:addmsg(1)
        busy:nextmsg(0)
        listener:nextmsg(0)
        busy:clear()
        member = nil
        collectgarbage("step", 100)
    until ends:msgcnt() == 0
end

-- Runs in a thread: waits in a buffer, asleep, until that is closed.
local function wait(ends_id, busy_id)
    local mtmsg = require("mtmsg")
    local busy = mtmsg.buffer(busy_id)
    mtmsg.buffer(ends_id):addmsg("at work")
    pcall(busy.nextmsg, busy)
end

local ends, busy, listener = mtmsg.newbuffer(), mtmsg.newbuffer("busy"), mtmsg.newlistener("serves")
local member = listener:newbuffer()
local writer, reader = mtmsg.newwriter(), mtmsg.newreader()

local function raises_closed(method, object, ...)
    tap.raises(mtmsg.error.object_closed, object[method], object, ...)
end

local function old_objects_are_closed()
    for _, object in ipairs { busy, member } do
        raises_closed("addmsg", object, 1)
        raises_closed("addmsg", object, ("x"):rep(20000))
        raises_closed("setmsg", object, 1)
        raises_closed("nextmsg", object)
        raises_closed("nextmsg", object, 0)
        raises_closed("clear", object)
        raises_closed("notifier", object, mtmsg.newbuffer())
        tap.is(object:msgcnt(), 0)
        tap.ok(object:id() > 0)
        object:abort()
        object:abort(false)
        object:close()
        tap.ok(tostring(object))
    end
    raises_closed("nextmsg", listener)
    raises_closed("nextmsg", listener, 0)
    raises_closed("newbuffer", listener)
    raises_closed("clear", listener)
    listener:abort()
    listener:close()
    tap.is(busy:name(), "busy")
    tap.raises(mtmsg.error.unknown_object, mtmsg.buffer, busy:id())
    tap.raises(mtmsg.error.unknown_object, mtmsg.buffer, "busy")
    tap.raises(mtmsg.error.unknown_object, mtmsg.listener, "serves")
end

local function new_objects_work()
    local mine, other = mtmsg.newbuffer("busy"), mtmsg.newlistener("serves")
    local served = other:newbuffer()
    tap.is(mtmsg.isabort(), false)
    tap.ok(mine:id() ~= busy:id() and other:id() ~= listener:id(), "ids are those of the parent")
    tap.is(mtmsg.buffer("busy"):id(), mine:id())
    served:addmsg("new", "values", 3)
    tap.gives({ "new", "values", 3 }, other:nextmsg())
    writer:add("by a writer of before")
    writer:addmsg(mine)
    tap.is(reader:nextmsg(mine), true)
    tap.is(reader:next(), "by a writer of before")
    mine:notifier(busy)
    mine:addmsg("nudges what is closed")
    tap.is(mine:nextmsg(0), "nudges what is closed")
    mtmsg.sleep(0.001)
    mtmsg.abort(true)
    tap.raises(mtmsg.error.operation_aborted, mine.addmsg, mine, 1)
    mtmsg.abort(false)
    mine:close()
    other:close()
end

local function child()
    old_objects_are_closed()
    new_objects_work()
    collectgarbage()
    old_objects_are_closed()
end

local function with_threads(body, ...)
    local running = {}
    for i = 1, 3 do
        running[i] = threads.start(body, ends:id(), busy:id(), listener:id())
        tap.is(ends:nextmsg(threads.limit), "at work")
    end
    ends:addmsg("until this is taken")
    return running
end

tap.test("children of a process with threads asleep begin anew", function()
    local running = with_threads(wait)
    for _ = 1, 10 do tap.ok(forked.run(seconds, false, child)) end
    tap.ok(forked.run(seconds, true, child))
    busy:close()
    threads.join_all(running)
    ends:nextmsg()
    busy = mtmsg.newbuffer("busy")
end)

if forked.needs_quiet then
    tap.skip("children of a process with threads at work begin anew", "malloc of the address sanitizer may hang there")
else
    tap.test("children of a process with threads at work begin anew", function()
        local running = with_threads(work)
        for i = 1, FORKS do
            local ok, why = forked.run(seconds, i % 4 == 0, child) -- with the end of their state, some of them
            if not ok then error("child " .. i .. ": " .. why) end
        end
        ends:nextmsg()
        threads.join_all(running)
    end)
end

tap.test("an abort of everything stays with the parent", function()
    mtmsg.abort(true)
    local ok, why = forked.run(seconds, false, new_objects_work)
    mtmsg.abort(false)
    tap.ok(ok, why)
end)

tap.test("the child of a child begins anew", function()
    tap.ok(forked.run(seconds, true, function()
        local between = mtmsg.newbuffer("between")
        assert(forked.run(seconds, true, function()
            raises_closed("addmsg", between, 1)
            child()
        end))
        between:addmsg("still there")
        tap.is(between:nextmsg(), "still there")
    end))
end)

tap.test("the parent goes on as if there had been no children", function()
    busy:addmsg("whole")
    tap.is(busy:nextmsg(0), "whole")
    listener:clear() -- of what the threads have left
    member:addmsg("whole")
    tap.is(listener:nextmsg(0), "whole")
end)

tap.done()
