-- Worker pool: jobs go to whoever is free. `finish` ends the pool when all that was queued is done, and a will tells of
-- each worker that is gone, also of one that died.
local luv = require "luv"
local mtmsg = require "mtmsg"
local WORKERS, JOBS = 3, 200

-- Runs in a thread and a Lua state of its own: it can use nothing from outside but its arguments.
local function worker(number, jobs_id, results_id)
    local mtmsg = require "mtmsg"
    local jobs, results = mtmsg.buffer(jobs_id), mtmsg.buffer(results_id)
    results:will("ended", number) -- sent when this state closes, however
    local ok, err = pcall(function()
        for _, n in jobs:messages() do
            if n == 13 then error("no luck", 0) end
            results:putmsg("done", n, n * n)
        end
    end)
    if not ok then results:putmsg("failed", number, err) end -- an error in a luv thread would end the process
end

local jobs, results, threads = mtmsg.newbuffer{ name = "jobs", limit = 20 }, mtmsg.newbuffer("results"), {}
for i = 1, WORKERS do threads[i] = luv.new_thread(string.dump(worker), i, jobs:id(), results:id()) end
for n = 1, JOBS do assert(jobs:putmsg(n)) end -- waits while 20 are queued
jobs:finish()

local done, failed, running = 0, 0, WORKERS
while running > 0 do
    local _, what, n, result = assert(results:getmsg(30))
    if what == "done" then
        assert(result == n * n)
        done = done + 1
    else -- the others go on without it
        if what == "ended" then running = running - 1 else failed = failed + 1 end
    end
end
for _, thread in ipairs(threads) do thread:join() end
assert(done == JOBS - 1 and failed == 1 and jobs:msgcnt() == 0)
print(done .. " jobs done by " .. WORKERS .. " workers, of which " .. failed .. " died")
luv.run() -- the luv of Debian 13 crashes at the end of a program that had threads, unless its loop has run
