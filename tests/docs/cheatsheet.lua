-- Compares docs/cheatsheet.md with the module: every call and every error stands there once, spelt as the reference has
-- it, and nothing else does. What the page says about them is not its affair.
local lu = require "luaunit"
local mtmsg = require "mtmsg"
local pages = require "pages"

-- What the first column of the tables names, each with how often: names["buffer:addmsg"] = { "buffer:addmsg(...)" }
local function on_the_sheet()
    local names = {}
    for cell in pages.prose("docs/cheatsheet.md"):gmatch("\n|%s*(`[^\n]-)%s+|") do
        for text in cell:gmatch("`([^`]+)`") do
            local name = text:match("^[%w_.:]+")
            names[name] = names[name] or {}
            table.insert(names[name], (text:gsub("\\|", "|")))
        end
    end
    return names
end

-- The same of the module's own tables, each with the heading of the reference.
local function of_the_module()
    local headings, names = {}, {}
    for heading in pages.prose("docs/reference.md"):gmatch("\n### `([^\n]+)`") do
        headings[heading:match("^[%w_.:]+")] = heading
    end
    local function take(prefix, t)
        for name in pairs(t) do
            if name ~= "error" and name ~= "events" and (prefix == "mtmsg." or not name:find("^__")) then
                names[prefix .. name] = { headings[prefix .. name] }
            end
        end
    end
    for name, heading in pairs(headings) do -- those of files of Lua
        if name:find("^mtmsg%.%l+%.%l+$") and not name:find("^mtmsg%.error%.") then names[name] = { heading } end
    end
    take("mtmsg.", mtmsg)
    take("mtmsg.error.", mtmsg.error)
    for class, object in pairs { buffer = mtmsg.newbuffer(), listener = mtmsg.newlistener(),
        writer = mtmsg.newwriter(), reader = mtmsg.newreader(), topic = mtmsg.newtopic() } do
        take(class .. ":", debug.getmetatable(object).__index)
    end
    return names
end

TestCheatSheet = {}

function TestCheatSheet:test_it_has_every_call_once_as_the_reference_spells_it()
    local sheet, module = on_the_sheet(), of_the_module()
    for name, spelt in pairs(module) do
        lu.assertEquals(sheet[name], spelt, name .. " belongs on docs/cheatsheet.md, as the reference spells it")
    end
    for name in pairs(sheet) do
        lu.assertNotNil(module[name], name .. " is on docs/cheatsheet.md, and not in the module")
    end
end

os.exit(lu.LuaUnit.run())
