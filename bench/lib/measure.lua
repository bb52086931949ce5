-- Measures meters in turns, so that what they are compared by holds on a noisy machine too, and prints each result
-- as a row: a line of JSON. It knows nothing of what is measured.
--
-- A meter is a function(n) that does something n times and returns the seconds it took, and perhaps the processor
-- seconds and the context switches of the whole process meanwhile. Samples are lists of one figure per round.

local json = require "json"
local limits = require "limits"

local measure = {}

-- BENCH_QUICK=1 is for trying out the programs: its figures are worth nothing.
local quick = os.getenv("BENCH_QUICK") == "1"
measure.quick = quick
measure.rounds = quick and 3 or 11
measure.slice = quick and 0.004 or 0.05 -- seconds that a meter may take in one round

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

-- How often the meter does its thing in one slice, at least `least` times. Also warms up what it uses.
local function calibrate(meter, slice, least)
    local n = least
    while true do
        local seconds = math.min((meter(n)), (meter(n))) -- another process may have come between
        if seconds >= slice / 4 then return math.max(least, math.floor(n * slice / seconds)) end
        n = n * (seconds > slice / 100 and 4 or 16)
    end
end

-- meters is a list of { name, meter[, least] }, where `least` is how often the thing must be done to mean something.
-- Returns samples by name: nanoseconds per time, and in the fields cpu and switches of each list the processor time
-- (ns) and the context switches per time, if the meter says so.
function measure.take(meters, options)
    options = options or {}
    local slice, samples, counts = options.slice or measure.slice, {}, {}
    if quick then slice = math.min(slice, measure.slice) end
    for i, entry in ipairs(meters) do
        samples[entry[1]] = { cpu = {}, switches = {} }
        counts[i] = calibrate(entry[2], slice, entry[3] or 1)
    end
    for round = 1, options.rounds or measure.rounds do
        for i = 1, #meters do
            local at = (i + round) % #meters + 1 -- everyone follows everyone else
            local list, n = samples[meters[at][1]], counts[at]
            local seconds, cpu, switches = meters[at][2](n)
            list[round] = seconds / n * 1e9
            list.cpu[round] = cpu and cpu / n * 1e9
            list.switches[round] = switches and switches / n
        end
    end
    return samples
end

-- ---- samples

-- New samples: f of the figures of each round.
function measure.each(f, ...)
    local lists, made = { ... }, {}
    for round = 1, #lists[1] do
        local figures = {}
        for i, list in ipairs(lists) do figures[i] = list[round] end
        made[round] = f((unpack or table.unpack)(figures))
    end
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

-- ---- rows

-- Fields of a row, all optional but name, unit and figure:
--   figure, probe   samples, or a number, in that unit
--   per             what probe is
--   most            the target: figure <= most * probe, or figure <= most where there is no probe
--   series, x       the plot that it is a point of
--   points          a list of {x, y} for a plot of its own
function measure.row(row)
    local figure, probe = row.figure, row.probe
    local out = { name = row.name, unit = row.unit, per = row.per, series = row.series, x = row.x, points = row.points }
    if type(figure) == "table" then
        out.figure = measure.median(figure)
        out.low, out.high = measure.quantile(figure, 0.25), measure.quantile(figure, 0.75)
        if figure.cpu and figure.cpu[1] then
            out.cpu, out.switches = measure.median(figure.cpu), measure.median(figure.switches)
        end
    else
        out.figure = figure
    end
    local judged = out.figure
    if probe then
        out.probe = type(probe) == "table" and measure.median(probe) or probe
        judged = out.figure / out.probe
        if type(probe) == "table" and type(figure) == "table" then
            judged = measure.median(measure.each(function(a, b) return a / b end, figure, probe))
        end
        out.ratio = judged
    end
    out.most = row.most
    if row.most then out.met = judged <= row.most end
    print(json.encode(out))
    io.stdout:flush()
end

return measure
