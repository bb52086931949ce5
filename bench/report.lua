-- Makes docs/performance.md from bench/performance.md, the workloads' own texts, and what was measured last, and draws
-- its charts. It measures nothing.
--
-- usage: report.lua TREE DIRECTORY [MODE]    TREE is that of the build; MODE is "quick" to try it out

local chart = require "chart"
local files = require "files"
local machine = require "machine"
local scale = require "scale"
local show = require "show"
local verdict = require "verdict"

local build, directory, mode = ...
mode = mode or "quiet"

-- The Luas in the order of the tables, and what they are called; what is no Lua is another way.
local order = { "lua5.1", "lua5.2", "lua5.3", "lua5.4", "lua5.5", "luajit" }
local place = {}
for i, lua in ipairs(order) do place[lua] = i end

local function title_of(lua)
    return (lua:gsub("^luajit$", "LuaJIT"):gsub("^lua", "Lua "))
end

-- The colours of the Luas that are drawn, as curves of all of them would be too many: one that interprets and one that
-- compiles, or what was measured instead.
local function colours_for(rows)
    local measured = {}
    for _, row in ipairs(rows) do
        if place[row.lua] then measured[row.lua] = true end
    end
    if measured["lua5.4"] or measured.luajit then return { ["lua5.4"] = 1, luajit = 2 } end
    local first = next(measured)
    return first and { [first] = 1 } or {}
end

-- ---- what was measured

