-- Random programs against the model, in one thread: each call has the same results and errors. A program that does not
-- is made as short as it can and printed. MTMSG_SEED=n runs that program only, MTMSG_SECONDS=s new ones for so long.

local tap     = require "tap"
local program = dofile "tests/random/lib/program.lua"

local LENGTH = 250

local function check(seed)
    local list = program.generate(seed, LENGTH)
    local at, text = program.run(list)
    if not at then return end
    local short = program.shrink(list, program.run, 20)
    local where, how = program.run(short)
    error(("MTMSG_SEED=%d differs at statement %d:\n%s\n%s\nthe shortest that does:\n%s\n%s"):format(
        seed, at, list[at], text, program.text(short), where and how or "(now it does not)"), 0)
end

local only = tonumber(os.getenv("MTMSG_SEED") or "")
local seconds = tonumber(os.getenv("MTMSG_SECONDS") or "") or 3

if only then
    tap.test("the program of seed " .. only, function() check(only) end)
else
    tap.test("a hundred programs that are always the same", function()
        for seed = 1, 100 do check(seed) end
    end)
    local seed = math.floor(require("mtmsg").time() * 1000) % 2000000000
    local first, start = seed, os.clock()
    tap.note("new programs begin with seed " .. seed) -- now, in case that one of them never ends
    tap.test(("new programs for %g seconds"):format(seconds), function()
        repeat
            check(seed)
            seed = seed + 1
        until os.clock() - start > seconds
    end)
    tap.note(("%d new programs"):format(seed - first))
end

tap.done()
