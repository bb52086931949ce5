-- Compares the modules for event loops with docs/reference.md and with what editors are told: the same functions with
-- the same arguments, and no others. Those whose loop is not installed for this Lua are read, and not loaded.
local lu = require "luaunit"
local mtmsg = require "mtmsg"
local pages = require "pages"

local MODULES = { "cqueues", "luv", "socket" }

local function is_missing(name) return not pcall(require, name) end

-- calls["getmsg"] = "source,timeout"
local function names_of(arguments)
    local names = {}
    for name in arguments:gmatch("[%w_.]+") do names[#names + 1] = name end
    return table.concat(names, ",")
end

local function from_reference(module)
    local calls = {}
    for name, arguments in pages.prose("docs/reference.md"):gmatch("\n### `mtmsg%." .. module .. "%.(%w+)(%b())`") do
        calls[name] = names_of(arguments)
    end
    return calls
end

local function from_luacats(module)
    local calls = {}
    for name, arguments in pages.read("editor/library/mtmsg/" .. module .. ".lua"):gmatch(
        "\nfunction " .. module .. "%.(%w+)(%b()) end") do
        calls[name] = names_of(arguments)
    end
    return calls
end

local function from_teal(module)
    local calls = {}
    for name, arguments in pages.read("editor/mtmsg/" .. module .. ".d.tl"):gmatch("\n   (%w+): function(%b())") do
        arguments = arguments:gsub("(%w+%??): function%b()", "%1:"):gsub("%?", "")
        local names = {}
        for argument in arguments:gmatch("([%w.]+):") do names[#names + 1] = argument end
        lu.assertTrue(calls[name] == nil or calls[name] == table.concat(names, ","), name)
        calls[name] = table.concat(names, ",")
    end
    return calls
end

local function keys(t)
    local names = {}
    for name in pairs(t) do names[#names + 1] = name end
    table.sort(names)
    return names
end

TestLoops = {}

for _, module in ipairs(MODULES) do
    TestLoops["test_the_pages_of_" .. module .. "_agree"] = function()
        local expected = from_reference(module)
        lu.assertTrue(#keys(expected) > 0)
        lu.assertEquals(from_luacats(module), expected)
        lu.assertEquals(from_teal(module), expected)
    end

    TestLoops["test_" .. module .. "_has_what_the_reference_says"] = function()
        lu.skipIf(is_missing(module), module .. " is not installed for this Lua")
        lu.assertEquals(keys(require("mtmsg." .. module)), keys(from_reference(module)))
    end
end

function TestLoops:test_what_wrap_returns_is_as_editors_are_told()
    local wrapped = require("mtmsg.socket").wrap(mtmsg.newbuffer())
    local methods = {}
    for name, value in pairs(getmetatable(wrapped)) do
        if name ~= "__index" then
            lu.assertIsFunction(value)
            methods[name] = true
        end
    end
    local luacats, teal = {}, {}
    for name in pages.read("editor/library/mtmsg/socket.lua"):gmatch("\nfunction wrapped:(%w+)") do
        luacats[name] = true
    end
    for name in pages.read("editor/mtmsg/socket.d.tl"):gmatch("\n      (%w+): function") do teal[name] = true end
    lu.assertEquals(luacats, methods)
    lu.assertEquals(teal, methods)
end

os.exit(lu.LuaUnit.run())
