-- Every function of the module and of the C APIs, while the nth request for memory fails, for every n: that of the
-- module to the C library, and that of Lua to its allocator; the nth alone, or all from there on. The error is a
-- documented one, no message is lost, everything works afterwards, and nothing is left behind.

local fault     = require "fault"
local mtmsg     = require "mtmsg"
local rounds    = dofile "tests/fault/lib/rounds.lua"
local scenarios = dofile "tests/fault/lib/scenarios.lua"
local tap       = require "tap"

table.sort(scenarios, function(a, b) return a.name < b.name end)

---------------------------------------------------------------------------------- coverage

-- Every C function of the module, with its name.
local function find_functions()
    local names = {}
    local function add(prefix, functions)
        for name, f in pairs(functions) do
            if type(f) == "function" then names[f] = prefix .. name end
        end
    end
    add("mtmsg.", mtmsg)
    for _, object in ipairs {mtmsg.newbuffer(), mtmsg.newlistener(), mtmsg.newwriter(), mtmsg.newreader(),
        mtmsg.newtopic()} do
        local meta = debug.getmetatable(object)
        add(mtmsg.type(object) .. ".", meta)
        add(mtmsg.type(object) .. ":", meta.__index)
    end
    return names
end

tap.test("the scenarios call every function of the module and of the C APIs", function()
    local missing = find_functions()
    tap.ok(next(missing) and missing[mtmsg.newbuffer] == "mtmsg.newbuffer")
    for _, scenario in ipairs(scenarios) do
        local o = scenario.setup()
        debug.sethook(function() missing[debug.getinfo(2, "f").func] = nil end, "c")
        local ok, err = pcall(scenario.run, o)
        debug.sethook()
        if scenario.check then scenario.check(o, ok, "malloc", 0, err) end
    end
    local names = {fault.native.unused()}
    for _, name in pairs(missing) do names[#names + 1] = name end
    table.sort(names)
    tap.is(table.concat(names, " "), "", "functions without a scenario")
end)

---------------------------------------------------------------------------------- the scenarios

local total = {malloc = 0, lua = 0}
local raised = {malloc = 0, lua = 0}
for _, scenario in ipairs(scenarios) do
    tap.test(scenario.name, function()
        for _, source in ipairs {"malloc", "lua"} do
            local runs, errors = rounds.all(scenario, source)
            total[source], raised[source] = total[source] + runs, raised[source] + errors
        end
    end)
end

tap.test("memory did fail, and often", function()
    for _, source in ipairs {"malloc", "lua"} do
        tap.note(("%s: %d runs met a failure, %d ended in an error"):format(source, total[source], raised[source]))
        tap.ok(total[source] * rounds.stride > 300 and raised[source] > total[source] / 3)
    end
end)

tap.done()
