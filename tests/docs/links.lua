-- Follows the links between the pages of the documentation: each leads to a file, and where it names a heading, to one
-- that is there. Addresses in the network are not visited.
local lu = require "luaunit"
local pages = require "pages"

local function is_there(path)
    local file = io.open(path)
    if file then file:close() end
    return file ~= nil
end

-- docs/ and ../examples/x.lua is examples/x.lua
local function joined(directory, target)
    local path = directory .. target
    local replaced
    repeat path, replaced = path:gsub("[^/]+/%.%./", "", 1) until replaced == 0
    return path
end

TestLinks = {}

for _, page in ipairs(pages.all()) do
    TestLinks["test_" .. page:gsub("%W", "_")] = function()
        local directory = page:match("^(.*/)[^/]*$") or ""
        local prose = pages.prose(page):gsub("`[^`\n]*`", "code") -- what only looks like a link
        for target in prose:gmatch("%]%(([^)%s]+)%)") do
            if not target:find("^%a+:") then
                local path, anchor = target:match("^([^#]*)#?(.*)$")
                local file = path == "" and page or joined(directory, path)
                lu.assertTrue(is_there(file), page .. " links to " .. target)
                lu.assertTrue(anchor == "" or pages.anchors(file)[anchor], page .. " links to " .. target)
            end
        end
    end
end

function TestLinks:test_the_table_of_contents_has_every_page()
    local contents = pages.read("docs/README.md")
    for _, page in ipairs(pages.all()) do
        local name = page:match("^docs/(.*)$")
        if name and name ~= "README.md" then
            lu.assertTrue(contents:find("](" .. name .. ")", 1, true) ~= nil, name)
        end
    end
end

os.exit(lu.LuaUnit.run())
