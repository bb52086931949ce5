-- story: finding and dropping a buffer looked at all buffers
-- Finding a buffer by its name compared the name with that of every buffer, and a buffer that was dropped was looked
-- for in the list of all buffers of its listener. With a hundred times as many objects each is the same work: counted
-- in instructions, by callgrind, as times would depend on the machine.

local mtmsg = require("mtmsg")

local few, many, calls = 100, 10000, 200
local measures = { "names", "ids", "members" }

-- Under callgrind: makes the calls with few objects, and with many.
local function work()
    local counted = require("counted")
    if rawget(_G, "jit") then require("jit").off() end
    local listener, buffers = mtmsg.newlistener(), {}
    local function fill(n)
        for i = #buffers + 1, n do buffers[i] = listener:newbuffer("a buffer's name " .. i) end
        collectgarbage()
        collectgarbage("stop")
    end
    local function at(i) return (i * 7919) % #buffers + 1 end
    local names, ids = {}, {}
    local uses = {
        names = function() for i = 1, calls do mtmsg.buffer(names[i]) end end,
        ids = function() for i = 1, calls do mtmsg.buffer(ids[i]) end end,
        members = function()
            for i = 1, calls do
                local old = buffers[at(i)]
                debug.getmetatable(old).__gc(old) -- as the collector does, and it alone
                buffers[at(i)] = listener:newbuffer(names[i])
            end
        end,
    }
    for _, amount in ipairs { "few", "many" } do
        fill(amount == "few" and few or many)
        for i = 1, calls do names[i], ids[i] = buffers[at(i)]:name(), buffers[at(i)]:id() end
        for _, measure in ipairs(measures) do
            uses[measure]() -- what is done once only, by Lua or malloc, does not count
            counted[amount .. "_" .. measure](uses[measure])
        end
    end
end

if arg[1] == "work" then return work() end

local child = require("child")
local heap  = require("heap")
local tap   = require("tap")

local function has(program)
    local result = os.execute("command -v " .. program .. " >/dev/null 2>&1")
    return result == true or result == 0
end

local reason = os.getenv("MTMSG_RUN") and "valgrind runs programs of its own platform alone"
    or not has("valgrind") and "valgrind is not installed"
    or not heap.in_use() and "valgrind cannot run a program that has a malloc of its own, as that of a sanitizer"
if reason then
    tap.skip("work does not grow with the number of objects", reason)
    return tap.done()
end

-- Instructions of each function count_…, with all that it calls.
local function instructions(profile)
    local sums, name = {}, nil
    for line in io.lines(profile) do
        if line:find("^fn=") then
            name = line:match("^fn=count_([%w_]+)$")
        elseif name and line:find("^[-+*%d]") then
            sums[name] = (sums[name] or 0) + tonumber(line:match("^%S+ (%d+)"))
        end
    end
    return sums
end

local profile = os.tmpname()
child.limit = 100
-- without fast bins, which malloc tidies up at a moment of its own
child.before = { "env", "GLIBC_TUNABLES=glibc.malloc.mxfast=0", "valgrind", "-q", "--tool=callgrind",
    "--callgrind-out-file=" .. profile, "--compress-strings=no", "--collect-atstart=no", "--toggle-collect=count_*" }
local code, output = child.run("work")
local sums = instructions(profile)
os.remove(profile)

tap.test("the program that is measured ends well", function()
    tap.is(code, 0, output)
end)

for measure, name in pairs {
    names = "finding by name",
    ids = "finding by id",
    members = "replacing a buffer of a listener",
} do
    tap.test(name .. " is the same work with a hundred times as many objects", function()
        local a, b = sums["few_" .. measure], sums["many_" .. measure]
        tap.ok(a and b and a > 100 * calls, "nothing was counted")
        tap.note(("%.0f instructions with %d objects, %.0f with %d"):format(a / calls, few, b / calls, many))
        tap.ok(b < 2 * a)
    end)
end

tap.done()
