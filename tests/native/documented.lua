-- The tables of docs/c-api.md against the headers and the tests: every function is in one, every
-- code has a test. It runs none of them.

local native = dofile "tests/native/lib/native.lua"
local test = native.test

local function read(path)
    local f = assert(io.open(path))
    local text = f:read "*a"
    f:close()
    return text
end

local page = read "docs/c-api.md"

local function section(title)
    local _, first = page:find("\n## " .. title .. "\n", 1, true)
    assert(first, "no section " .. title)
    return page:sub(first, (page:find("\n## ", first, true)))
end

-- The names of all tests in a file, as far as they are literal.
local function test_names(file)
    local names = {}
    for line in read("tests/native/" .. file):gmatch "[^\n]+" do
        local arguments = line:match "^%s*test%((.*)"
        for text in (arguments or ""):gmatch '"([^"]*)"' do names[#names + 1] = text end
    end
    return table.concat(names, "\n")
end

test("each function of the APIs of buffers is in the table of functions", function()
    local functions = section "Every function"
    for _, api in ipairs {"notify", "receiver", "sender"} do
        local header = read("include/mtmsg/" .. api .. "_capi.h")
        local found = 0
        for name in header:gmatch "%(%*(%w+)%)%(" do
            if not name:find "handler" then
                found = found + 1
                assert(functions:find("`" .. name .. "`", 1, true), name .. " is not in the table")
            end
        end
        assert(found >= 4, api .. ": the header was not understood")
    end
end)

test("each code has a test of the name that the table gives", function()
    local rows = 0
    for file, name in section("Every code"):gmatch "| (%w+%.lua): ([^|]-) |\n" do
        rows = rows + 1
        assert(test_names(file):find(name, 1, true), file .. " has no test named " .. name)
    end
    assert(rows >= 30, "the table was not understood")
end)

test("each code that a header tells is in the table of codes", function()
    local codes = section "Every code"
    local least = {msgToReceiver = 8, nextMessageFromSender = 7, putBackReader = 6, putToReceiver = 9}
    for _, header in ipairs {"receiver", "sender"} do
        -- the comment in front of a function, and the function
        local text = read("include/mtmsg/" .. header .. "_capi.h")
        for told, name in text:gmatch "/%*([^/]-)%*/%s+[%w_]+ %*?%(%*(%w+)%)" do
            local found = 0
            for code in told:gmatch "\n     %*   (%d+) " do
                found = found + 1
                assert(codes:find(("| `%s` | %s |"):format(name, code), 1, true), name .. " " .. code)
            end
            if found > 0 then least[name] = (least[name] or 0) - found end
        end
    end
    for name, missing in pairs(least) do
        assert(missing <= 0, name .. ": the header was not understood")
    end
end)

native.run()
