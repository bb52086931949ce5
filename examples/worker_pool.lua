-- Worker pool: several threads take jobs from one buffer, each job goes to whoever is free.
-- The results come back through a second buffer, in any order.
local luv = require "luv"
local mtmsg = require "mtmsg"

local WORKERS, JOBS = 3, 200

-- Runs in a thread of its own, with a Lua state of its own: it can use nothing from outside but its arguments.
local function worker(jobs_id, results_id)
    local mtmsg = require "mtmsg"
    local jobs, results = mtmsg.buffer(jobs_id), mtmsg.buffer(results_id)
    -- An error in a luv thread would end the process, so it is caught and sent as a result.
    local ok, err = pcall(function()
        while true do
            local what, n = jobs:nextmsg()
            if what == "quit" then break end
            results:addmsg("square", n, n * n)
        end
    end)
    if not ok then results:addmsg("error", err) end
end

local jobs, results = mtmsg.newbuffer("jobs"), mtmsg.newbuffer("results")
local threads = {}
for i = 1, WORKERS do
    threads[i] = luv.new_thread(worker, jobs:id(), results:id())
end

for n = 1, JOBS do
    jobs:addmsg("job", n)
end
for _ = 1, WORKERS do
    jobs:addmsg("quit") -- one for each: a worker that takes it takes nothing more
end

local squares = {}
for _ = 1, JOBS do
    local what, n, square = results:nextmsg(30)
    assert(what == "square", n)
    assert(squares[n] == nil, "a job was done twice")
    squares[n] = square
end
for _, thread in ipairs(threads) do
    thread:join()
end

for n = 1, JOBS do
    assert(squares[n] == n * n)
end
assert(jobs:msgcnt() == 0 and results:msgcnt() == 0)
print(JOBS .. " jobs done by " .. WORKERS .. " workers")
