--[[ W11: tables

A value is added and received at once. The probe does in C what cannot be saved: it goes through the same value by
lua_next, and makes it anew by presized tables and raw sets, its keys pushed as strings. What a message costs beyond
that is writing and reading bytes, noticing what was there before, and the queue. Where cjson is installed it stands
beside it, with a message for its string.
]]

local measure = require "measure"
local rows = require "rows"
local walk = require "walk"
local mtmsg = require "mtmsg"

local has_cjson, cjson = pcall(require, "cjson")

local record = { identifier = 17, name = "a name", price = 1.5, flagged = true, comment = "some more text" }
local numbers, records, levels = {}, {}, { value = 1 }
for i = 1, 1000 do numbers[i] = i * 300 end
for i = 1, 100 do
    records[i] = { identifier = i, name = "name" .. i, price = i / 2, flagged = true, comment = "some more text" }
end
for i = 1, 20 do levels = { inner = levels, value = i } end

local values = {
    { "a record of 5 fields", record }, { "an array of 1,000 integers", numbers },
    { "100 records of 5 fields", records }, { "20 levels", levels },
}

local entries = {}
for i, case in ipairs(values) do
    local value, buffer = case[2], mtmsg.newbuffer()
    entries[#entries + 1] = { "add " .. i, measure.loop(function(n)
        for _ = 1, n do
            buffer:addmsg(value)
            buffer:nextmsg()
        end
    end) }
    entries[#entries + 1] = { "walk " .. i, measure.loop(function(n) walk.both(n, value) end) }
    if has_cjson then
        entries[#entries + 1] = { "cjson " .. i, measure.loop(function(n)
            for _ = 1, n do
                buffer:addmsg(cjson.encode(value))
                cjson.decode(buffer:nextmsg())
            end
        end) }
    end
end

local samples = measure.take(entries)
for i, case in ipairs(values) do
    rows.row {
        name = "add+next, " .. case[1], unit = "ns", figure = samples["add " .. i], probe = samples["walk " .. i],
        per = "walking it, and making it anew", most = 1.3, naive = false,
    }
    if has_cjson then
        rows.row {
            name = "... beside cjson", unit = "ns", figure = samples["add " .. i], probe = samples["cjson " .. i],
            per = "cjson and a message", most = 1, naive = false, again = true,
        }
    end
end
