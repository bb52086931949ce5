-- Measures meters in turns, so that what they are compared by holds on a noisy machine too. It knows nothing of what is
-- measured, and prints nothing: that is rows.lua's.
--
-- A meter is a function(n) that does something n times and returns the seconds it took, and perhaps the processor
-- seconds and the context switches of the whole process meanwhile. Samples are lists of one figure per round; samples
-- of the library have those of the naive queue beside them, in the field naive.

local limits = require "limits"

local measure = {}

-- BENCH_QUICK=1 is for trying out the programs: its figures are worth nothing.
local quick = os.getenv("BENCH_QUICK") == "1"
-- BENCH_LOADED=1: another process keeps one processor busy.
local loaded = os.getenv("BENCH_LOADED") == "1"
measure.quick, measure.loaded = quick, loaded
measure.rounds = quick and 3 or loaded and 15 or 11
measure.slice = quick and 0.004 or 0.05 -- seconds that a meter may take in one round

-- What is measured side by side, by the names of their modules.
measure.subjects = { "mtmsg", "naive" }

-- The clock for what one thread does alone: its processor time, in which other processes don't show.
measure.clock = limits.cpu

-- A meter from a function that does something n times, in this thread alone.
function measure.loop(run)
    local clock = measure.clock
    return function(n)
        local begin = clock()
        run(n)
        return clock() - begin
    end
end

-- Whether LuaJIT's compiler sees the library's methods.
function measure.is_compiled()
    return require "mtmsg"._INFO:find("calls:FFI", 1, true) ~= nil
end

-- What a method that LuaJIT's compiler sees does for whatever is unusual: the function of the C API that it replaces.
function measure.replaced(method, name)
    for i = 1, math.huge do
        local upvalue, value = debug.getupvalue(method, i)
        assert(upvalue, "the method has no upvalue of that name")
        if upvalue == name then return value end
    end
end

-- ---- the library and the naive queue

-- An entry for take: make(name, ...) returns a meter, and is called with the name of each module. What the meter times
-- runs in other threads.
function measure.both(name, make, least, ...)
    local entry = { name, least = least }
    for _, subject in ipairs(measure.subjects) do entry[subject] = make(subject, ...) end
    return entry
end

-- A copy of the function, without upvalues but with its own code, for which a compiler starts from nothing.
function measure.copy(make)
    for i = 1, math.huge do
        local name = debug.getupvalue(make, i)
        if not name then break end
        assert(name == "_ENV", "what is measured here is copied, so it must do without upvalues: " .. name)
    end
    return assert((loadstring or load)(string.dump(make)))
end

-- The same for what is timed in this state: make(module, measure, ...) returns a meter. Each module gets a copy of the
-- code of its own, lest a compiler mix what it learnt with one into what it makes for the other; so make must not have
-- upvalues.
function measure.here(name, make, ...)
    local entry = { name }
    for _, subject in ipairs(measure.subjects) do
        entry[subject] = measure.copy(make)(require(subject), measure, ...)
    end
    return entry
end

-- ---- taking samples

-- How often the meter does its thing in one slice, at least `least` times. Also warms up what it uses.
local function calibrate(meter, slice, least)
    local n = least
    while true do
        local seconds = math.min((meter(n)), (meter(n))) -- another process may have come between
        if seconds >= slice / 4 then return math.max(least, math.floor(n * slice / seconds)) end
        n = n * (seconds > slice / 100 and 4 or 16)
    end
end

local function new_samples()
    return { cpu = {}, switches = {} }
end

-- The single meters of all entries, next to each other what is compared first of all, and samples by name.
local function runs_of(entries)
    local runs, samples = {}, {}
    for _, entry in ipairs(entries) do
        local name, least, list = entry[1], entry.least or entry[3] or 1, new_samples()
        samples[name] = list
        runs[#runs + 1] = { meter = entry[2] or entry.mtmsg, list = list, least = least }
        if entry.naive then
            list.naive = new_samples()
            runs[#runs + 1] = { meter = entry.naive, list = list.naive, least = least }
        end
    end
    return runs, samples
end

-- entries is a list of those that `both` and `here` return, and of { name, meter[, least] }, where `least` is how often
-- the thing must be done to mean something. options.slice, options.rounds are other ones than usual.
-- Returns samples by name: nanoseconds per time, and in the fields cpu and switches of each list the processor time
-- (ns) and the context switches per time, if the meter says so.
function measure.take(entries, options)
    options = options or {}
    local slice = options.slice or measure.slice
    if quick then slice = math.min(slice, measure.slice) end
    local runs, samples = runs_of(entries)
    for _, run in ipairs(runs) do run.n = calibrate(run.meter, slice, run.least) end
    for round = 1, options.rounds or measure.rounds do
        for i = 1, #runs do
            local run = runs[(i + round) % #runs + 1]
            local seconds, cpu, switches = run.meter(run.n)
            local list = run.list
            list[round] = seconds / run.n * 1e9
            list.cpu[round] = cpu and cpu / run.n * 1e9
            list.switches[round] = switches and switches / run.n
        end
    end
    return samples
end

-- ---- samples

local function each(f, lists)
    local made = {}
    for round = 1, #lists[1] do
        local figures = {}
        for i, list in ipairs(lists) do figures[i] = list[round] end
        made[round] = f((unpack or table.unpack)(figures))
    end
    return made
end

-- New samples: f of the figures of each round. Where some have those of the naive queue beside them, so has the result.
function measure.each(f, ...)
    local lists, naive, any = { ... }, {}, false
    for i, list in ipairs(lists) do
        naive[i] = list.naive or list
        any = any or list.naive ~= nil
    end
    local made = each(f, lists)
    if any then made.naive = each(f, naive) end
    return made
end

-- The value below which that part of the samples lies.
function measure.quantile(list, part)
    local sorted = {}
    for i = 1, #list do sorted[i] = list[i] end
    table.sort(sorted)
    local at = 1 + (#sorted - 1) * part
    local low = math.floor(at)
    local high = math.min(low + 1, #sorted)
    return sorted[low] + (sorted[high] - sorted[low]) * (at - low)
end

function measure.median(list)
    return measure.quantile(list, 0.5)
end

return measure
