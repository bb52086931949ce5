-- Axes: where a value lies, which values are marked, and how they are written so that a person reads them. It draws
-- nothing.

local scale = {}

local function trimmed(value, digits)
    local text = ("%." .. digits .. "f"):format(value)
    return digits > 0 and text:gsub("%.?0+$", "") or text
end

local function three_digits(value)
    return (trimmed(value, value < 10 and 2 or value < 100 and 1 or 0))
end

local function thousands(text)
    repeat
        local again
        text, again = text:gsub("^(%-?%d+)(%d%d%d)", "%1,%2")
    until again == 0
    return text
end

-- Each unit is one of a ladder: the next is that many times as large.
local ladders = {
    bytes = { { 1, "B" }, { 1024, "KB" }, { 1024 ^ 2, "MB" }, { 1024 ^ 3, "GB" } },
    ns = { { 1, "ns" }, { 1e3, "µs" }, { 1e6, "ms" }, { 1e9, "s" } },
    us = { { 1e-3, "ns" }, { 1, "µs" }, { 1e3, "ms" }, { 1e6, "s" } },
}

-- A value as a person writes it: 64 KB, 1.5 µs, 10,000.
function scale.written(value, unit)
    local ladder = ladders[unit]
    if not ladder then return thousands(three_digits(value)) end
    if value == 0 then return "0" end
    local step = ladder[1]
    for _, other in ipairs(ladder) do
        if value >= other[1] * 0.9995 then step = other end
    end
    return three_digits(value / step[1]) .. " " .. step[2]
end

local function log10(x)
    return math.log(x) / math.log(10)
end

-- 1, 2 or 5 times a power of ten, so that about `count` of it make the range.
local function nice_step(range, count)
    local power = 10 ^ math.floor(log10(range / count))
    for _, times in ipairs { 1, 2, 5, 10 } do
        if range / (times * power) <= count then return times * power end
    end
end

-- A linear axis from 0 to something nice at or beyond most, `length` long.
function scale.linear(most, length, count)
    local step = nice_step(most, count or 5)
    local top, ticks = math.ceil(most / step - 1e-9) * step, {}
    for i = 0, math.floor(top / step + 0.5) do ticks[#ticks + 1] = i * step end
    return { place = function(value) return value / top * length end, ticks = ticks }
end

-- Which of the wanted marks have room.
local function with_room(wanted, place, room)
    local ticks = {}
    for i = #wanted, 1, -1 do -- the largest are round more often
        if not ticks[1] or place(ticks[1]) - place(wanted[i]) >= room then table.insert(ticks, 1, wanted[i]) end
    end
    return ticks
end

local function decades(least, most)
    local list = {}
    local wide = log10(most / least) > 2.5
    for power = math.floor(log10(least)), math.ceil(log10(most)) do
        for _, times in ipairs(wide and { 1 } or { 1, 2, 5 }) do
            local value = times * 10 ^ power
            if value >= least * 0.999 and value <= most * 1.001 then list[#list + 1] = value end
        end
    end
    return list
end

-- The powers of ten that lie around.
function scale.around(least, most)
    return 10 ^ math.floor(log10(least) + 1e-9), 10 ^ math.ceil(log10(most) - 1e-9)
end

-- A logarithmic axis from least to most; marks is a sorted list of values to mark, or nil for powers of ten; room is
-- what each mark needs.
function scale.logarithmic(least, most, length, marks, room)
    local span = math.log(most / least)
    local function place(value) return math.log(value / least) / span * length end
    return { place = place, ticks = with_room(marks or decades(least, most), place, room) }
end

return scale
