-- A job that was on lease comes back, however its worker ended: by an error, by closing its state in the middle, by a
-- hook that ends it as a cancelled lane is ended, or by dropping the reader. Meanwhile its place in the line is kept.

local mtmsg   = require("mtmsg")
local tap     = require("tap")
local threads = require("threads")

local function buffer_of_jobs(count, make)
    local jobs = make and make() or mtmsg.newbuffer()
    for i = 1, count do jobs:addmsg(i, ("job "):rep(i)) end
    return jobs
end

-- Each takes a job by a lease, tells that it has it, and ends, as `how` says, without having done it.
local function end_in_the_middle(source_kind, source_id, told_id, how)
    local mtmsg = require("mtmsg")
    local source, reader = mtmsg[source_kind](source_id), mtmsg.newreader{lease = true}
    assert(reader:nextmsg(source))
    local job = reader:next()
    mtmsg.buffer(told_id):addmsg(job)
    if how == "error" then
        error("the job is too hard")
    elseif how == "cancel" then -- what a cancelled lane meets: a hook that raises, in the middle of anything
        if jit then jit.off() end -- compiled code calls no hook
        debug.sethook(function()
            debug.sethook()
            error("cancelled")
        end, "", 100)
        local sum = 0
        for i = 1, 1e9 do sum = sum + i end
        return sum
    elseif how == "drop" then
        reader = nil
        collectgarbage()
        collectgarbage()
    end
    _G.reader = reader -- the state closes with it
end

local function end_one(kind, source, how)
    local told = mtmsg.newbuffer()
    local worker = threads.start(end_in_the_middle, kind, source:id(), told:id(), how)
    local job = told:nextmsg(threads.limit)
    local ok, err = pcall(worker.join, worker)
    tap.is(ok, how ~= "error" and how ~= "cancel", tostring(err))
    return job
end

for _, how in ipairs { "error", "cancel", "close", "drop" } do
    tap.test("the job of a worker that ended by " .. how .. " is first in line again", function()
        local jobs = buffer_of_jobs(5)
        for _ = 1, 3 do tap.is(end_one("buffer", jobs, how), 1) end
        tap.is(jobs:msgcnt(), 5)
        for i = 1, 5 do tap.gives({ i, ("job "):rep(i) }, jobs:nextmsg(0)) end
    end)

    tap.test("the same by a listener, ended by " .. how, function()
        local listener = mtmsg.newlistener()
        local jobs = buffer_of_jobs(3, function() return listener:newbuffer() end)
        tap.is(end_one("listener", listener, how), 1)
        jobs = nil
        collectgarbage()
        collectgarbage()
        for i = 1, 3 do -- it is an orphan now, and still drained to its end
            tap.is(end_one("listener", listener, how), i)
            tap.gives({ i, ("job "):rep(i) }, listener:nextmsg(0))
        end
        local ok, err = pcall(listener.nextmsg, listener, 0)
        tap.is(ok, false)
        tap.is(err:find(mtmsg.error.no_buffers, 1, true), 1)
    end)
end

tap.test("a large job, too, and one of a finished buffer", function()
    local jobs, text = mtmsg.newbuffer(), ("x"):rep(70000)
    jobs:addmsg(text)
    jobs:finish()
    tap.is(end_one("buffer", jobs, "error"), text)
    tap.gives({ text }, jobs:nextmsg(0))
    tap.is(pcall(jobs.nextmsg, jobs, 0), false)
end)

tap.test("who waits for a job is woken when one comes back", function()
    local jobs, told = buffer_of_jobs(1), mtmsg.newbuffer()
    local reader = mtmsg.newreader{lease = true}
    assert(reader:nextmsg(jobs))
    local waiter = threads.start(function(jobs_id, told_id)
        local mtmsg = require("mtmsg")
        local jobs = mtmsg.buffer(jobs_id)
        mtmsg.buffer(told_id):addmsg("waiting")
        return jobs:nextmsg()
    end, jobs:id(), told:id())
    told:nextmsg(threads.limit)
    mtmsg.sleep(0.01)
    assert(reader:putback())
    tap.gives({ 1, "job " }, waiter:join())
end)

tap.done()
