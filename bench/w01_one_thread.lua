-- W1: a message is added and received in one thread. The probe is the pair of method calls that check their self, read
-- the same arguments and push the same results, and keep the message in the object itself. With a lock in each it shows
-- what part of the rest is the processor's price of four atomic instructions.

local measure = require "measure"
local mtmsg = require "mtmsg"
local box = require "box" ()

local loop = measure.loop
local buffer = mtmsg.newbuffer()

local samples = measure.take {
    { "int", loop(function(n) for _ = 1, n do buffer:addmsg(42) buffer:nextmsg() end end) },
    { "int probe", loop(function(n) for _ = 1, n do box:put1(42) box:get1() end end) },
    { "int locked", loop(function(n) for _ = 1, n do box:put1_locked(42) box:get1_locked() end end) },
    { "three", loop(function(n) for _ = 1, n do buffer:addmsg(42, "ten chars.", 1.5) buffer:nextmsg() end end) },
    { "three probe", loop(function(n) for _ = 1, n do box:put3(42, "ten chars.", 1.5) box:get3() end end) },
    { "three locked", loop(function(n)
        for _ = 1, n do box:put3_locked(42, "ten chars.", 1.5) box:get3_locked() end
    end) },
}
for _, row in ipairs { { "int", "one small integer", 1.25 }, { "three", "integer, 10 characters, float", 1.5 } } do
    local figure = samples[row[1]]
    measure.row {
        name = "add+next, " .. row[2], unit = "ns", figure = figure, probe = samples[row[1] .. " probe"],
        per = "the same calls without a queue", most = row[3],
    }
    measure.row {
        name = "... and with a lock in each", unit = "ns", figure = figure, probe = samples[row[1] .. " locked"],
        per = "the same calls with a lock",
    }
end

local KB = 1024
for _, step in ipairs {
    { "16 B", 16 }, { "256 B", 256 }, { "1 KB", KB }, { "4 KB", 4 * KB }, { "16 KB", 16 * KB }, { "64 KB", 64 * KB },
    { "256 KB", 256 * KB }, { "1 MB", KB * KB },
} do
    local name, size = step[1], step[2]
    local text = ("x"):rep(size)
    local s = measure.take({
        { "string", loop(function(n) for _ = 1, n do buffer:addmsg(text) buffer:nextmsg() end end) },
        { "probe", loop(function(n) for _ = 1, n do box:put_string(text) box:get_string() end end) },
    }, { slice = measure.slice / 2 })
    measure.row {
        name = "add+next, string of " .. name, unit = "ns", figure = s["string"], probe = s["probe"],
        per = "copy in, push", series = "size", x = size,
    }
end
