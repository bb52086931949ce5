-- W1: a message is added and received in one thread. The probe is the pair of method calls that check their self, read
-- the same arguments and push the same results, and keep the message in the object itself.

local measure = require "measure"
local mtmsg = require "mtmsg"
local box = require "box" ()

local loop = measure.loop
local buffer = mtmsg.newbuffer()

local samples = measure.take {
    { "int", loop(function(n) for _ = 1, n do buffer:addmsg(42) buffer:nextmsg() end end) },
    { "int probe", loop(function(n) for _ = 1, n do box:put1(42) box:get1() end end) },
    { "three", loop(function(n) for _ = 1, n do buffer:addmsg(42, "ten chars.", 1.5) buffer:nextmsg() end end) },
    { "three probe", loop(function(n) for _ = 1, n do box:put3(42, "ten chars.", 1.5) box:get3() end end) },
}
measure.row {
    name = "add+next, one small integer", unit = "ns", figure = samples["int"], probe = samples["int probe"],
    per = "the same calls without a queue", most = 1.25,
}
measure.row {
    name = "add+next, integer, 10 characters, float", unit = "ns", figure = samples["three"],
    probe = samples["three probe"], per = "the same calls without a queue", most = 1.5,
}

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
