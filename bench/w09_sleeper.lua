-- W9: a message per millisecond to a consumer that sleeps in between: how late it is, and what that costs. The probe is
-- a thread that sleeps on a futex. At last: what an idle waiter costs.

local host = require "host"
local measure = require "measure"
local limits = require "limits"
local duo = require "duo"
local mtmsg = require "mtmsg"

local INTERVAL, SPIN = 1e-3, 50e-6
local count = measure.quick and 50 or 500
local rounds = measure.quick and 2 or 5

-- Answers with how late each message was, in seconds.
local sleeper = [[
    local id, n = ...
    local buffer, now = require "mtmsg".buffer(id), require "host".now
    local late = {}
    for i = 1, n do
        local sent = buffer:nextmsg()
        late[i] = ("%.9f"):format(now() - sent)
    end
    return table.concat(late, " ")
]]

local function by_message()
    local buffer = mtmsg.newbuffer()
    local thread = host.thread(sleeper, buffer:id(), count)
    local cpu = limits.usage()
    local at = host.now()
    for _ = 1, count do
        at = at + INTERVAL
        limits.sleep_until(at)
        buffer:addmsg(host.now())
    end
    local ok, text = thread:join()
    if not ok then error(text, 0) end
    cpu = limits.usage() - cpu
    local late = {}
    for word in text:gmatch("%S+") do late[#late + 1] = tonumber(word) end
    return late, cpu
end

local function by_futex()
    local cpu = limits.usage()
    local late = duo.wakeups(count, INTERVAL)
    return late, limits.usage() - cpu
end

-- Figures in microseconds.
local function sample(run)
    local out = { p50 = {}, p99 = {}, cpu = {}, all = {} }
    return out, function()
        local late, cpu = run()
        for _, seconds in ipairs(late) do out.all[#out.all + 1] = seconds * 1e6 end
        table.insert(out.p50, measure.median(late) * 1e6)
        table.insert(out.p99, measure.quantile(late, 0.99) * 1e6)
        table.insert(out.cpu, cpu / count * 1e6)
    end
end

local message, run_message = sample(by_message)
local futex, run_futex = sample(by_futex)
for _ = 1, rounds do
    run_message()
    run_futex()
end

local function points(all)
    local list = {}
    for _, percent in ipairs { 1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 98, 99, 99.5, 99.9 } do
        list[#list + 1] = { measure.quantile(all, percent / 100), percent }
    end
    return list
end

measure.row {
    name = "message to a sleeping consumer, median", unit = "us", figure = message.p50, probe = futex.p50,
    per = "futex wake", most = 1.3, series = "latency", points = points(message.all),
}
measure.row {
    name = "... 99 of 100", unit = "us", figure = message.p99, probe = futex.p99, per = "futex wake",
    series = "latency of a futex", points = points(futex.all),
}
measure.row {
    name = "... processor time per message, at 1000 a second", unit = "us", figure = message.cpu,
    probe = measure.each(function(us) return us + SPIN * 1e6 end, futex.cpu), per = "futex loop + 50 us", most = 1,
}

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
measure.row { name = "an idle waiter, processor time", unit = "us/s", figure = used / seconds * 1e6, most = 100 }
resting:addmsg(true)
idle:join()
