-- Makes docs/performance.md from bench/performance.md, which has the text, and from results.json, which has the
-- figures; and draws the plots with gnuplot. It measures nothing.
--
-- usage: report.lua RESULTS DIRECTORY

local json = require "json"
local show = require "show"

local source, directory = ...

local function read(path)
    local file = io.open(path)
    if not file then
        io.stderr:write("There is no ", path, ": run `make bench` first.\n")
        os.exit(1)
    end
    local text = file:read("*a")
    file:close()
    return text
end

local results = json.decode(read(source))

local function rows_where(test)
    local list = {}
    for _, row in ipairs(results.rows) do
        if test(row) then list[#list + 1] = row end
    end
    return list
end

-- ---- plots

-- Each curve is a list of points and has a title; y is computed from the row.
local function curves(series, y)
    local list = {}
    for _, row in ipairs(rows_where(function(row) return row.series == series end)) do
        local curve = list[#list]
        if not curve or curve.title ~= row.lua then
            curve = { title = row.lua }
            list[#list + 1] = curve
        end
        curve[#curve + 1] = { row.x, y(row) }
    end
    return list
end

local function latency_curves()
    local list = {}
    for _, row in ipairs(rows_where(function(row) return row.points ~= nil end)) do
        row.points.title = row.series == "latency" and row.lua or "futex (run of " .. row.lua .. ")"
        list[#list + 1] = row.points
    end
    return list
end

local function figure(row) return row.figure end

local plots = {
    { name = "threads", title = "Throughput of one buffer", x = "threads, half of them producers",
      y = "million messages per second", list = curves("threads", function(row) return 1000 / row.figure end),
      setting = "set logscale x 2" },
    { name = "backlog", title = "Add and next with messages waiting in between", x = "bytes waiting",
      y = "ns per message", list = curves("backlog", figure), setting = "set logscale x; set xrange [512:*]" },
    { name = "buffers", title = "A listener with many buffers, two threads", x = "buffers", y = "ns per message",
      list = curves("buffers", figure), setting = "set logscale x" },
    { name = "finding-by-id", title = "Finding a buffer by its id", x = "buffers", y = "ns",
      list = curves("find by id", figure), setting = "set logscale x" },
    { name = "finding-by-name", title = "Finding a buffer by its name", x = "buffers", y = "ns",
      list = curves("find by name", figure), setting = "set logscale x" },
    { name = "size", title = "Add and next of a string, one thread", x = "bytes of the string", y = "ns per message",
      list = curves("size", figure), setting = "set logscale xy" },
    { name = "bandwidth", title = "Stream of strings between two threads", x = "bytes of the string", y = "GB/s",
      list = curves("bandwidth", figure), setting = "set logscale x" },
    { name = "latency", title = "Waking a consumer that sleeps", x = "microseconds", y = "percent that are not later",
      list = latency_curves(), setting = "set logscale x; set key bottom" },
}

local function draw(plot)
    local path = ("%s/performance-%s.svg"):format(directory, plot.name)
    local script = {
        "set terminal svg size 640,400 font 'sans,12' background 'white'", ("set output '%s'"):format(path),
        ("set title '%s'; set xlabel '%s'; set ylabel '%s'"):format(plot.title, plot.x, plot.y),
        "set grid; set yrange [0:*]; set style data linespoints", plot.setting,
        plot.setting:find("xy", 1, true) and "set yrange [*:*]" or "",
    }
    local names = {}
    for i, curve in ipairs(plot.list) do
        script[#script + 1] = ("$data%d << end"):format(i)
        for _, point in ipairs(curve) do script[#script + 1] = ("%.9g %.9g"):format(point[1], point[2]) end
        script[#script + 1] = "end"
        names[i] = ("$data%d title '%s' linewidth 2"):format(i, curve.title)
    end
    script[#script + 1] = "plot " .. table.concat(names, ", ")
    local gnuplot = assert(io.popen("gnuplot", "w"))
    gnuplot:write(table.concat(script, "\n"), "\n")
    gnuplot:close()
end

-- ---- the page

local fields = {}

for w = 0, 10 do
    local rows = rows_where(function(row) return row.w == w end)
    fields["W" .. w] = #rows > 0 and show.markdown(rows) or "(not measured)"
end

function fields.machine()
    local m = results.machine
    return ("%s, %d CPUs; %s, %s; %s; measured on %s."):format(m.cpu, m.cpus, m.distribution, m.system, m.compiler,
                                                              m.date)
end

-- A name that begins with dots goes on from the row before: the title that a row belongs to, and what rows of that
-- title tell that no target judges.
local function limits_of(short)
    local title, at = "", 1
    for i, row in ipairs(results.rows) do
        if row.w == short.w and not row.name:find("^%.%.%.") then title, at = row.name, i end
        if row == short then break end
    end
    local told = {}
    for i = at + 1, #results.rows do
        local row = results.rows[i]
        if row.w ~= short.w or row.lua ~= short.lua or not row.name:find("^%.%.%.") then break end
        if not row.most and row.ratio then told[#told + 1] = ("%.2f x %s"):format(row.ratio, row.per)
        elseif not row.most and row.unit == "" then
            told[#told + 1] = row.name:gsub("^%.%.%. ?", "") .. ": " .. show.number(row.figure)
        end
    end
    return title, told
end

function fields.verdict()
    local judged = rows_where(function(row) return row.most ~= nil end)
    local short = rows_where(function(row) return row.met == false end)
    local lines = { ("%d of %d targets are met."):format(#judged - #short, #judged) }
    if #short > 0 then
        lines[1] = lines[1] .. " Short are those that follow; behind the semicolon, what else was measured of them:\n"
    end
    for _, row in ipairs(short) do
        local title, parts = limits_of(row)
        local name = row.name:gsub("^%.%.%.", title .. ":")
        table.insert(parts, 1, ("- W%d on %s, %s: %s where %s is the target"):format(row.w, row.lua, name,
            row.ratio and ("%.2f x"):format(row.ratio) or show.number(row.figure) .. " " .. row.unit,
            show.number(row.most) .. (row.ratio and " x" or "")))
        lines[#lines + 1] = table.concat(parts, "; ")
    end
    return table.concat(lines, "\n")
end

if io.popen("command -v gnuplot"):read("*a") == "" then
    io.stderr:write("gnuplot is missing: the plots stay as they are.\n")
else
    for _, plot in ipairs(plots) do
        if #plot.list > 0 then draw(plot) end
    end
end

local page = read("bench/performance.md"):gsub("{{(%w+)}}", function(name)
    local field = fields[name] or error("bench/performance.md asks for " .. name)
    return type(field) == "function" and field() or field
end)
local file = assert(io.open(directory .. "/performance.md", "w"))
file:write(page)
file:close()

if results.quick then io.stderr:write("These results are of a trial run (BENCH_QUICK): do not keep the page.\n") end
if results.machine.load > 0.5 then
    local text = "The machine was busy (load %.1f) when these figures were measured.\n"
    io.stderr:write(text:format(results.machine.load))
end
