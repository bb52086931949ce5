-- Says what figures were measured on: the processor above all, as it decides most.

local files = require "files"

local machine = {}

local function first_match(text, pattern)
    return text and text:match(pattern) or "unknown"
end

-- "AMD EPYC 7763 (family 25, model 1)": virtual machines like to hide the name, but not these.
local function processor()
    local info = files.read("/proc/cpuinfo")
    local name = first_match(info, "model name%s*:%s*([^\n]+)")
    local family, model = first_match(info, "cpu family%s*:%s*(%d+)"), first_match(info, "model%s*:%s*(%d+)")
    if family == "unknown" then return name end
    return ("%s (family %s, model %s)"):format(name, family, model)
end

local function load_average()
    return tonumber(first_match(files.read("/proc/loadavg"), "[%d.]+")) or 0
end

-- mode is that of files.lua.
function machine.describe(compiler, mode)
    return {
        cpu = processor(),
        cpus = tonumber(files.output("nproc")) or 0,
        system = files.output("uname -srm"):gsub("%s+$", ""),
        distribution = first_match(files.read("/etc/os-release"), 'PRETTY_NAME="([^"]+)"'),
        compiler = first_match(files.output(compiler .. " --version"), "[^\n]+"),
        load = load_average(),
        mode = mode,
        date = os.date("%Y-%m-%d"),
    }
end

local modes = { quiet = "quiet", loaded = "one CPU busy with another process", quick = "a trial run" }

-- What stands above each table.
function machine.caption(m)
    return ("%s, %d CPUs, %s"):format(m.cpu, m.cpus, modes[m.mode])
end

-- The rest of it.
function machine.details(m)
    return ("%s, %s; %s; measured on %s"):format(m.distribution, m.system, m.compiler, m.date)
end

return machine
