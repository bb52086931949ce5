-- Results as text: numbers, the columns of a row, a table for the terminal and one for Markdown. It computes nothing
-- but how things look.

local show = {}

-- Three digits that matter, and commas in what is large.
function show.number(value)
    if value == 0 then return "0" end
    local size = math.abs(value)
    if size < 0.1 then return ("%.3f"):format(value) end
    if size < 10 then return ("%.2f"):format(value) end
    if size < 100 then return ("%.1f"):format(value) end
    local text = ("%.0f"):format(value)
    repeat
        local again
        text, again = text:gsub("^(%-?%d+)(%d%d%d)", "%1,%2")
    until again == 0
    return text
end

local function spread(row)
    if not row.low or row.figure == 0 then return "" end
    return ("%.0f"):format(math.abs((row.high - row.low) / 2 / row.figure) * 100)
end

local function target(row)
    if not row.most then return "" end
    return "<= " .. show.number(row.most) .. (row.ratio and " x" or "")
end

show.headings = { "W", "on", "what", "figure", "unit", "± %", "probe", "which is", "ratio", "target", "verdict",
                  "naive", "to naive", "CPU ns", "switches" }
show.align = "lllrlrrlrrlrrrr"

function show.verdict(met)
    if met == nil then return "" end
    return met and "met" or "SHORT"
end

local function to_naive(row)
    if not row.versus then return "" end
    return (("%.2f %s"):format(row.versus, show.verdict(row.naive_met)):gsub(" $", ""))
end

function show.columns(row)
    return {
        "W" .. row.w, row.lua, row.name, show.number(row.figure), row.unit, spread(row),
        row.probe and show.number(row.probe) or "", row.per or "", row.ratio and ("%.2f"):format(row.ratio) or "",
        target(row), show.verdict(row.met), row.naive and show.number(row.naive) or "", to_naive(row),
        row.cpu and show.number(row.cpu) or "", row.switches and show.number(row.switches * 1000) or "",
    }
end

-- Characters, not bytes.
local function width(text)
    return select(2, text:gsub("[^\128-\191]", ""))
end

local function pad(text, to, side)
    local blanks = (" "):rep(to - width(text))
    return side == "r" and blanks .. text or text .. blanks
end

-- A table for the terminal.
function show.text(rows)
    local lines, widths = { show.headings }, {}
    for i, row in ipairs(rows) do lines[i + 1] = show.columns(row) end
    for column = 1, #show.headings do
        widths[column] = 0
        for _, line in ipairs(lines) do widths[column] = math.max(widths[column], width(line[column])) end
    end
    local out = {}
    for _, line in ipairs(lines) do
        local cells = {}
        for column, cell in ipairs(line) do
            cells[column] = pad(cell, widths[column], show.align:sub(column, column))
        end
        out[#out + 1] = (table.concat(cells, "  "):gsub("%s+$", ""))
    end
    return table.concat(out, "\n")
end

-- The columns in which some line has something, but for the first: the page has a heading for it.
local function used_columns(lines)
    local used = {}
    for column = 2, #show.headings do
        local empty = true
        for _, line in ipairs(lines) do empty = empty and line[column] == "" end
        if not empty then used[#used + 1] = column end
    end
    return used
end

-- A table for Markdown.
function show.markdown(rows)
    local lines, heads, rules = {}, {}, {}
    for i, row in ipairs(rows) do lines[i] = show.columns(row) end
    local used = used_columns(lines)
    for i, column in ipairs(used) do
        heads[i] = show.headings[column]
        rules[i] = show.align:sub(column, column) == "r" and "--:" or "---"
    end
    local out = { "| " .. table.concat(heads, " | ") .. " |", "|" .. table.concat(rules, "|") .. "|" }
    for _, line in ipairs(lines) do
        local cells = {}
        for i, column in ipairs(used) do cells[i] = line[column] end
        out[#out + 1] = "| " .. table.concat(cells, " | ") .. " |"
    end
    return table.concat(out, "\n")
end

return show
