-- Runs each block of Lua in the documentation, as a reader would: alone, from a fresh chunk. A block passes if it
-- raises no error. It does not compare what a block prints with anything.
--
-- A block whose first line is "-- not run by the tests: …" is compiled alone: what it needs cannot be installed from
-- packages. Blocks that begin with the name of a file ("-- main.lua") belong to a program, which recipes.lua runs.
local careful_luv = require "careful_luv"
local lu = require "luaunit"
local mtmsg = require "mtmsg"
local pages = require "pages"
local why_not = require "why_not"

local compile = loadstring or load
local optional = { "luv", "cqueues", "cqueues.thread", "socket", "copas" } -- not packaged for every Lua
local foreign = { "llthreads2.ex", "lanes", "effil" } -- packaged for none

local function requires(text, library)
    return text:find('require "' .. library .. '"', 1, true) ~= nil
end

local function is_marked(text) return text:find("^%-%- not run by the tests: ") ~= nil end

local function check(block, place)
    local run = assert(compile(block.text, "@" .. place))
    for _, library in ipairs(foreign) do
        local named = requires(block.text, library)
        lu.assertTrue(is_marked(block.text) or not named, place .. " runs, and needs " .. library)
    end
    if requires(block.text, "mtmsg.nats") then return end -- bridges/nats/tests/page.lua runs them, with a server
    if is_marked(block.text) or block.text:find("^%-%- [%w_]+%.lua\n") then return end
    for _, library in ipairs(optional) do
        local reason = requires(block.text, library) and why_not(library)
        if reason then lu.skip(reason) end
    end
    careful_luv(run)
end

TestSnippets = {}

function TestSnippets:tearDown()
    mtmsg.abort(false)
    collectgarbage() -- no name that the next block uses is taken
    collectgarbage()
end

for _, path in ipairs(pages.all()) do
    for _, block in ipairs(pages.blocks(path)) do
        if block.language == "lua" then
            TestSnippets[("test_%s_line_%d"):format(path:gsub("%W", "_"), block.line)] = function()
                check(block, path .. ":" .. block.line)
            end
        end
    end
end

function TestSnippets:test_each_block_names_its_language()
    for _, path in ipairs(pages.all()) do
        for _, block in ipairs(pages.blocks(path)) do
            local known = block.language:find("^lua$") or block.language:find("^c$") or block.language:find("^sh$")
                or block.language:find("^text$")
            lu.assertTrue(known ~= nil or path == "docs/design.md", path .. ":" .. block.line)
        end
    end
end

-- What they say of make is true; the rest of a shell block is for the reader.
function TestSnippets:test_targets_of_make_exist()
    local makefile, suites = "\n" .. pages.makefile(), "\n" .. pages.read("tests/suites")
    for _, path in ipairs(pages.all()) do
        for _, block in ipairs(pages.blocks(path)) do
            for target in (block.language == "sh" and "\n" .. block.text or ""):gmatch("\nmake ([%l-]+)") do
                local known = makefile:find("\n" .. target:gsub("%-", "%%-") .. "[%l%s-]*:")
                    or suites:find("\n" .. target .. " ", 1, true)
                lu.assertTrue(known ~= nil, path .. ":" .. block.line .. " names make " .. target)
            end
        end
    end
end

function TestSnippets:test_the_first_example_of_the_readme_is_short()
    local first
    for _, block in ipairs(pages.blocks("README.md")) do
        first = first or block.language == "lua" and block.text
    end
    lu.assertStrContains(first, "new_thread")
    local _, lines = first:gsub("\n", "\n")
    lu.assertTrue(lines <= 22, "it has " .. lines .. " lines")
end

os.exit(lu.LuaUnit.run())
