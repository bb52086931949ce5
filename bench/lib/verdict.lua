-- Counts which targets are met, and tells of the others what else was measured. How a row is judged is told by
-- rows.lua.

local show = require "show"

local verdict = {}

local function count(rows, field)
    local judged, met = 0, 0
    for _, row in ipairs(rows) do
        if row[field] ~= nil then judged = judged + 1 end
        if row[field] then met = met + 1 end
    end
    return met, judged
end

-- A sentence.
function verdict.summary(rows)
    local met, judged = count(rows, "met")
    local faster, compared = count(rows, "naive_met")
    local parts = {}
    if judged > 0 then parts[1] = ("%d of %d targets are met"):format(met, judged) end
    if compared > 0 then
        local most = 1
        for _, row in ipairs(rows) do most = row.naive_most or most end
        parts[#parts + 1] = ("%d of %d rows are %s the naive queue"):format(faster, compared,
            most > 1 and ("within %g times"):format(most) or "no slower than")
    end
    return #parts > 0 and table.concat(parts, ", and ") .. "." or ""
end

-- A name that begins with dots goes on from the row before: the title that a row belongs to, and the place of that one.
local function title_of(rows, short)
    local title, at = short.name, 1
    for i, row in ipairs(rows) do
        if row.w == short.w and row.lua == short.lua and not row.name:find("^%.%.%.") then title, at = row.name, i end
        if row == short then break end
    end
    return title, at
end

-- What rows of the same title tell that no target judges.
local function told_beside(rows, short, at)
    local told = {}
    for i = at + 1, #rows do
        local row = rows[i]
        if row.w ~= short.w or row.lua ~= short.lua or not row.name:find("^%.%.%.") then break end
        if not row.most and row.ratio then told[#told + 1] = ("%.2f x %s"):format(row.ratio, row.per)
        elseif not row.most and row.unit == "" then
            told[#told + 1] = show.number(row.figure) .. " " .. row.name:gsub("^%.%.%. ?", "")
        end
    end
    return told
end

-- A list of what is short: w, lua, name, is (a ratio or a figure), most (the target), of (what both are of), and
-- beside, a list of what else was measured.
function verdict.short(rows)
    local list = {}
    local function add(row, is, most, of, beside)
        local name = row.name:gsub("^%.%.%.", (title_of(rows, row)) .. ":")
        list[#list + 1] = { w = row.w, lua = row.lua, name = name, is = is, most = most, of = of, beside = beside }
    end
    for _, row in ipairs(rows) do
        if row.met == false then
            local beside = told_beside(rows, row, select(2, title_of(rows, row)))
            if row.why then table.insert(beside, 1, row.why) end
            add(row, row.ratio or row.figure, row.most, row.ratio and "x " .. row.per or row.unit, beside)
        end
        if row.naive_met == false then add(row, row.versus, row.naive_most, "x the naive queue", { row.why }) end
    end
    return list
end

-- For the terminal: a line for each.
function verdict.text(rows)
    local lines = { verdict.summary(rows) }
    for _, short in ipairs(verdict.short(rows)) do
        local line = ("SHORT: W%d %s, %s: %.2f %s, target %s"):format(short.w, short.lua, short.name, short.is,
            short.of, show.number(short.most))
        if #short.beside > 0 then line = line .. " (" .. table.concat(short.beside, "; ") .. ")" end
        lines[#lines + 1] = line
    end
    return table.concat(lines, "\n")
end

-- For Markdown: a table with a line for what is short on some Luas, or nothing.
function verdict.markdown(rows)
    local lines, at = { "| | what | target | short on | what else was measured of it |", "|---|---|---|---|---|" }, {}
    for _, short in ipairs(verdict.short(rows)) do
        local key = short.w .. short.name .. short.of
        local line = at[key]
        if not line then
            line = { short = short, is = {}, beside = {} }
            at[key], lines[#lines + 1] = line, line
        end
        table.insert(line.is, ("%s: %.2f"):format(short.lua, short.is))
        local told = table.concat(short.beside, "; ")
        if told ~= "" then table.insert(line.beside, short.lua .. ": " .. told) end
    end
    for i = 3, #lines do
        local line, short = lines[i], lines[i].short
        lines[i] = ("| W%d | %s | ≤ %s %s | %s | %s |"):format(short.w, short.name, show.number(short.most), short.of,
            table.concat(line.is, ", "), table.concat(line.beside, "; "))
    end
    return #lines > 2 and table.concat(lines, "\n") or ""
end

return verdict
