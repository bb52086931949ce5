-- Compares docs/troubleshooting.md with what the module raises: every error has its heading, and the texts that the
-- page shows are those that a program gets. It does not judge the cures.
local lu = require "luaunit"
local mtmsg = require "mtmsg"
local pages = require "pages"

local PAGE = "docs/troubleshooting.md"
local text = pages.read(PAGE)

-- Numbers differ from run to run.
local function without_numbers(s) return (s:gsub("%d+", "0")) end

local function error_of(f, ...)
    local ok, err = pcall(f, ...)
    lu.assertFalse(ok)
    return err
end

TestTroubleshooting = {}

function TestTroubleshooting:test_each_error_has_a_heading_and_a_cure()
    for name in pairs(mtmsg.error) do
        local section = text:match("\n### " .. name .. "\n(.-)\n##")
        lu.assertTrue(section ~= nil, name)
        lu.assertStrContains(section, "*Cause:*")
        lu.assertStrContains(section, "*Cure:*")
        lu.assertStrContains(section, "`mtmsg.error." .. name)
    end
end

function TestTroubleshooting:test_the_errors_read_as_they_are_shown()
    local shown = without_numbers(text)
    local jobs, samples = mtmsg.newbuffer("jobs"), mtmsg.newbuffer(1000, 0)
    local second = mtmsg.newbuffer("jobs")
    local listener = mtmsg.newlistener("results")
    local errors = {
        error_of(mtmsg.buffer, "jobs"),
        error_of(samples.addmsg, samples, ("x"):rep(2000)),
        error_of(listener.nextmsg, listener),
        error_of(mtmsg.buffer, 4711),
    }
    jobs:notifier(second)
    errors[#errors + 1] = error_of(jobs.notifier, jobs, second)
    jobs:abort()
    errors[#errors + 1] = error_of(jobs.addmsg, jobs)
    jobs:close()
    errors[#errors + 1] = error_of(jobs.addmsg, jobs)
    for _, err in ipairs(errors) do
        lu.assertTrue(shown:find("`" .. without_numbers(err) .. "`", 1, true) ~= nil, err)
    end
end

-- The expectation in a "bad argument", without what came.
local function expectation(err)
    local expected = err:match("bad argument #%d to '%w+' %((.*)%)$")
    lu.assertTrue(expected ~= nil, err)
    return (expected:gsub("%) %(got .*", ""):gsub("got .*", "got …"))
end

function TestTroubleshooting:test_wrong_arguments_are_in_the_table()
    local b, r = mtmsg.newbuffer(), mtmsg.newreader()
    local wrong = {
        function() b:addmsg(io.stdout) end, function() b:nextmsg({}) end, function() r:nextmsg(b, {}) end,
        function() b:nextmsg(0 / 0) end, function() b:nextmsg(0, 1) end, function() r:next({}) end,
        function() b.addmsg(1) end, function() r:nextmsg(1) end, function() mtmsg.buffer() end,
        function() mtmsg.buffer(1.5) end, function() mtmsg.newbuffer({ limt = 1 }) end,
        function() mtmsg.newbuffer("", {}) end, function() mtmsg.newbuffer(1 / 0) end,
        function() mtmsg.newbuffer(0 / 0) end, function() b:notifier(1) end, function() b:notifier(b, "=") end,
    }
    for _, call in ipairs(wrong) do
        local err = error_of(call)
        local expected = expectation(err):gsub(", got …$", "")
        lu.assertTrue(text:find("`" .. expected, 1, true) ~= nil, err)
    end
end

function TestTroubleshooting:test_what_lua_says_of_misspelt_names_is_shown()
    local b = mtmsg.newbuffer()
    local err = error_of(function() b:addmesg(1) end):gsub("^.-:%d+: ", "")
    lu.assertTrue(text:find("\n" .. err .. "\n", 1, true) ~= nil, err)
    err = error_of(function() mtmsg:newbuffer() end):match("calling 'newbuffer' on bad self %(")
    lu.assertTrue(err ~= nil and text:find("`" .. err, 1, true) ~= nil, err)
end

os.exit(lu.LuaUnit.run())
