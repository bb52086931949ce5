-- Runs the workloads, each on each Lua in a process of its own, and other ways of passing messages beside them; prints
-- one table and writes build/bench/results.json. What is measured stands in the workloads.
--
-- Environment: B, LUAS (those that are built), LUA (those that were asked for), W (workloads, all by default)

local host = require "host"
local json = require "json"
local show = require "show"

local workloads = {
    { 0, "limits" }, { 1, "one_thread" }, { 2, "stream" }, { 3, "ping_pong" }, { 4, "many_threads" }, { 5, "listener" },
    { 6, "backlog" }, { 7, "finding" }, { 8, "writer_reader" }, { 9, "sleeper" }, { 10, "large_strings" },
}
local LIMIT = 180 -- seconds of processor time for one workload on one Lua
local OTHER_RUNS = 5
local other_titles = { gasyncqueue = "GAsyncQueue", zeromq = "ZeroMQ inproc", channel = "Go channel" }
local other_names = {
    "add and take in one thread", "stream between two threads", "ping-pong, round trip",
}

local function env(name)
    local value = os.getenv(name)
    return value ~= "" and value or nil
end

local B, quick = env("B") or "build", env("BENCH_QUICK") == "1"
local built, asked, wanted = env("LUAS") or "lua5.4", env("LUA"), env("W")

local function read(path)
    local file = io.open(path)
    local text = file and file:read("*a")
    if file then file:close() end
    return text
end

local function output(command)
    local pipe = assert(io.popen(command .. " 2>/dev/null"))
    local text = pipe:read("*a")
    pipe:close()
    return text
end

-- ---- what is to be run

local function lists(list, item)
    return (" " .. list .. " "):find(" " .. item .. " ", 1, true) ~= nil
end

-- The first workload is for all Luas, the others for one that interprets and one that compiles.
local function luas_for(w)
    local list = {}
    for lua in built:gmatch("%S+") do
        if w == 1 or asked or lua == "lua5.4" or lua == "luajit" then list[#list + 1] = lua end
    end
    return #list > 0 and list or { built:match("%S+") }
end

local function others()
    local list = {}
    for name in output("ls " .. B .. "/bench"):gmatch("%S+") do
        if other_titles[name] then list[#list + 1] = { other_titles[name], B .. "/bench/" .. name } end
    end
    if output("command -v love") ~= "" then list[#list + 1] = { "LÖVE", "timeout 60 love bench/others/love" } end
    return list
end

local function jobs()
    local list = {}
    for _, workload in ipairs(workloads) do
        if not wanted or lists(wanted, tostring(workload[1])) then
            for _, lua in ipairs(luas_for(workload[1])) do
                list[#list + 1] = { w = workload[1], name = workload[2], lua = lua }
            end
        end
    end
    return list
end

-- ---- running

local results = { rows = {}, quick = quick, failed = {} }

local function progress(text)
    io.stderr:write(text)
    io.stderr:flush()
end

local function run(job)
    local failed = true
    local command = ("LUA_PATH='bench/lib/?.lua;;' LUA_CPATH='%s/%s/?.so;%s/%s/bench/?.so;;' " ..
        "tests/limit %d %s/%s/tests/host bench/w%02d_%s.lua && echo done"):format(B, job.lua, B, job.lua, LIMIT, B,
                                                                               job.lua, job.w, job.name)
    local pipe = assert(io.popen(command))
    for line in pipe:lines() do
        if line == "done" then
            failed = false
        else
            local row = json.decode(line)
            row.w, row.lua = job.w, job.lua
            table.insert(results.rows, row)
        end
    end
    pipe:close()
    if failed then table.insert(results.failed, ("W%d on %s"):format(job.w, job.lua)) end
end

local function median(list)
    table.sort(list)
    return list[math.ceil(#list / 2)]
end

local function run_others()
    for _, other in ipairs(others()) do
        progress("    " .. other[1] .. "\n")
        local figures = { {}, {}, {} }
        for _ = 1, quick and 1 or OTHER_RUNS do
            for w, ns in output(other[2] .. (quick and " 10000" or "")):gmatch("(%d) ([%d.]+)") do
                table.insert(figures[tonumber(w)], tonumber(ns))
            end
        end
        for w, list in ipairs(figures) do
            if #list > 0 and (not wanted or lists(wanted, tostring(w))) then
                table.insert(results.rows, {
                    w = w, lua = other[1], name = other_names[w], unit = "ns", figure = median(list),
                    low = list[math.ceil(#list / 4)], high = list[math.ceil(#list * 3 / 4)],
                })
            end
        end
    end
end

-- ---- the machine

local function first_match(text, pattern)
    return text and text:match(pattern) or "unknown"
end

local function describe_machine()
    return {
        cpu = first_match(read("/proc/cpuinfo"), "model name%s*:%s*([^\n]+)"),
        cpus = tonumber(output("nproc")) or 0,
        system = output("uname -srm"):gsub("%s+$", ""),
        distribution = first_match(read("/etc/os-release"), 'PRETTY_NAME="([^"]+)"'),
        compiler = first_match(output((env("CC") or "cc") .. " --version"), "[^\n]+"),
        load = tonumber(first_match(read("/proc/loadavg"), "[%d.]+")) or 0,
        date = os.date("%Y-%m-%d"),
    }
end

-- ---- the whole

results.machine = describe_machine()
local begin, list = host.now(), jobs()
for i, job in ipairs(list) do
    progress(("[%d/%d, %.0f s] W%d %s, %s\n"):format(i, #list, host.now() - begin, job.w, job.name, job.lua))
    run(job)
end
if not asked and (not wanted or wanted:find("[123]")) then
    progress("other ways, as far as they are installed:\n")
    run_others()
end
for i, row in ipairs(results.rows) do row.place = i end
table.sort(results.rows, function(a, b)
    if a.w ~= b.w then return a.w < b.w end
    return a.place < b.place
end)
results.seconds = host.now() - begin

local path = B .. "/bench/results.json"
local file = assert(io.open(path, "w"))
file:write(json.encode(results), "\n")
file:close()

print(show.text(results.rows))
local machine = results.machine
print(("\n%s, %d CPUs, %s"):format(machine.cpu, machine.cpus, machine.system))
print(("%.0f s; the same as JSON: %s"):format(results.seconds, path))
print("± %: half of the range in which half of the runs lie. CPU ns, switches: of the whole process, per message and")
print("per 1000 messages.")
if machine.load > 0.5 then
    print(("The machine was busy at the start (load %.1f): these figures say little."):format(machine.load))
end
if quick then print("BENCH_QUICK: these figures say nothing.") end
for _, name in ipairs(results.failed) do print("FAILED: " .. name) end
os.exit(#results.failed == 0)
