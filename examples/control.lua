-- Jobs and a control buffer: `select` looks at the control buffer first, so a command comes before all jobs that wait.
local luv = require "luv"
local mtmsg = require "mtmsg"

local function worker(control_id, jobs_id, results_id)
    local mtmsg = require "mtmsg"
    local control, jobs, results = mtmsg.buffer(control_id), mtmsg.buffer(jobs_id), mtmsg.buffer(results_id)
    local factor, paused = 1, false
    while true do
        local source, a, b = mtmsg.select(nil, control, not paused and jobs)
        if source == control then
            if a == "factor" then factor = b
            elseif a == "pause" then paused = b
            elseif a == "stop" then break end
            results:addmsg("obeyed", a)
        elseif source then
            results:addmsg("result", a * factor)
        else break end -- one has ended, and the other has nothing
    end
    results:addmsg("stopped")
end

local control, jobs, results = mtmsg.newbuffer("control"), mtmsg.newbuffer("jobs"), mtmsg.newbuffer("results")
control:addmsg("pause", true)
for i = 1, 10 do jobs:addmsg(i) end
local thread = luv.new_thread(string.dump(worker), control:id(), jobs:id(), results:id())
control:addmsg("factor", 100)
control:addmsg("pause", false)
local sum = 0
for i = 1, 13 do
    local _, what, n = assert(results:getmsg(30))
    assert((what == "obeyed") == (i <= 3)) -- the commands came first
    if what == "result" then sum = sum + n end
end
control:addmsg("stop")
thread:join()
assert(sum == 5500)
print("10 jobs done, 4 commands obeyed")
luv.run() -- the luv of Debian 13 crashes at the end of a program that had threads, unless its loop has run
