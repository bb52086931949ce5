-- Runs the programs of docs/recipes.md that are more than one block of Lua: the C program, with each Lua, and the game,
-- where LÖVE is installed. Those for thread libraries of Lua are run by snippets.lua.
local lu = require "luaunit"
local pages = require "pages"

local PAGE = "docs/recipes.md"
local lua = os.getenv("lua") or "lua5.4"

-- What the shell command prints, and whether it succeeded.
local function output_of(command)
    local pipe = assert(io.popen(command .. " 2>&1; echo code $?"))
    local printed, code = pipe:read("*a"):match("^(.*)code (%d+)%s*$")
    pipe:close()
    return printed, code == "0"
end

local function directory()
    local path = output_of("mktemp -d"):match("%S+")
    return path, function() os.execute("rm -rf " .. path) end
end

local function write(path, text)
    local file = assert(io.open(path, "w"))
    file:write(text)
    file:close()
end

local SQUARES = "1 squared is 1\n2 squared is 4\n3 squared is 9\n"

TestRecipes = {}

function TestRecipes:test_the_c_program_compiles_without_warnings_and_runs()
    local flags, found = output_of("pkg-config --cflags --libs " .. lua)
    lu.skipIf(not found, "pkg-config does not know " .. lua)
    local path, remove = directory()
    for _, block in ipairs(pages.blocks(PAGE)) do
        if block.language == "c" then write(path .. "/squares.c", block.text) end
    end
    local command = "${CC:-cc} -Wall -Wextra -Werror -o %s/squares %s/squares.c -pthread %s"
    local errors, compiled = output_of(command:format(path, path, flags:gsub("\n", " ")))
    local printed, ran = output_of(("timeout 20 %s/squares"):format(path))
    remove()
    lu.assertTrue(compiled, errors)
    lu.assertTrue(ran, printed)
    lu.assertEquals(printed:gsub("%.0", ""), SQUARES)
end

if lua == "luajit" then -- which LÖVE is built with
    function TestRecipes:test_the_game_runs()
        local _, installed = output_of("command -v love")
        lu.skipIf(not installed, "LÖVE is not installed")
        local path, remove = directory()
        local files = 0
        for _, block in ipairs(pages.blocks(PAGE)) do
            local name = block.text:match("^%-%- ([%w_]+%.lua)\n")
            if name then
                write(path .. "/" .. name, block.text)
                files = files + 1
            end
        end
        local printed, ran = output_of(("HOME=%s timeout 20 love %s"):format(path, path))
        remove()
        lu.assertEquals(files, 3)
        lu.assertTrue(ran, printed)
        lu.assertStrContains(printed, SQUARES)
    end
end

os.exit(lu.LuaUnit.run())
