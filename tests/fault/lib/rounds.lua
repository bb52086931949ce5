-- Runs scenarios while memory fails: the nth request, for every n, until a run has met no failure. It judges what
-- holds for each of them: the error is a documented one, the scenario's own check is content, and nothing is left
-- behind. What the scenarios do it does not know.

local fault = require "fault"
local mtmsg = require "mtmsg"
local tap   = require "tap"

if rawget(_G, "jit") then require("jit").off() end

local rounds = {}

-- Kept for ever, so that the process never comes to its last object, and its memory is always the same.
local keeper = mtmsg.newbuffer()
local text = ("k"):rep(300)

-- Brings what the state keeps for later (memory for receiving, by the long way) back to what it was. What has been
-- reached from messages alone is gone at the latest with the next release.
local function settle()
    assert(keeper:addmsg(text) and keeper:nextmsg(nil) == text)
    assert(keeper:addmsg({{}}) and keeper:nextmsg(nil))
    collectgarbage()
    mtmsg.newbuffer():release()
    collectgarbage()
end

local function blocks()
    settle()
    return fault.blocks()
end

-- From 5.2 on Lua collects its garbage and asks a second time, which has to fail, too.
local twice = _VERSION ~= "Lua 5.1" and 2 or 1

-- How many requests fail, from the nth on; 0 is all.
local widths = {malloc = {1, 0}, lua = {twice, 0}}

-- Texts by which Lua says that it has no memory; the last two where it cannot make its stack larger.
local lua_texts = {"^not enough memory$", "not enough memory for buffer allocation$", ": not enough memory$",
                   "stack overflow", "too many results to unpack$"}

-- Whether the error text is one that the reference has for want of memory.
local function matches(text, patterns)
    for _, pattern in ipairs(patterns) do
        if type(text) == "string" and text:find(pattern) then return true end
    end
    return false
end

local core_texts = {"^mtmsg%.error%.out_of_memory: failed to allocate %d+ bytes$"}

local function is_documented(source, err, extra)
    return matches(err, source == "lua" and lua_texts or core_texts) or matches(err, extra or {})
end

local function judge(scenario, source, failed, ok, err)
    if ok then
        tap.ok(not scenario.raises, "it raised nothing")
    elseif failed == 0 then
        tap.ok(scenario.raises, err)
        tap.contains(err, scenario.raises)
    elseif not (scenario.raises and err:find(scenario.raises, 1, true)) then
        tap.ok(is_documented(source, err, scenario.errors), "not a documented error: " .. tostring(err))
    end
end

-- One run. Gives how many requests have failed, and whether it raised an error.
local function round(scenario, source, n, width)
    local o = scenario.setup()
    local failed, ok, err = fault.run(source, n, width, scenario.run, o)
    judge(scenario, source, failed, ok, err)
    if scenario.check then scenario.check(o, ok, source, failed, err) end
    return failed, not ok
end

-- MTMSG_STRIDE=4: only every 4th request fails, not the same ones on every Lua; the time for all of them is spent on
-- another Lua or build (see tests/suites).
local stride = tonumber(os.getenv("MTMSG_STRIDE") or "") or 1
rounds.stride = stride
local offset = (_VERSION:byte(-1) + (rawget(_G, "jit") and 2 or 0)) % stride

-- Gives how many runs met a failure, and how many of them raised an error.
function rounds.all(scenario, source)
    local runs, raised = 0, 0
    local before = blocks()
    for _, width in ipairs(widths[source]) do
        local n, failed, raises = 1 + offset - stride, nil, nil
        repeat
            n = n + stride
            local good, problem = xpcall(function()
                failed, raises = round(scenario, source, n, width)
                local after = blocks()
                if after ~= before then after = blocks() end
                if after > before and scenario.leaves and source == "lua" then before = after end
                tap.is(after, before, "blocks of the module")
            end, debug.traceback)
            if not good then
                local others = width == 0 and " and all after it" or ""
                error(("request %d of %s%s: %s"):format(n, source, others, problem), 0)
            end
            runs, raised = runs + (failed > 0 and 1 or 0), raised + (failed > 0 and raises and 1 or 0)
            assert(n < 5000, "it never ends")
        until failed == 0
    end
    return runs, raised
end

return rounds
