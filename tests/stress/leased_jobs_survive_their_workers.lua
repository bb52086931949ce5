-- A pool whose workers are killed at random, in the middle of their jobs: every job is done at least once, and one
-- whose worker was not killed exactly once. Workers die by an error, by closing their state, by a hook that raises
-- as in a cancelled lane, or by dropping the reader. MTMSG_STRESS_N is the number of jobs.

local mtmsg   = require("mtmsg")
local tap     = require("tap")
local threads = require("threads")

local many = tonumber(os.getenv("MTMSG_STRESS_N") or "") or 100000
local ODDS = 250 -- of how many jobs one kills, at each of three moments

-- Runs in a thread: does jobs until it is killed, or the listener is closed.
local function work(listener_id, results_id, seed, odds)
    local mtmsg = require("mtmsg")
    local listener, results = mtmsg.listener(listener_id), mtmsg.buffer(results_id)
    local reader = mtmsg.newreader{lease = true}
    local state = seed % 2147483646 + 1
    local function random(n)
        state = (state * 16807) % 2147483647
        return math.floor(state / 2147483647 * n) + 1
    end

    local function die()
        local how = random(4)
        if how == 1 then
            error("killed", 0)
        elseif how == 2 then
            if jit then jit.off() end -- compiled code calls no hook
            debug.sethook(function()
                debug.sethook()
                error("killed", 0)
            end, "", 50)
            while true do listener:id() end
        elseif how == 3 then
            reader = nil
            collectgarbage()
            collectgarbage()
        end
        _G.reader = reader -- its state closes with it
    end

    while true do
        local ok, err = pcall(reader.nextmsg, reader, listener)
        if not ok then
            assert(err:find(mtmsg.error.object_closed, 1, true), err)
            return
        end
        if odds and random(odds) == 1 then return die() end
        local job, text = reader:next(2)
        assert(text == ("."):rep(job % 300), "a damaged job")
        results:addmsg(job)
        if odds and random(odds) == 1 then return die() end
        reader:done()
        if odds and random(odds) == 1 then return die() end
    end
end

-- Runs so many jobs with so many workers, each of which is replaced when it is dead. Gives how many were killed, and
-- how many jobs were done more than once.
local function run_pool(jobs, count, odds)
    local listener, results = mtmsg.newlistener(), mtmsg.newbuffer()
    local queues, workers, seed = {}, {}, 0
    for i = 1, 3 do queues[i] = listener:newbuffer(i == 3 and 30000 or nil) end
    local function start(i)
        seed = seed + 1
        workers[i] = threads.start(work, listener:id(), results:id(), seed * 7919, odds)
    end
    for i = 1, count do start(i) end

    local killed, twice, left, sent, seen = 0, 0, jobs, 0, {}
    local function bury()
        for i = 1, count do
            if workers[i]:has_ended() then
                local ok, err = pcall(workers[i].join, workers[i])
                assert(odds and (ok or err:find("killed", 1, true)), err)
                killed = killed + 1
                start(i)
            end
        end
    end
    local took = 0
    while left > 0 do
        while sent < jobs and sent - (jobs - left) < 2000 do
            sent = sent + 1
            queues[sent % 2 + 1]:addmsg(sent, ("."):rep(sent % 300))
            if sent == 1000 then queues[3] = nil end
        end
        local job = results:nextmsg(0.01)
        took = took + 1
        if job and seen[job] then
            twice = twice + 1
        elseif job then
            seen[job] = true
            left = left - 1
        end
        if not job or took % 100 == 0 then bury() end
    end
    listener:close()
    for i = 1, count do pcall(workers[i].join, workers[i]) end
    while true do
        local job = results:nextmsg(0)
        if not job then break end
        twice = twice + 1
    end
    return killed, twice
end

tap.test("no job is lost, however many workers are killed", function()
    local killed, twice = run_pool(many, 3, ODDS)
    tap.note(("%d jobs, %d workers killed, %d jobs done twice"):format(many, killed, twice))
    tap.ok(killed >= many / ODDS or many < 5000, "hardly any worker was killed")
    tap.ok(twice <= killed + 3, "more jobs were done twice than workers were killed")
end)

tap.test("where nobody dies each job is done exactly once", function()
    local killed, twice = run_pool(math.ceil(many / 5), 4, nil)
    tap.is(killed, 0)
    tap.is(twice, 0)
end)

tap.done()
