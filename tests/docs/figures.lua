-- Compares the figures of the documentation with what docs/figures/draw.lua draws, and with the pages that show them.
-- It does not look at them.
local lu = require "luaunit"
local pages = require "pages"

local drawn = dofile("docs/figures/draw.lua")

TestFigures = {}

function TestFigures:test_the_files_are_what_the_script_draws()
    local names = {}
    local list = io.popen("ls docs/figures/*.svg")
    for path in list:lines() do
        local name = path:match("([%w_-]+)%.svg$")
        names[name] = true
        lu.assertTrue(drawn[name] ~= nil, path .. " is not drawn by the script")
        lu.assertTrue(drawn[name] == pages.read(path), path .. " is out of date: run make figures")
    end
    list:close()
    for name in pairs(drawn) do
        lu.assertTrue(names[name] ~= nil, name .. " has no file: run make figures")
    end
end

function TestFigures:test_each_figure_is_shown_on_a_page()
    local text = ""
    for _, path in ipairs(pages.all()) do
        text = text .. pages.read(path)
    end
    for name in pairs(drawn) do
        lu.assertTrue(text:find("](figures/" .. name .. ".svg)", 1, true) ~= nil, name)
    end
end

-- A text that leaves its figure would be cut off: letters are at most 8 units wide, and most of them less.
function TestFigures:test_texts_stay_within_their_figure()
    for name, svg in pairs(drawn) do
        local width = tonumber(svg:match('width="(%d+)"'))
        for x, class, text in svg:gmatch('<text x="([%d.]+)" y="[%d.]+"([^>]*)>([^<]*)</text>') do
            local length = #text:gsub("&%a+;", "x") * 6.7
            local left = class:find("middle") and x - length / 2 or class:find("end") and x - length or tonumber(x)
            lu.assertTrue(left >= 0 and left + length <= width, name .. ": " .. text)
        end
    end
end

os.exit(lu.LuaUnit.run())
