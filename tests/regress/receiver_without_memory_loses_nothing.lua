-- story: a receive whose Lua state ran out of memory lost the message
-- A receive took its message out of the buffer and then ran out of memory in the Lua state, where the values were to
-- become Lua's: the message was lost, and its memory too. Whichever request fails, the message is still the first.

local heap   = require("heap")
local mtmsg  = require("mtmsg")
local starve = require("starve")
local tap    = require("tap")

if rawget(_G, "jit") then require("jit").off() end

local unpack = table.unpack or unpack

-- Made anew for each use: what lies around as a Lua string already needs no memory.
local messages = {
    ["short strings"] = function() return "first", 1, ("a"):rep(20), ("b"):rep(30) end,
    ["a long string"] = function() return 7, ("long "):rep(400) end,
    ["a large string"] = function() return ("large "):rep(5000), true end,
    ["many values"] = function()
        local values = {}
        for i = 1, 300 do values[i] = i % 3 == 0 and "value " .. i or i end
        return unpack(values)
    end,
}

-- Each gives the values of the next message; "alone" ones that of a buffer without a listener.
local function receivers(buffer, listener, alone)
    local function read(source)
        local reader = mtmsg.newreader()
        if reader:nextmsg(source, 0) then return reader:next(1000) end
    end
    return {
        ["buffer:nextmsg"] = function() return buffer:nextmsg(0) end,
        ["alone: buffer:nextmsg"] = function() return alone:nextmsg() end,
        ["alone: buffer:getmsg"] = function() return select(2, alone:getmsg()) end,
        ["listener:nextmsg"] = function() return listener:nextmsg(0) end,
        ["reader:nextmsg of a buffer"] = function() return read(buffer) end,
        ["reader:nextmsg of a listener"] = function() return read(listener) end,
    }
end

local listener = mtmsg.newlistener()
local connected, alone = listener:newbuffer(), mtmsg.newbuffer()

local function collect()
    collectgarbage()
    collectgarbage()
end

-- Whether all went well although, or because, requests from the nth on were refused.
local function round(buffer, n, make, receive, may_be_read)
    buffer:addmsg(make())
    buffer:addmsg("after")
    collect()
    local results = { starve.run(n, receive) }
    local refused, ok = results[1], results[2]
    if ok then
        tap.gives({ make() }, unpack(results, 3))
    else
        tap.ok(refused, results[3])
        tap.contains(results[3], "memory")
        if may_be_read and buffer:msgcnt() == 1 then return true end -- it had got into the reader, which is gone
        tap.is(buffer:msgcnt(), 2, "messages after the failure of request " .. n)
        tap.gives({ make() }, receive())
    end
    tap.gives({ "after" }, receive())
    tap.is(buffer:msgcnt(), 0)
    return refused
end

for name, make in pairs(messages) do
    for how, receive in pairs(receivers(connected, listener, alone)) do
        local buffer = how:find("^alone") and alone or connected
        tap.test(("%s by %s, where Lua has no memory from its nth request on"):format(name, how), function()
            local before, refusals
            for _ = 1, 4 do -- by the last time, what Lua and the buffers keep for later is there
                collect()
                before, refusals = heap.in_use(), 0
                while round(buffer, refusals + 1, make, receive, how:find("^reader") ~= nil) do
                    refusals = refusals + 1
                    buffer:clear()
                end
            end
            collect()
            tap.ok(refusals > 0, "nothing was refused")
            tap.note(refusals .. " requests were refused, one after the other")
            if before then
                local grown = heap.in_use() - before
                tap.ok(grown < 40000, grown .. " bytes were not given back")
            end
        end)
    end
end

tap.done()
