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

-- What all processors have done so far, and what those children of this process have taken that have ended; both in
-- the system's ticks.
local function ticks()
    local busy, all, at = 0, 0, 0
    for word in (files.read("/proc/stat") or ""):match("^cpu +([%d ]*)"):gmatch("%d+") do
        at = at + 1
        all = all + (at <= 8 and tonumber(word) or 0) -- the rest is counted among these
        busy = busy + (at <= 8 and at ~= 4 and at ~= 5 and tonumber(word) or 0) -- these two are idle
    end
    local own, field = 0, 2
    for word in files.read("/proc/self/stat"):match("%) (.*)"):gmatch("%S+") do
        field = field + 1
        if field == 16 or field == 17 then own = own + tonumber(word) end
    end
    return busy, all, own
end

-- Returns a function that says how many processors other processes have kept busy since, but for `expected`.
function machine.watch(cpus, expected)
    local busy, all, own = ticks()
    return function()
        local busy_now, all_now, own_now = ticks()
        local share = ((busy_now - busy) - (own_now - own)) / math.max(all_now - all, 1)
        return math.max(share * cpus - expected, 0)
    end
end

-- mode is that of files.lua.
function machine.describe(compiler, mode)
    return {
        cpu = processor(),
        cpus = tonumber(files.output("nproc")) or 0,
        system = files.output("uname -srm"):gsub("%s+$", ""),
        distribution = first_match(files.read("/etc/os-release"), 'PRETTY_NAME="([^"]+)"'),
        compiler = first_match(files.output(compiler .. " --version"), "[^\n]+"),
        mode = mode,
        date = os.date("%Y-%m-%d"),
    }
end

local modes = { quiet = "quiet", loaded = "one CPU busy with another process", quick = "a trial run" }

-- Other processes that had more than that many processors have disturbed what was measured.
local DISTURBED = 0.1

-- What stands above each table; others is how many processors other processes had meanwhile, nil if that is not known.
function machine.caption(m, others)
    local mode = modes[m.mode]
    if (others or 0) > DISTURBED then mode = ("%s, but others kept %.2f CPUs busy"):format(mode, others) end
    return ("%s, %d CPUs, %s"):format(m.cpu, m.cpus, mode)
end

-- The rest of it.
function machine.details(m)
    return ("%s, %s; %s; measured on %s"):format(m.distribution, m.system, m.compiler, m.date)
end

-- A complaint where that was too much.
function machine.complaint(what, others)
    if others <= DISTURBED then return end
    local text = "%s: other processes kept %.2f processors busy meanwhile, so these figures say little."
    return text:format(what, others)
end

return machine