-- By workload: { rows, plots, machine }, the Luas in their order and then other ways. Workloads that are gone are
-- left out.
local function collect(from)
    local names, measured = {}, {}
    local all = files.load(build, from)
    for name in pairs(all) do names[#names + 1] = name end
    local function key(name) return ("%02d %s"):format(place[name:match("%-(.*)")] or 99, name) end
    table.sort(names, function(a, b) return key(a) < key(b) end)
    for _, name in ipairs(names) do
        local w, results = tonumber(name:match("^w(%d+)")), all[name]
        measured[w] = measured[w] or { rows = {}, plots = {}, machine = results.machine, others = 0 }
        measured[w].others = math.max(measured[w].others, results.others or 0)
        local complaint = machine.complaint(name .. ", " .. from, results.others or 0)
        if complaint then io.stderr:write(complaint, "\n") end
        for _, row in ipairs(results.rows) do table.insert(measured[w].rows, row) end
        for _, plot in ipairs(results.plots) do measured[w].plots[plot.name] = plot end
    end
    return measured
end

local workloads, quiet, loaded = files.workloads(), collect(mode), collect("loaded")

local function all_rows(measured)
    local rows = {}
    for _, workload in ipairs(workloads) do
        for _, row in ipairs(measured[workload.w] and measured[workload.w].rows or {}) do rows[#rows + 1] = row end
    end
    return rows
end

local function first_machine(measured)
    for _, workload in ipairs(workloads) do
        if measured[workload.w] then return measured[workload.w].machine end
    end
end

-- What all of it was measured on.
local function caption_of(measured)
    local others = 0
    for _, one in pairs(measured) do others = math.max(others, one.others) end
    return machine.caption(first_machine(measured), others)
end

-- ---- charts

local function save(name, text)
    files.write(("%s/performance-%s.svg"):format(directory, name), text)
end

local function belongs(row, series)
    if type(series) == "string" then return row.series == series end
    for _, one in ipairs(series) do
        if row.series == one then return true end
    end
    return false
end

-- Where a row's point lies for the library and for the naive queue. What is no time grows as time shrinks.
local function points_of(row)
    local y = row.y or row.figure
    local naive = row.naive and (row.y and row.y * row.figure / row.naive or row.naive)
    return { row.x, y }, naive and { row.x, naive }
end

local function curve_of(curves, title, colour, dashed)
    for _, curve in ipairs(curves) do
        if curve.title == title then return curve end
    end
    local curve = { title = title, colour = colour, dashed = dashed }
    curves[#curves + 1] = curve
    return curve
end

-- A curve of its own: in the first series of the plot that of the library, in the others what it is compared with.
local function add_points(curves, plot, row, colour)
    local first = type(plot.series) == "string" or row.series == plot.series[1]
    local title = title_of(row.lua)
    if not first then title = row.series:gsub("^%w+ of ", "") .. ", beside " .. title end
    local curve = curve_of(curves, title, colour, not first)
    for i, point in ipairs(row.points) do curve[i] = point end
end

local function curves_of(plot, rows)
    local curves, colours, is_log = {}, colours_for(rows), (plot.scale or ""):find("x") ~= nil
    for _, row in ipairs(rows) do
        local colour = colours[row.lua]
        if colour and belongs(row, plot.series) then
            if row.points then
                add_points(curves, plot, row, colour)
            elseif row.x > 0 or not is_log then
                local own, naive = points_of(row)
                table.insert(curve_of(curves, title_of(row.lua), colour), own)
                if naive then
                    table.insert(curve_of(curves, "naive, " .. title_of(row.lua), colour, true), naive)
                end
            end
        end
    end
    return curves
end

-- What a row with a chart was measured on, the naive queue, and other ways from the fastest on; or nothing.
local function group_of(rows)
    local title, unit, own, naive, other, seen = nil, nil, {}, {}, {}, {}
    for _, row in ipairs(rows) do
        if row.chart then
            title, unit = row.chart, row.unit
            table.insert(own, { label = "mtmsg, " .. title_of(row.lua), value = row.figure, kind = "own" })
            local label = "naive queue, " .. title_of(row.lua)
            if row.naive then table.insert(naive, { label = label, value = row.naive, kind = "naive" }) end
        elseif row.rival then
            local label = row.rival .. ", " .. title_of(row.lua)
            table.insert(other, { label = label, value = row.probe, kind = "other" })
        elseif not place[row.lua] and not seen[row.lua] then -- the first is what the chart is about
            seen[row.lua] = true
            table.insert(other, { label = row.lua, value = row.figure, kind = "other" })
        end
    end
    table.sort(other, function(a, b) return a.value < b.value end)
    for _, list in ipairs { naive, other } do
        for _, bar in ipairs(list) do own[#own + 1] = bar end
    end
    return title and { title = title, unit = unit, bars = own }
end

local function groups()
    local list = {}
    for _, workload in ipairs(workloads) do
        list[#list + 1] = quiet[workload.w] and group_of(quiet[workload.w].rows) or nil
    end
    return list
end

local function draw_all()
    save("overview", chart.bars("What a small message costs", "Shorter is better; " ..
        caption_of(quiet) .. ".", groups()))
    for _, measured in pairs(quiet) do
        for name, plot in pairs(measured.plots) do
            local curves = curves_of(plot, measured.rows)
            if #curves > 0 then save(name, chart.curves(plot, curves)) end
        end
    end
end

-- ---- the page

local fields = {}

function fields.machine()
    return caption_of(quiet) .. "; " .. machine.details(first_machine(quiet)) .. "."
end

local function figure_of(w, lua, field)
    for _, row in ipairs(quiet[w] and quiet[w].rows or {}) do
        if row.lua == lua and (row.chart or not place[lua]) and row.unit == "ns" and
            (place[lua] or not row.name:find("^add and take")) then
            return row[field or "figure"]
        end
    end
end

local function written(ns)
    return ns and scale.written(ns, "ns") or "(not measured)"
end

-- Three sentences.
function fields.summary()
    local luajit, lua = "luajit", "lua5.4"
    local go = figure_of(3, "Go channel")
    return ("Between two threads a stream of small messages costs %s each in LuaJIT and %s in Lua 5.4, where a\n" ..
        "plain queue with a mutex costs %s and %s. A question and its answer take %s and %s, against\n%s and %s: " ..
        "threads that are at it do not sleep in between%s.\n%s"):format(
        written(figure_of(2, luajit)), written(figure_of(2, lua)), written(figure_of(2, luajit, "naive")),
        written(figure_of(2, lua, "naive")), written(figure_of(3, luajit)), written(figure_of(3, lua)),
        written(figure_of(3, luajit, "naive")), written(figure_of(3, lua, "naive")),
        go and (" (Go, at %s, stays on one processor\nfor that)"):format(written(go)) or "",
        verdict.summary(all_rows(quiet)))
end

function fields.short()
    local text = verdict.markdown(all_rows(quiet))
    return text ~= "" and text or "Nothing is."
end

-- A table with what it was measured on above it.
local function table_of(measured)
    local caption = machine.caption(measured.machine, measured.others)
    return ("*%s*\n\n%s"):format(caption, show.markdown(measured.rows))
end

function fields.workloads()
    local parts = {}
    for i, workload in ipairs(workloads) do
        local measured = quiet[workload.w]
        parts[i] = ("## %s\n\n%s\n%s"):format(workload.title, workload.text,
            measured and table_of(measured) or "(not measured)")
    end
    return table.concat(parts, "\n\n")
end

-- Only what is compared with the naive queue counts there.
function fields.loaded()
    local rows = {}
    for _, row in ipairs(all_rows(loaded)) do
        if row.naive_met ~= nil then rows[#rows + 1] = row end
    end
    if #rows == 0 then return "(not measured)" end
    local lines = { "| | on | what | figure | unit | naive | to naive | |", "|---|---|---|--:|---|--:|--:|---|" }
    for _, row in ipairs(rows) do
        lines[#lines + 1] = ("| W%d | %s | %s | %s | %s | %s | %.2f | %s |"):format(row.w, row.lua, row.name,
            show.number(row.figure), row.unit, show.number(row.naive), row.versus, show.verdict(row.naive_met))
    end
    return ("%s\n\n*%s*\n\n%s"):format(verdict.summary(rows), caption_of(loaded), table.concat(lines, "\n"))
end

if not first_machine(quiet) then
    io.stderr:write("Nothing has been measured: run `make bench` first.\n")
    os.exit(1)
end
draw_all()
files.write(directory .. "/performance.md", (files.read("bench/performance.md"):gsub("{{(%w+)}}", function(name)
    return (fields[name] or error("bench/performance.md asks for " .. name))()
end)))
