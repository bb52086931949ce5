--[[ W9: a sleeping consumer

A message every millisecond: each one finds its receiver asleep. It is limited by the system's wake-up, which
the probe, a thread that sleeps on a futex, measures alone. A waiter gives up looking before it sleeps when that was in
vain; one that sleeps uses no processor time.

![Distribution of delays](performance-latency.svg)

What waiting costs in processor time depends on how often messages come. Looking for one is cheaper than
sleeping if it comes soon, and dearer if it doesn't; whom processor time is worth more than tens of microseconds turns
it off, by `MTMSG_POLLING=0`. The rows of processor time count what the receiving thread uses, and what adding takes;
messages come exactly in time, from a thread that spins in between, which is not counted.
]]

local host = require "host"
local alarm = require "alarm"
local measure = require "measure"
local limits = require "limits"
local mtmsg = require "mtmsg"
local rows = require "rows"

local polls = os.getenv "MTMSG_POLLING" ~= "0"
local INTERVAL, SPIN = 1e-3, 50e-6
local count = measure.quick and 50 or 500
local rounds = measure.quick and 2 or 5

-- ---- how late

-- Answers with how late each message was, in seconds.
local sleeper = [[
    local lib, id, n = ...
    local buffer, now = require(lib).buffer(id), require "host".now
    local late = {}
    for i = 1, n do
        local sent = buffer:nextmsg()
        late[i] = ("%.9f"):format(now() - sent)
    end
    return table.concat(late, " ")
]]

local function join(thread)
    local ok, result = thread:join()
    if not ok then error(result, 0) end
    return result
end

local function by_message(lib)
    return function()
        local buffer = require(lib).newbuffer()
        local thread = host.thread(sleeper, lib, buffer:id(), count)
        local cpu = limits.usage()
        local at = host.now()
        for _ = 1, count do
            at = at + INTERVAL
            limits.sleep_until(at)
            buffer:addmsg(host.now())
        end
        local text = join(thread)
        cpu = limits.usage() - cpu
        local late = {}
        for word in text:gmatch("%S+") do late[#late + 1] = tonumber(word) end
        return late, cpu
    end
end

local function by_futex()
    local cpu = limits.usage()
    local late = alarm.wakeups(count, INTERVAL)
    return late, limits.usage() - cpu
end

-- Figures in microseconds.
local function sample(run)
    local out = { p50 = {}, p99 = {}, cpu = {}, all = {} }
    function out.run()
        local late, cpu = run()
        for _, seconds in ipairs(late) do out.all[#out.all + 1] = seconds * 1e6 end
        table.insert(out.p50, measure.median(late) * 1e6)
        table.insert(out.p99, measure.quantile(late, 0.99) * 1e6)
        table.insert(out.cpu, cpu / count * 1e6)
    end
    return out
end

local function points(all)
    local list = {}
    for _, percent in ipairs { 1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 98, 99, 99.5, 99.9 } do
        list[#list + 1] = { measure.quantile(all, percent / 100), percent }
    end
    return list
end

local function how_late()
    local message, naive, futex = sample(by_message("mtmsg")), sample(by_message("naive")), sample(by_futex)
    for _ = 1, rounds do
        message.run()
        naive.run()
        futex.run()
    end

    rows.plot {
        name = "latency", title = "Waking a consumer that sleeps", series = { "latency", "latency of a futex" },
        scale = "x", x = "late by", x_unit = "us", y = "percent that are not later",
    }
    rows.row {
        name = "message to a sleeping consumer, median", unit = "us", figure = message.p50, probe = futex.p50,
        per = "futex wake", most = 1.3, naive = naive.p50, series = "latency", points = points(message.all),
    }
    rows.row {
        name = "... 99 of 100", unit = "us", figure = message.p99, probe = futex.p99, per = "futex wake",
        naive = naive.p99, series = "latency of a futex", points = points(futex.all),
    }
    rows.row {
        name = "... processor time per message, both threads", unit = "us", figure = message.cpu, naive = naive.cpu,
        probe = measure.each(function(us) return us + SPIN * 1e6 end, futex.cpu), per = "futex loop + 50 us", most = 1,
        costs = true,
    }
end

-- ---- how dear

local receiver = [[
    local lib, id, n = ...
    local buffer, cpu = require(lib).buffer(id), require "limits".cpu
    local begin = cpu()
    for i = 1, n do buffer:nextmsg() end
    return cpu() - begin
]]

-- Processor seconds of the thread that receives n messages, one per interval, and seconds that adding them takes.
local function cost(lib, n, interval)
    local buffer, now, spin_until = require(lib).newbuffer(), host.now, alarm.spin_until
    local thread = host.thread(receiver, lib, buffer:id(), n)
    local at, spent = now(), 0
    for i = 1, n do
        at = at + interval
        spin_until(at)
        local begin = now()
        buffer:addmsg(i)
        spent = spent + now() - begin
    end
    return join(thread), spent
end

local function cost_every(us)
    local seconds = measure.quick and 0.01 or 0.2
    local n, costs = math.ceil(seconds * 1e6 / us), { mtmsg = {}, naive = {}, futex = {} }
    for round = 1, measure.rounds do
        for name, list in pairs(costs) do
            local receiving, adding
            if name == "futex" then receiving, adding = alarm.cost(n, us * 1e-6)
            else receiving, adding = cost(name, n, us * 1e-6) end
            list[round] = (receiving + adding) / n * 1e6
        end
    end
    rows.row {
        name = ("processor time per message, one in %d us%s"):format(us, polls and "" or ", polling off"),
        unit = "us", figure = costs.mtmsg, probe = costs.futex, per = "a futex, never looking", most = 2,
        naive = costs.naive, costs = true,
        why = polls and "looking for up to 50 us saves a wake-up's delay: see the rows with polling off" or nil,
    }
end

-- ---- an idle waiter

local function when_idle()
    local resting = mtmsg.newbuffer()
    local idle = host.thread([[
        local buffer = require "mtmsg".buffer((...))
        buffer:nextmsg()
    ]], resting:id())
    limits.sleep_until(host.now() + 0.1) -- it has come to rest
    local seconds = measure.quick and 0.2 or 2
    local cpu = limits.usage()
    limits.sleep_until(host.now() + seconds)
    local used = limits.usage() - cpu
    rows.row { name = "an idle waiter, processor time", unit = "us/s", figure = used / seconds * 1e6, most = 100 }
    resting:addmsg(true)
    idle:join()
end

-- ----

if polls then how_late() end
for _, us in ipairs { 10, 30, 60, 100, 1000 } do cost_every(us) end
if not polls then return end
local child = assert(io.popen('MTMSG_POLLING=0 exec "$(readlink /proc/$PPID/exe)" bench/w09_sleeper.lua'))
for line in child:lines() do print(line) end
assert(child:close())
when_idle()
