-- Strict names: while you develop, a misspelt name is an error that proposes the right one. The module itself gives nil
-- for names that it does not have, as any Lua table does, so that programs can ask for a method before they call it.
--
--     require("strict")(require "mtmsg")     -- once in each Lua state; leave it out in production
--
-- It reaches the tables of methods through the debug library, and costs nothing where names are right.

-- How many letters must be inserted, dropped, changed or swapped with a neighbour to make b out of a.
local function distance(a, b)
    local rows = { [-1] = {}, [0] = { [0] = 0 } }
    for j = 1, #b do rows[0][j] = j end
    for i = 1, #a do
        rows[i] = { [0] = i }
        for j = 1, #b do
            local same = a:byte(i) == b:byte(j)
            local least = math.min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + (same and 0 or 1))
            if i > 1 and j > 1 and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j) then
                least = math.min(least, rows[i - 2][j - 2] + 1)
            end
            rows[i][j] = least
        end
    end
    return rows[#a][#b]
end

local function nearest(names, wrong)
    local best, least = nil, math.max(2, math.floor(#wrong / 3)) + 1
    for name in pairs(names) do
        local d = type(name) == "string" and distance(wrong, name) or least
        if d < least or d == least and best and name < best then best, least = name, d end
    end
    return best
end

local function guard(names, what)
    return setmetatable(names, {
        __index = function(_, name)
            if type(name) ~= "string" or name:find("^__") then return nil end
            local proposal = nearest(names, name)
            error(("%s has no '%s'%s"):format(what, name,
                proposal and (" (did you mean '%s'?)"):format(proposal) or ""), 2)
        end,
    })
end

local function strict(mtmsg)
    for _, object in ipairs { mtmsg.newbuffer(), mtmsg.newlistener(), mtmsg.newwriter(), mtmsg.newreader() } do
        guard(debug.getmetatable(object).__index, mtmsg.type(object))
    end
    guard(mtmsg.error, "mtmsg.error")
    return guard(mtmsg, "mtmsg")
end

if ... then return strict end -- loaded with require; the rest shows it at work

local mtmsg = strict(require "mtmsg")
local buffer = mtmsg.newbuffer()
local mistakes = {
    ["mtmsg.buffer has no 'addmesg' (did you mean 'addmsg'?)"] = function() buffer:addmesg(1) end,
    ["mtmsg.buffer has no 'nextMsg' (did you mean 'nextmsg'?)"] = function() buffer:nextMsg() end,
    ["mtmsg has no 'newbufer' (did you mean 'newbuffer'?)"] = function() mtmsg.newbufer() end,
    ["mtmsg.error has no 'object_close' (did you mean 'object_closed'?)"] = function()
        return mtmsg.error.object_close
    end,
    ["mtmsg.buffer has no 'frobnicate'"] = function() buffer:frobnicate() end,
}
for expected, mistake in pairs(mistakes) do
    local ok, err = pcall(mistake)
    assert(not ok and err:sub(-#expected) == expected, err)
end
buffer:addmsg("fine")
assert(buffer:nextmsg() == "fine")
print("five mistakes, each with its place and, where there is one, the name that was meant")
