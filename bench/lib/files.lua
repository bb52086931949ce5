-- Where things lie: the workloads, and the results of each; what a command prints. It knows nothing of what they hold.

local json = require "json"

local files = {}

function files.read(path)
    local file = io.open(path)
    local text = file and file:read("*a")
    if file then file:close() end
    return text
end

function files.write(path, text)
    local file = assert(io.open(path, "w"))
    file:write(text)
    file:close()
end

-- What a command prints, but for its complaints.
function files.output(command)
    local pipe = assert(io.popen(command .. " 2>/dev/null"))
    local text = pipe:read("*a")
    pipe:close()
    return text
end

-- The workloads, in their order: { w = 3, name = "ping_pong", path = "bench/w03_ping_pong.lua", title, text }. Title
-- and text are those of its section on the page, from the comment that the file begins with.
function files.workloads()
    local list = {}
    for path in files.output("ls bench/w[0-9][0-9]_*.lua"):gmatch("%S+") do
        local number, name = path:match("w(%d+)_([%w_]+)%.lua$")
        local title, text = files.read(path):match("^%-%-%[%[ (W%d+: [^\n]+)\n\n(.-)%]%]")
        assert(title, path .. " does not begin with --[[ W" .. number .. ": title, and a text")
        list[#list + 1] = { w = tonumber(number), name = name, path = path, title = title, text = text }
    end
    return list
end

-- The results of one workload on one Lua, or of another way of passing messages, are a file by themselves: what was
-- measured again replaces what was measured before, and the rest stays. A mode is "quiet", "loaded" or "quick".
local function directory(build, mode)
    return ("%s/bench/%s"):format(build, mode)
end

function files.save(build, mode, name, results)
    assert(os.execute("mkdir -p '" .. directory(build, mode) .. "'"))
    files.write(("%s/%s.json"):format(directory(build, mode), name), json.encode(results) .. "\n")
end

-- All that was saved in that mode, by name.
function files.load(build, mode)
    local all = {}
    for path in files.output(("ls %s/*.json"):format(directory(build, mode))):gmatch("%S+") do
        all[path:match("([^/]+)%.json$")] = json.decode(files.read(path))
    end
    return all
end

return files
