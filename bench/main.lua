-- Runs the workloads, each on each Lua in a process of its own, and other ways of passing messages beside them; prints
-- one table and saves what was measured. What is measured stands in the workloads.
--
-- Environment: B, LUAS (those that are built), LUA (those that were asked for), W (workloads, all by default), LOAD (1:
-- while another process keeps one CPU busy), BENCH_QUICK (1: only to try out the programs)

local files = require "files"
local host = require "host"
local json = require "json"
local machine = require "machine"
local others = require "others"
local show = require "show"
local verdict = require "verdict"

local LIMIT = 300 -- seconds of processor time for one workload on one Lua

local function env(name)
    local value = os.getenv(name)
    return value ~= "" and value or nil
end

local B, quick, loaded = env("B") or "build", env("BENCH_QUICK") == "1", env("LOAD") == "1"
local built, asked, wanted = env("LUAS") or "lua5.4", env("LUA"), env("W")
local mode = quick and "quick" or loaded and "loaded" or "quiet"

-- ---- what is to be run

local function lists(list, item)
    return (" " .. list .. " "):find(" " .. item .. " ", 1, true) ~= nil
end

local function is_wanted(w)
    return not wanted or lists(wanted, tostring(w))
end

-- The first workload is for all Luas, the others for one that interprets and one that compiles.
local function luas_for(w)
    local list = {}
    for lua in built:gmatch("%S+") do
        if w == 1 or asked or lua == "lua5.4" or lua == "luajit" then list[#list + 1] = lua end
    end
    return #list > 0 and list or { built:match("%S+") }
end

local function jobs()
    local list = {}
    for _, workload in ipairs(files.workloads()) do
        if is_wanted(workload.w) then
            for _, lua in ipairs(luas_for(workload.w)) do list[#list + 1] = { workload = workload, lua = lua } end
        end
    end
    return list
end

-- ---- running

local function progress(...)
    io.stderr:write(string.format(...))
    io.stderr:flush()
end

local function start(lua, script, how, pipe_mode)
    local command = ("LUA_PATH='bench/lib/?.lua;lua/?.lua;;' LUA_CPATH='%s/%s/?.so;%s/%s/bench/?.so;;' " ..
        "%s %s/%s/tests/host %s")
    return assert(io.popen(command:format(B, lua, B, lua, how, B, lua, script), pipe_mode))
end

local function start_load()
    return start(built:match("%S+"), "bench/lib/spinner.lua", "exec env", "w") -- it ends with this pipe
end

-- The rows and plots of a workload, and whether it came to its end. Lines that begin with # tell why there are none.
local function run(job)
    local results = { rows = {}, plots = {} }
    local how = ("BENCH_LOADED=%d tests/limit %d"):format(loaded and 1 or 0, LIMIT)
    local pipe = start(job.lua, job.workload.path .. " && echo done", how, "r")
    local ended = false
    for line in pipe:lines() do
        local record = line:find("^{") and json.decode(line)
        if not record then
            if line == "done" then ended = true else progress("    %s\n", line) end
        elseif record.plot then
            table.insert(results.plots, record.plot)
        else
            record.w, record.lua = job.workload.w, job.lua
            table.insert(results.rows, record)
        end
    end
    pipe:close()
    return results, ended
end

local all, failed, complaints = {}, {}, {}
local most_disturbed = 0 -- processors that other processes had while a workload ran
local seen = machine.describe(env("CC") or "cc", mode)

local function keep(name, results)
    results.machine = seen
    files.save(B, mode, name, results)
    for _, row in ipairs(results.rows) do all[#all + 1] = row end
end

local function run_all(list, begin)
    for i, job in ipairs(list) do
        local workload = job.workload
        progress("[%d/%d, %.0f s] %s, %s\n", i, #list, host.now() - begin, workload.title, job.lua)
        local name = ("W%d on %s"):format(workload.w, job.lua)
        local others_took = machine.watch(seen.cpus, loaded and 1 or 0)
        local results, ended = run(job)
        results.others = others_took()
        most_disturbed = math.max(most_disturbed, results.others)
        complaints[#complaints + 1] = machine.complaint(name, results.others)
        if #results.rows > 0 then keep(("w%02d-%s"):format(workload.w, job.lua), results) end
        if not ended then failed[#failed + 1] = name end
    end
end

local function run_others()
    for _, other in ipairs(others.installed(B)) do
        progress("    %s\n", other.title)
        for w, results in pairs(others.run(other, quick, is_wanted)) do
            keep(("w%02d-other-%s"):format(w, other.name), results)
        end
    end
end

-- ---- the whole

local function by_workload(rows)
    for i, row in ipairs(rows) do row.place = i end
    table.sort(rows, function(a, b)
        if a.w ~= b.w then return a.w < b.w end
        return a.place < b.place
    end)
end

local function finish(begin)
    by_workload(all)
    local seconds = host.now() - begin
    files.write(B .. "/bench/results.json", json.encode { machine = seen, rows = all, failed = failed } .. "\n")
    print(machine.caption(seen, most_disturbed) .. "; " .. machine.details(seen) .. "\n")
    print(show.text(all))
    print("\n" .. verdict.text(all))
    print(("\n%.0f s; the same as JSON: %s/bench/results.json"):format(seconds, B))
    print("± %: half of the range in which half of the runs lie. CPU ns, switches: of the whole process, per message")
    print("and per 1000 messages.")
    for _, complaint in ipairs(complaints) do print(complaint) end
    if quick then print("BENCH_QUICK: these figures say nothing.") end
    for _, name in ipairs(failed) do print("FAILED: " .. name) end
end

local begin, list = host.now(), jobs()
if #list == 0 then
    progress("There is no workload %s.\n", wanted)
    os.exit(false)
end
local load = loaded and start_load()
run_all(list, begin)
if not asked then
    progress("other ways, as far as they are installed:\n")
    run_others()
end
if load then load:close() end
finish(begin)
os.exit(#failed == 0)
