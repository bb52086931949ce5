-- A buffer as notifier of another: one thread adds or takes, another is woken by it.

local mtmsg   = require("mtmsg")
local tap     = require("tap")
local threads = require("threads")

tap.test("each add in one thread notifies a buffer in which another waits", function()
    local jobs, bell = mtmsg.newbuffer(), mtmsg.newbuffer()
    jobs:notifier(bell)
    local producer = threads.start(function(id)
        local jobs = require("mtmsg").buffer(id)
        for i = 1, 500 do jobs:addmsg(i) end
    end, jobs:id())
    for i = 1, 500 do
        tap.is(select("#", bell:nextmsg()), 0)
        tap.gives({ i }, jobs:nextmsg(0))
    end
    producer:join()
    tap.is(bell:msgcnt(), 0)
    tap.is(jobs:msgcnt(), 0)
end)

tap.test("each take in one thread notifies a buffer in which another waits", function()
    local jobs, room = mtmsg.newbuffer(), mtmsg.newbuffer()
    jobs:notifier(room, "<")
    local consumer = threads.start(function(id)
        local jobs = require("mtmsg").buffer(id)
        for i = 1, 500 do assert(jobs:nextmsg() == i) end
    end, jobs:id())
    for i = 1, 500 do
        jobs:addmsg(i)
        tap.is(select("#", room:nextmsg()), 0)
    end
    consumer:join()
    tap.is(room:msgcnt(), 0)
end)

tap.test("a threshold keeps a buffer filled while another thread empties it", function()
    local jobs, low = mtmsg.newbuffer(), mtmsg.newbuffer()
    jobs:notifier(low, "<", 3)
    local consumer = threads.start(function(id)
        local jobs, sum = require("mtmsg").buffer(id), 0
        while true do
            local job = jobs:nextmsg()
            if not job then return sum end
            sum = sum + job
        end
    end, jobs:id())
    local sent = 0
    while sent < 1000 do
        for _ = 1, 5 do
            sent = sent + 1
            jobs:addmsg(sent)
        end
        low:nextmsg() -- came below three at least once since
        low:clear()
        tap.ok(jobs:msgcnt() <= 15, "notified although the buffer is full")
    end
    jobs:addmsg(false)
    tap.gives({ 500500 }, consumer:join())
end)

tap.test("notifiers in a row wake the thread at the end of the row", function()
    local row = { mtmsg.newbuffer() }
    for i = 2, 10 do
        row[i] = mtmsg.newbuffer()
        row[i - 1]:notifier(row[i])
    end
    local waiter = threads.start(function(id)
        local last = require("mtmsg").buffer(id)
        for _ = 1, 100 do last:nextmsg() end
        return true
    end, row[10]:id())
    for i = 1, 100 do row[1]:addmsg(i) end
    tap.gives({ true }, waiter:join())
    for i = 1, 9 do tap.is(row[i]:msgcnt(), 100) end
end)

tap.test("a notifier may be disconnected while another thread adds", function()
    local jobs, stop = mtmsg.newbuffer(), mtmsg.newbuffer()
    local producer = threads.start(function(id, stop_id)
        local mtmsg = require("mtmsg")
        local jobs, stop, added = mtmsg.buffer(id), mtmsg.buffer(stop_id), 0
        while stop:msgcnt() == 0 do
            jobs:addmsg(true)
            added = added + 1
        end
        return added
    end, jobs:id(), stop:id())
    for i = 1, 300 do
        local bell = mtmsg.newbuffer()
        jobs:notifier(bell)
        tap.raises(mtmsg.error.has_notifier, jobs.notifier, jobs, bell)
        if i % 3 == 0 then bell:nextmsg() end
        if i % 7 == 0 then bell:close() end
        jobs:notifier(nil)
        collectgarbage()
    end
    stop:addmsg("stop")
    local added = producer:join()
    tap.is(jobs:msgcnt(), added)
end)

tap.done()
