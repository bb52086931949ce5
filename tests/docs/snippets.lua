-- Runs each block of Lua in README.md and docs/reference.md, as a reader would: alone, from a fresh chunk. A block
-- passes if it raises no error. It does not compare what a block prints with anything.
local lu = require "luaunit"

local function snippets(path)
    local found, lines, first, number = {}, nil, nil, 0
    for line in io.lines(path) do
        number = number + 1
        if line == "```lua" then
            lines, first = {}, number
        elseif line == "```" and lines then
            found[#found + 1] = { line = first, text = table.concat(lines, "\n") }
            lines = nil
        elseif lines then
            lines[#lines + 1] = line
        end
    end
    assert(not lines, path .. " has a block without an end")
    return found
end

TestSnippets = {}

for _, path in ipairs { "README.md", "docs/reference.md" } do
    for _, snippet in ipairs(snippets(path)) do
        TestSnippets[("test_%s_line_%d"):format(path:gsub("%W", "_"), snippet.line)] = function()
            if snippet.text:find('require "luv"', 1, true) and not pcall(require, "luv") then
                lu.skip("luv is not installed for this Lua")
            end
            local run = assert((loadstring or load)(snippet.text, "@" .. path .. ":" .. snippet.line))
            run()
        end
    end
end

function TestSnippets:test_the_first_example_of_the_readme_is_short()
    local first = snippets("README.md")[1]
    lu.assertStrContains(first.text, "new_thread")
    local _, lines = first.text:gsub("\n", "\n")
    lu.assertTrue(lines + 1 <= 22, "it has " .. lines + 1 .. " lines")
end

os.exit(lu.LuaUnit.run())
