--[[ W11: tables

A value is added and received at once. The probe does in C what cannot be saved: it goes through the same value by
lua_next, and makes it anew by presized tables and raw sets, its keys pushed as strings. A second probe also reads
the keys and values on its way, by the calls that Lua has for that, and copies them: less than that no module can do.
A third also looks up each table and key among those that have come already, so that what is shared could be sent once,
and the row adds what the queue takes for a string of as many bytes: what is left is going level by level, without
recursion, and bytes that are checked. Beside it stand the serializers that are installed, each with a message for its
string: cjson, MessagePack by lua-mpack, and LuaJIT's string.buffer.

At last, a request that carries the buffer for its reply, beside the same with that buffer's id, which is looked up at
the other end. A second row adds what no such reference can do without: memory for it that is linked and unlinked, a
count that goes up and down, and a protected call to make the object at the other end.
]]

local measure = require "measure"
local rows = require "rows"
local walk = require "walk"
local new_box = require "box"
local mtmsg = require "mtmsg"

-- Serializers: names and pairs of functions.
local peers = {}
local function peer(name, module, make)
    local ok, it = pcall(require, module)
    if ok then
        local encode, decode = make(it)
        peers[#peers + 1] = { name = name, encode = encode, decode = decode }
    end
end
peer("cjson", "cjson", function(cjson) return cjson.encode, cjson.decode end)
peer("MessagePack", "mpack", function(mpack)
    return mpack.pack, mpack.unpack
end)
peer("string.buffer", "string.buffer", function(buffer) return buffer.encode, buffer.decode end)

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

local function bytes_of(value)
    local buffer = mtmsg.newbuffer()
    buffer:addmsg(value)
    return buffer:info().bytes
end

local entries = {}
for i, case in ipairs(values) do
    local value, buffer = case[2], mtmsg.newbuffer()
    local text = ("x"):rep(bytes_of(value))
    entries[#entries + 1] = { "add " .. i, measure.loop(function(n)
        for _ = 1, n do
            buffer:addmsg(value)
            buffer:nextmsg()
        end
    end) }
    entries[#entries + 1] = { "walk " .. i, measure.loop(function(n) walk.both(n, value) end) }
    entries[#entries + 1] = { "read " .. i, measure.loop(function(n) walk.read(n, value) end) }
    entries[#entries + 1] = { "note " .. i, measure.loop(function(n) walk.note(n, value) end) }
    entries[#entries + 1] = { "string " .. i, measure.loop(function(n)
        for _ = 1, n do
            buffer:addmsg(text)
            buffer:nextmsg()
        end
    end) }
    for _, other in ipairs(peers) do
        local encode, decode = other.encode, other.decode
        entries[#entries + 1] = { other.name .. " " .. i, measure.loop(function(n)
            for _ = 1, n do
                buffer:addmsg(encode(value))
                decode(buffer:nextmsg())
            end
        end) }
    end
end

local jobs, reply = mtmsg.newbuffer(), mtmsg.newbuffer()
entries[#entries + 1] = { "by value", measure.loop(function(n)
    for i = 1, n do
        jobs:addmsg(i, reply)
        local request, to = jobs:nextmsg()
        to:addmsg(request)
        reply:nextmsg()
    end
end) }
entries[#entries + 1] = { "by id", measure.loop(function(n)
    for i = 1, n do
        jobs:addmsg(i, reply:id())
        local request, id = jobs:nextmsg()
        mtmsg.buffer(id):addmsg(request)
        reply:nextmsg()
    end
end) }

local box = new_box()
entries[#entries + 1] = { "refer", measure.loop(function(n) for _ = 1, n do box:refer() end end) }
entries[#entries + 1] = { "check", measure.loop(function(n) for _ = 1, n do box:check() end end) }

local samples = measure.take(entries)
for i, case in ipairs(values) do
    local figure = samples["add " .. i]
    rows.row {
        name = "add+next, " .. case[1], unit = "ns", figure = figure, probe = samples["walk " .. i],
        per = "walking it, and making it anew", most = 1.3, naive = false,
        why = "Lua's calls that read what is there cost as much: see the next row",
        chart = i == 1 and "A table of five fields: sent and received in one thread" or nil,
    }
    rows.row {
        name = "... beside reading it", unit = "ns", figure = figure, probe = samples["read " .. i],
        per = "the same, and reading it", most = 1.3, naive = false, again = true,
    }
    rows.row {
        name = "... beside that, noting what was there, and a string through the queue", unit = "ns", figure = figure,
        probe = measure.each(function(note, text) return note + text end, samples["note " .. i],
            samples["string " .. i]),
        per = "the same, a look-up of each table and key, and as many bytes through a buffer", most = 1.3,
        naive = false, again = true,
    }
    for _, other in ipairs(peers) do
        -- of arrays alone string.buffer is not to be beaten: it is part of the virtual machine
        local judged = other.name ~= "string.buffer" or i ~= 2
        rows.row {
            name = "... beside " .. other.name, unit = "ns", figure = figure, probe = samples[other.name .. " " .. i],
            per = other.name .. " and a message", most = judged and 1 or nil, naive = false, again = true,
            rival = i == 1 and other.name or nil,
            why = other.name == "string.buffer" and "it is part of the virtual machine, and reads tables without calls"
                or nil,
        }
    end
end
rows.row {
    name = "request with its reply buffer", unit = "ns", figure = samples["by value"], probe = samples["by id"],
    per = "the same with its id, looked up", most = 1.5, naive = false,
    why = "such a message has memory of its own, its reference is linked and unlinked, and it is decoded in a " ..
          "protected call: see the next row",
}
rows.row {
    name = "... beside that, and what a reference costs", unit = "ns", figure = samples["by value"],
    probe = measure.each(function(by_id, refer, check) return by_id + refer - check end, samples["by id"],
        samples.refer, samples.check),
    per = "the same, and memory, counts and a protected call", most = 1.5, naive = false, again = true,
}
