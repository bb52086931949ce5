-- A table that wrk prints while it runs: what all of its threads have had answered, how long it took, and what failed.
-- Alone, wrk tells at the end, for its threads see nothing of each other.
--
--     wrk -t4 -c4 -d60 -s examples/hosts/wrk/live.lua http://127.0.0.1:8080/ -- [errors=100] [every=1]
--
-- errors=100 ends the run after a hundred answers of 400 and above: the thread that notices tells all others.
--
-- Each thread has a Lua state of its own. It reports to one buffer ten times a second; whoever finds that a line is due
-- takes the turn, which is a message, too, adds up the reports, and hands the turn on. Nothing here waits.
--
-- wrk does not say to which of its connections an answer belongs. Times are those of threads with one connection, so
-- give it as many connections as threads (-c equal to -t); with more of them the columns of times stay empty.
local mtmsg = require "mtmsg"

local REPORT = 0.1 -- seconds
local PER_OCTAVE = 8 -- so many classes of times for each doubling: percentiles are right to 9 %

local reports, turn, run -- the buffers: each state has objects of its own for them

-- ------------------------------------------------------------------------------------------------ before the run
-- Called in wrk's main thread, once for each of the others, before any of them starts.
function setup(thread)
    if reports then return end
    thread:set("to_be_tried", true) -- wrk asks the first one for a request that it does not send
    reports, turn, run = mtmsg.newbuffer("wrk reports"), mtmsg.newbuffer("wrk turn"), mtmsg.newbuffer("wrk run")
    turn:addmsg(0, 0, 0, 0) -- see take_turn
end

-- ------------------------------------------------------------------------------------------------ in each thread
local ffi = require "ffi"
ffi.cdef "int getpid(void); int kill(int, int);"
local SIGINT = 2

local options = { errors = math.huge, every = 1 }
local writer, reader = mtmsg.newwriter(), mtmsg.newreader()
local asked, answered, failed, several, times, due, asked_at -- since the last report; times[class] is a count

local function forget()
    answered, failed, several, times = 0, 0, false, {}
end

function init(args)
    for _, arg in ipairs(args) do
        local name, value = arg:match("^(%w+)=([%d.]+)$")
        if not name or not options[name] then error("live.lua: what is " .. arg .. "?") end
        options[name] = tonumber(value)
    end
    reports, turn, run = mtmsg.buffer("wrk reports"), mtmsg.buffer("wrk turn"), mtmsg.buffer("wrk run")
    asked, due = 0, 0
    forget()
end

function request()
    asked_at = mtmsg.time()
    if not to_be_tried then asked = asked + 1 end
    to_be_tried = false
    return wrk.format()
end

local function class_of(seconds)
    return math.max(0, math.floor(math.log(seconds * 1e6) / math.log(2) * PER_OCTAVE + 0.5))
end

local function milliseconds(class)
    return 2 ^ (class / PER_OCTAVE) / 1000
end

-- The time within which this part of the answers came.
local function percentile(counts, total, part)
    local seen = 0
    for class = 0, 40 * PER_OCTAVE do
        seen = seen + (counts[class] or 0)
        if total > 0 and seen >= total * part then return ("%9.2f"):format(milliseconds(class)) end
    end
    return ("%9s"):format("-")
end

-- Adds up what has been reported: answers, failures, whether times can be told, and the times.
local function add_up()
    local count, errors, unclear, all, timed = 0, 0, false, {}, 0
    while reader:nextmsg(reports, 0) do
        local more, wrong, connections = reader:next(3)
        count, errors, unclear = count + more, errors + wrong, unclear or connections
        for class, n in function() return reader:next(2) end do
            all[class], timed = (all[class] or 0) + n, timed + n
        end
    end
    return count, errors, unclear and {} or all, unclear and 0 or timed
end

-- The turn: when it began, when the last line was printed, answers and failures until then. Another thread may have it.
local function take_turn(now)
    local began, last, total, errors = turn:nextmsg(0)
    if not began then return end
    if began == 0 then began, last = now, now end
    if now - last >= options.every then
        local count, wrong, all, timed = add_up()
        total, errors = total + count, errors + wrong
        io.stdout:write(("%6.1f s %9.0f/s %s %s %s %9d answers %7d errors\n"):format(now - began,
            count / (now - last), percentile(all, timed, 0.5), percentile(all, timed, 0.9),
            percentile(all, timed, 0.99), total, errors))
        io.stdout:flush()
        last = now
        if errors >= options.errors then
            run:abort() -- the others see it at their next report
            ffi.C.kill(ffi.C.getpid(), SIGINT) -- and wrk's main thread, which sleeps until -d has passed, wakes
        end
    end
    turn:addmsg(began, last, total, errors)
end

local function report(now)
    writer:add(answered, failed, several)
    for class, n in pairs(times) do writer:add(class, n) end
    writer:addmsg(reports)
    forget()
    take_turn(now)
    if run:isabort() then wrk.thread:stop() end
    due = now + REPORT
end

function response(status)
    local now = mtmsg.time()
    answered = answered + 1
    if status >= 400 then failed = failed + 1 end
    asked = asked - 1
    if asked > 0 then
        several = true
    else
        local class = class_of(now - asked_at)
        times[class] = (times[class] or 0) + 1
    end
    if now >= due then report(now) end
end

-- ------------------------------------------------------------------------------------------------ after the run
function done(summary)
    local errors = summary.errors
    print(("%s: %d answers, %d of them errors; %d connections failed, %d answers did not come in time"):format(
        run:isabort() and "Ended by the errors" or "Ended", summary.requests, errors.status,
        errors.connect + errors.read + errors.write, errors.timeout))
end
