-- Runs the programs in bench/others, which pass messages in other ways. Each prints lines "workload nanoseconds name";
-- such a line is a row beside those of the workload.

local files = require "files"

local others = {}

local RUNS = 5
local titles = { gasyncqueue = "GAsyncQueue", zeromq = "ZeroMQ inproc", channel = "Go channel" }

-- Those that can run here: lists of name, title and command.
function others.installed(build)
    local list = {}
    for name in files.output("ls " .. build .. "/bench"):gmatch("%S+") do
        if titles[name] then
            list[#list + 1] = { name = name, title = titles[name], command = build .. "/bench/" .. name }
        end
    end
    if files.output("command -v love") ~= "" then
        list[#list + 1] = { name = "love", title = "LÖVE", command = "timeout 60 love bench/others/love" }
    end
    return list
end

local function quantile(list, part)
    table.sort(list)
    return list[math.max(1, math.ceil(#list * part))]
end

-- Its figures, by workload and name, in the order in which it prints them.
local function samples_of(other, quick)
    local samples, order = {}, {}
    for _ = 1, quick and 1 or RUNS do
        local text = files.output(other.command .. (quick and " 10000" or ""))
        for w, ns, name in text:gmatch("(%d+) ([%d.]+) ([^\n]+)") do
            local key = w .. name
            if not samples[key] then
                samples[key] = { w = tonumber(w), name = name }
                order[#order + 1] = samples[key]
            end
            table.insert(samples[key], tonumber(ns))
        end
    end
    return order
end

-- Results by workload, of those for which wanted(w) is true.
function others.run(other, quick, wanted)
    local results = {}
    for _, list in ipairs(samples_of(other, quick)) do
        if wanted(list.w) then
            results[list.w] = results[list.w] or { rows = {}, plots = {} }
            table.insert(results[list.w].rows, {
                w = list.w, lua = other.title, name = list.name, unit = "ns", figure = quantile(list, 0.5),
                low = quantile(list, 0.25), high = quantile(list, 0.75),
            })
        end
    end
    return results
end

return others
