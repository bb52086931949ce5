-- Draws the two kinds of charts of the page: bars of several ways to do one thing, and curves. Figures come from the
-- caller; it computes nothing but places.

local scale = require "scale"
local svg = require "svg"

local chart = {}

local WIDTH = 720

-- ---- bars

local LABEL, RIGHT, ROW, BAR, HEAD, FOOT = 190, 90, 24, 15, 34, 38

local function group_height(group)
    return HEAD + #group.bars * ROW + FOOT
end

local function draw_group(p, group, top)
    local most = 0
    for _, bar in ipairs(group.bars) do most = math.max(most, bar.value) end
    local axis = scale.linear(most, WIDTH - LABEL - RIGHT)
    local first, last = top + HEAD, top + HEAD + #group.bars * ROW
    p:text(20, top + 16, group.title, "head")
    for _, tick in ipairs(axis.ticks) do
        local x = LABEL + axis.place(tick)
        p:line("grid", x, first, x, last)
        p:text(x, last + 17, scale.written(tick, group.unit), "middle dim")
    end
    for i, bar in ipairs(group.bars) do
        local y, w = first + (i - 1) * ROW + (ROW - BAR) / 2, math.max(1.5, axis.place(bar.value))
        p:text(LABEL - 8, y + 12, bar.label, bar.kind == "own" and "end head" or "end")
        p:bar(bar.kind, LABEL, y, w, BAR)
        p:text(LABEL + w + 6, y + 12, scale.written(bar.value, group.unit), bar.kind == "own" and "halo head" or "halo")
    end
    p:line("axis", LABEL, first, LABEL, last)
end

-- groups is a list of { title, unit, bars }, bars one of { label, value, kind }, where kind is "own", "naive" or
-- "other".
function chart.bars(title, note, groups)
    local height = 62
    for _, group in ipairs(groups) do height = height + group_height(group) end
    return svg.picture(WIDTH, height, title, function(p)
        p:text(20, 28, title, "title")
        p:text(20, 47, note, "dim")
        local top = 58
        for _, group in ipairs(groups) do
            draw_group(p, group, top)
            top = top + group_height(group)
        end
    end)
end

-- ---- curves

local LEFT, AFTER, HEIGHT, BELOW = 76, 30, 270, 58

-- Titles of curves in rows above the plot; returns the places, and how many rows there are.
local function lay_out_legend(curves)
    local x, row, places = LEFT, 1, {}
    for i, curve in ipairs(curves) do
        local w = 34 + svg.width(curve.title) + 16
        if x + w > WIDTH - AFTER and x > LEFT then x, row = LEFT, row + 1 end
        places[i] = { x, row }
        x = x + w
    end
    return places, row
end

local function bounds(curves, at)
    local least, most, seen, values = math.huge, -math.huge, {}, {}
    for _, curve in ipairs(curves) do
        for _, point in ipairs(curve) do
            local value = point[at]
            least, most = math.min(least, value), math.max(most, value)
            if not seen[value] then values[#values + 1] = value end
            seen[value] = true
        end
    end
    table.sort(values)
    return least, most, values
end

-- The two axes, as long as the plot is wide and high.
local function axes_of(plot, curves)
    local is_log = plot.scale or ""
    local least, most, values = bounds(curves, 1)
    local x
    if is_log:find("x") then
        x = scale.logarithmic(least, most, WIDTH - LEFT - AFTER, #values <= 12 and values or nil, 58)
    else
        x = scale.linear(most, WIDTH - LEFT - AFTER)
    end
    least, most = bounds(curves, 2)
    if not is_log:find("y") then return x, scale.linear(most, HEIGHT) end
    least, most = scale.around(least, most)
    return x, scale.logarithmic(least, most, HEIGHT, nil, 20)
end

local function draw_frame(p, plot, x, y, top)
    local bottom = top + HEIGHT
    for _, tick in ipairs(y.ticks) do
        local at = bottom - y.place(tick)
        p:line("grid", LEFT, at, WIDTH - AFTER, at)
        p:text(LEFT - 8, at + 4.5, scale.written(tick, plot.y_unit), "end dim")
    end
    for _, tick in ipairs(x.ticks) do
        local at = LEFT + x.place(tick)
        p:line("axis", at, bottom, at, bottom + 5)
        p:text(at, bottom + 20, scale.written(tick, plot.x_unit), "middle dim")
    end
    p:line("axis", LEFT, bottom, WIDTH - AFTER, bottom)
    p:text(WIDTH - AFTER, bottom + 42, plot.x, "end")
    p:text(20, top - 14, plot.y)
end

local function style_of(curve)
    return ("s%d%s"):format(curve.colour, curve.dashed and " dashed" or "")
end

-- plot as rows.plot says; curves is a list of lists of { x, y }, with title, colour (1 to 6), dashed.
function chart.curves(plot, curves)
    local places, rows = lay_out_legend(curves)
    local top = 48 + rows * 20 + 30
    local x, y = axes_of(plot, curves)
    return svg.picture(WIDTH, top + HEIGHT + BELOW, plot.title, function(p)
        p:text(20, 28, plot.title, "title")
        draw_frame(p, plot, x, y, top)
        for i, curve in ipairs(curves) do
            local points, at = {}, places[i]
            for k, point in ipairs(curve) do
                points[k] = { LEFT + x.place(point[1]), top + HEIGHT - y.place(point[2]) }
            end
            p:curve(style_of(curve), points)
            for _, point in ipairs(points) do p:dot("d" .. curve.colour, point[1], point[2]) end
            local base = 32 + at[2] * 20
            p:line("curve " .. style_of(curve), at[1], base - 4.5, at[1] + 26, base - 4.5)
            p:text(at[1] + 34, base, curve.title)
        end
    end)
end

return chart
