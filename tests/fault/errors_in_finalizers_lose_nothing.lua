-- Finalizers that raise errors, or run out of memory, at the nth chance that the collector gets in a call of the
-- module, for every n. Up to 5.3 and in LuaJIT such an error comes out of the call that the collector has
-- interrupted, later Luas drop it; in both cases no message is lost, everything works afterwards, and nothing is left.

local fault     = require "fault"
local mtmsg     = require "mtmsg"
local raising   = dofile "tests/fault/lib/raising.lua"
local scenarios = dofile "tests/fault/lib/scenarios.lua"
local tap       = require "tap"

-- MTMSG_STRIDE=16: a few of the chances, not the same ones on every Lua, as in rounds.lua.
local stride = tonumber(os.getenv("MTMSG_STRIDE") or "") or 1
local step = math.ceil(stride / 4)
local offset = _VERSION:byte(-1) % step

local keeper = mtmsg.newbuffer()
local text = ("k"):rep(300)

local function blocks()
    assert(keeper:addmsg(text) and keeper:nextmsg(0) == text)
    assert(keeper:addmsg({{}}) and keeper:nextmsg(0))
    for _ = 1, 40 do mtmsg.newbuffer() end -- handles give as much back as is kept for others
    collectgarbage()
    collectgarbage()
    return fault.blocks()
end

-- Without any memory everything fails, and nothing of it reaches whom the collector has interrupted.
local function starve()
    local buffer = mtmsg.newbuffer()
    for _, source in ipairs {"malloc", "lua"} do
        fault.run(source, 1, 0, function() mtmsg.newbuffer("starving", 100):addmsg(text) end)
        fault.run(source, 1, 0, function() buffer:addmsg(text, text) end)
        fault.run(source, 1, 0, function() mtmsg.newlistener():newbuffer() end)
        fault.run(source, 1, 0, function() mtmsg.newwriter(10):add(text) end)
    end
end

local function is_expected(scenario, err)
    return type(err) == "string" and (err:find(raising.text, 1, true)
           or (scenario.raises and err:find(scenario.raises, 1, true)) ~= nil)
end

-- Gives how many chances were used, and how many of them made the call fail.
local function all(scenario, act)
    local before, n, chances, failures, ran, ok, err = blocks(), 1 + offset - step, 0, 0, nil, nil, nil
    repeat
        n = n + step + math.floor(n * step / 10) -- some calls have many
        local o = scenario.setup()
        ran, ok, err = raising.during(n, act, scenario.run, o)
        local when = ("chance %d: "):format(n)
        tap.ok(ok or is_expected(scenario, err), when .. tostring(err))
        tap.ok(ok or scenario.raises or act ~= starve, when .. tostring(err))
        local good, problem = xpcall(function()
            if scenario.check then scenario.check(o, ok, "lua", ran and 1 or 0, err) end
        end, debug.traceback)
        tap.ok(good, when .. tostring(problem))
        chances, failures = chances + (ran and 1 or 0), failures + (ok and 0 or 1)
        o = nil
        local after = blocks()
        if after > before and scenario.leaves then before = after end
        tap.is(after, before, when .. "blocks of the module")
    until not ran
    return chances, failures
end

-- One for each way through the module in which Lua is asked for memory.
local chosen = {
    "addmsg, tables", "addmsg, code", "writer:addmsg, tables", "nextmsg, tables", "nextmsg, code",
    "reader:nextmsg, tables",
    "addmsg, functions", "addmsg, many", "addmsg, arrays", "setmsg, text", "writer:addmsg, many",
    "nextmsg, text", "nextmsg, short", "nextmsg, arrays", "nextmsg with arrays, arrays",
    "nextmsg of a listener, text", "nextmsg of a listener, arrays", "reader:nextmsg, text", "reader:nextmsg, arrays",
    "reader:next consumes nothing when it fails", "the array package is loaded for a received array",
    "newbuffer with a size", "listener:newbuffer", "newlistener", "buffer by name", "newwriter", "newreader",
    "descriptions", "a notifier fails, >", "a notifier fails, <", "a notifier fails, < of a reader",
    "a notifier runs Lua and fails for want of memory", "error: " .. mtmsg.error.message_size,
    "error: " .. mtmsg.error.ambiguous_name,
}

local by_name = {}
for _, scenario in ipairs(scenarios) do by_name[scenario.name] = scenario end

local total, failed = 0, 0
for _, name in ipairs(chosen) do
    tap.test(name .. ": a finalizer raises an error", function()
        local chances, failures = all(by_name[name], raising.act)
        total, failed = total + chances, failed + failures
    end)
    tap.test(name .. ": a finalizer runs out of memory", function()
        local chances = all(by_name[name], starve)
        total = total + chances
    end)
end

tap.test("finalizers did run in the middle of calls", function()
    tap.note(("%d chances; %d calls ended in the error of a finalizer"):format(total, failed))
    tap.ok(total * stride > 50)
end)

tap.done()
