-- Monitor: a live table of all buffers of the process, with what goes in and out in a second, what is queued, and who
-- waits. `lua examples/monitor.lua program.lua arguments…` runs a program beside it; without one it shows a jam.
local luv = require "luv"
local mtmsg = require "mtmsg"

-- In a thread: draws the table anew after each interval, and once more when it is told to stop.
local function monitor(stop_id, interval, is_terminal)
    local luv = require "luv"
    local mtmsg = require "mtmsg"
    local stop, before, last = mtmsg.buffer(stop_id), {}, luv.hrtime()
    local format = "%-10s %-16.16s %8s %9s %9s %8s  %s\n"

    local function waiting(o)
        local text = {}
        if (o.receivers or 0) > 0 then text[#text + 1] = o.receivers .. " receive" end
        if (o.senders or 0) > 0 then text[#text + 1] = o.senders .. " send" end
        if o.limit and o.messages >= o.limit then text[#text + 1] = "full" end
        for _, state in ipairs { "finished", "aborted", "closed" } do
            if o[state] then text[#text + 1] = state end
        end
        return table.concat(text, ", ")
    end

    local function draw()
        local now, objects = luv.hrtime(), mtmsg.objects()
        local seconds, seen = (now - last) / 1e9, {}
        table.sort(objects, function(a, b) return (a.messages or 0) > (b.messages or 0) end)
        local lines = { format:format("kind", "name or id", "queued", "in/s", "out/s", "dropped", "who waits, state") }
        for _, o in ipairs(objects) do
            local old = before[o.id] or o
            local function rate(key)
                return o[key] and ("%.0f"):format((o[key] - old[key]) / seconds) or ""
            end
            if o.id ~= stop_id then
                lines[#lines + 1] = format:format(o.kind, o.name or ("%.0f"):format(o.id), o.messages or "",
                    rate("added"), rate("taken"), o.dropped or "", waiting(o))
            end
            seen[o.id] = o
        end
        before, last = seen, now
        -- home, then each line over the old one, then nothing below
        local text = table.concat(lines)
        if is_terminal then text = "\27[H" .. text:gsub("\n", "\27[K\n") .. "\27[J" end
        io.stdout:write(text)
        io.stdout:flush()
    end

    repeat
        local stopped = stop:getmsg(interval)
        draw()
    until stopped
end

-- Two threads make jobs, one does them, slowly: so the queue is full, and those who make them wait.
local function jam()
    local jobs = mtmsg.newbuffer{ name = "jobs", limit = 50 }
    local results = mtmsg.newbuffer("results")
    local function make(jobs_id)
        local jobs = require "mtmsg".buffer(jobs_id)
        while jobs:putmsg("a job") do end
    end
    local function work(jobs_id, results_id)
        local mtmsg = require "mtmsg"
        local results = mtmsg.buffer(results_id)
        for _, job in mtmsg.buffer(jobs_id):messages() do
            mtmsg.sleep(0.002)
            results:addmsg(job)
        end
        results:finish()
    end
    local threads = { luv.new_thread(string.dump(work), jobs:id(), results:id()) }
    for i = 2, 3 do threads[i] = luv.new_thread(string.dump(make), jobs:id()) end
    local count = 0
    for _ in results:messages() do
        count = count + 1
        if count == 300 then jobs:finish() end
    end
    for _, thread in ipairs(threads) do thread:join() end
end

local stop = mtmsg.newbuffer()
local thread = luv.new_thread(string.dump(monitor), stop:id(), 0.2, luv.guess_handle(1) == "tty")
local program = table.remove(arg, 1)
local ok, err = pcall(program and function() dofile(program) end or jam)
stop:addmsg()
thread:join()
luv.run() -- the luv of Debian 13 crashes at the end of a program that had threads, unless its loop has run
assert(ok, err)
