-- docs/testing.md describes the suites that tests/suites has, and no others; the files that it names are there, and so
-- are the targets of make.
local lu = require "luaunit"
local pages = require "pages"

local page = pages.read("docs/testing.md")

-- The words that a pattern finds in a text, as a set.
local function set_of(text, pattern)
    local set = {}
    for word in text:gmatch(pattern) do
        set[word] = true
    end
    return set
end

TestTesting = {}

function TestTesting:test_every_suite_is_described_and_no_other()
    local section = assert(page:match("\n## The suites\n(.-)\n## "), "the section on the suites is missing")
    local described = set_of(section, "\n| `(%l[%w_]*)` |")
    local there = set_of("\n" .. pages.read("tests/suites"), "\n(%l[%w_]*) ")
    lu.assertEquals(described, there)
end

function TestTesting:test_the_files_that_it_names_are_there()
    local count = 0
    for name in page:gmatch("`([%w_/]+[%w_./]*)`") do
        if name:find("^tests/") or name:find("^ci/") or name:find("^src/") then
            local file = io.open(name)
            lu.assertNotNil(file, name)
            file:close()
            count = count + 1
        end
    end
    lu.assertTrue(count > 20)
end

function TestTesting:test_each_story_has_its_program()
    local count = 0
    for name in page:gmatch("| `([%w_]+%.lua)` |") do
        local file = io.open("tests/regress/" .. name)
        lu.assertNotNil(file, name)
        file:close()
        count = count + 1
    end
    lu.assertEquals(count, 17)
end

-- Whether a suite has a program with that in the name of its file, as tests/run looks for it.
local function runs(suite, part)
    for glob in ("\n" .. pages.read("tests/suites")):gmatch("\n" .. suite .. " +%S+ +%d+ +(%S+)") do
        local list = assert(io.popen("ls " .. glob))
        local found = false
        for path in list:lines() do
            found = found or path:match("[^/]*$"):find(part, 1, true) ~= nil
        end
        list:close()
        if found then return true end
    end
    return false
end

function TestTesting:test_each_fault_has_a_command_that_runs_something()
    local last = 17
    for number, cell in page:gmatch("\n| (%d+) | [^|]+ | (`make [^|]+) |") do
        lu.assertEquals(tonumber(number), last + 1)
        last = last + 1
        for command in cell:gmatch("`make ([^`]+)`") do
            local suite, part = command:match("^(%l%w*) F=([%w_./]+)$")
            if suite then lu.assertTrue(runs(suite, part), command) else lu.assertEquals(command, "bench LOAD=1") end
        end
    end
    lu.assertEquals(last, 46)
end

function TestTesting:test_the_commands_that_it_names_are_there()
    local makefile, suites = pages.makefile(), pages.read("tests/suites")
    for target in page:gmatch("`[%w_= ]-make (%l[%w-]*)") do
        local found = makefile:find("\n" .. target:gsub("%-", "%%-") .. ":") or suites:find("\n" .. target .. " ")
        lu.assertTrue(found ~= nil, "make " .. target)
    end
end

os.exit(lu.LuaUnit.run())
