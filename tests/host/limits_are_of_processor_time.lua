-- story: a check failed because the machine was slow
-- Who runs the tests ends a program that has used more processor time than it may; how long it takes by the clock,
-- beside other work, is no reason.

local tap = require("tap")

local function runs(command)
    local result = os.execute(command .. " >/dev/null 2>&1")
    return result == true or result == 0
end

if package.config:sub(1, 1) == "\\" then
    tap.skip("limits", "there is no shell of POSIX")
    return tap.done()
end

tap.test("who takes longer by the clock is not ended", function()
    tap.is(runs("tests/limit 1 sleep 3"), true)
end)

tap.test("who uses more of a processor is", function()
    tap.is(runs("tests/limit 1 sh -c 'while :; do :; done'"), false)
end)

tap.test("the exit code is the command's", function()
    tap.is(runs("tests/limit 5 true"), true)
    tap.is(runs("tests/limit 5 false"), false)
end)

tap.done()
