-- Turns samples into rows and judges them; each is printed as a line of JSON. What is measured, and how it looks, is
-- told elsewhere.

local json = require "json"
local measure = require "measure"

local rows = {}

-- How much slower than the naive queue the library may be.
local NAIVE_MOST = measure.loaded and 1.2 or 1

local function emit(record)
    print(json.encode(record))
    io.stdout:flush()
end

local function middle(value)
    return type(value) == "table" and measure.median(value) or value
end

-- The median of the ratios of single rounds, or that of two numbers.
local function ratio_of(figure, probe)
    if type(figure) ~= "table" or type(probe) ~= "table" then return middle(figure) / middle(probe) end
    return measure.median(measure.each(function(a, b) return a / b end, figure, probe))
end

local function add_figure(out, figure, again)
    out.figure = middle(figure)
    if type(figure) ~= "table" then return end
    out.low, out.high = measure.quantile(figure, 0.25), measure.quantile(figure, 0.75)
    if figure.cpu and figure.cpu[1] and not again then
        out.cpu, out.switches = measure.median(figure.cpu), measure.median(figure.switches)
    end
end

-- Ratios are judged as they are printed, with two digits behind the point.
local function within(ratio, most)
    return ratio < most + 0.005
end

-- Targets for probes hold on a quiet machine.
local function judge(out, most)
    if not most or measure.loaded then return end
    out.most = most
    if out.ratio then out.met = within(out.ratio, most)
    else out.met = out.figure <= most end
end

local function compare(out, figure, naive, unjudged)
    out.naive, out.versus = middle(naive), ratio_of(figure, naive)
    if unjudged then return end
    out.naive_most = NAIVE_MOST
    out.naive_met = within(out.versus, NAIVE_MOST)
end

-- Fields of a row, all optional but name, unit and figure:
--   figure, probe   samples, or a number, in that unit
--   per             what probe is
--   most            the target: figure <= most * probe, or figure <= most where there is no probe
--   naive           samples or a number of the naive queue; those beside the figure by default, false for none
--   costs           it is no time, so that the naive queue's figure stands beside it unjudged
--   again           the figure stood in a row before: without the naive queue's, and processor time
--   why             what makes the target impossible, to be told where it is missed
--   series, x, y    the plot that it is a point of; y is the figure by default
--   points          a list of {x, y} for a curve of its own in that series
--   chart           the title of a group of bars on the page, in which it stands beside other ways
--   rival           what the probe is called there, which is another way
function rows.row(row)
    local out = {
        name = row.name, unit = row.unit, per = row.per, why = row.why, series = row.series, x = row.x, y = row.y,
        points = row.points, chart = row.chart, rival = row.rival,
    }
    local figure, probe, naive = row.figure, row.probe, row.naive
    if naive == nil and type(figure) == "table" and not row.again then naive = figure.naive end
    add_figure(out, figure, row.again)
    if probe then out.probe, out.ratio = middle(probe), ratio_of(figure, probe) end
    if naive then compare(out, figure, naive, row.costs) end
    judge(out, row.most)
    emit(out)
end

-- The row and others that judge the same figure by other probes: { name, probe, per[, most] } each.
function rows.family(row, others)
    rows.row(row)
    for _, other in ipairs(others) do
        rows.row {
            name = "... " .. other[1], unit = row.unit, figure = row.figure, probe = other[2], per = other[3],
            most = other[4], again = true,
        }
    end
end

-- How much the runs of one thing differ: what two of twenty take at least, beside what half of them do. Those of the
-- naive queue, in turns with them, tell how much of it is the machine.
rows.RUNS = 20
local SLOW = (rows.RUNS - 2) / (rows.RUNS - 1) -- all runs but the slowest lie below

function rows.steadiness(name, samples)
    assert(#samples == rows.RUNS)
    local slow = measure.quantile(samples.naive, SLOW)
    rows.row {
        name = name, unit = "ns", figure = measure.quantile(samples, SLOW), probe = measure.median(samples),
        per = "the median of these runs", most = 1.3, naive = slow,
        why = ("the naive queue's takes %.2f x its median"):format(slow / measure.median(samples.naive)),
    }
end

-- A plot of the page, of all rows with that series. Fields:
--   name            of the file: performance-<name>.svg
--   title, x, y     what it shows, and what stands at the axes
--   series          a series, or a list of them
--   scale           "x" or "xy": which axes are logarithmic
--   x_unit, y_unit  how numbers are written: "bytes", "ns", "us", or nothing
function rows.plot(plot)
    emit { plot = plot }
end

return rows
