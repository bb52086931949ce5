-- story: an integral number outside the range of ids was no integer, or another id
-- An integral number that is outside of the range of ids was called no integer, or was cut to one inside. It is
-- the id of no object; only a number that is not integral is a wrong argument.

local mtmsg = require("mtmsg")
local tap   = require("tap")

local wrong = { ["1.5"] = 1.5, ["-0.5"] = -0.5, NaN = 0 / 0, infinity = math.huge, ["-infinity"] = -math.huge }

for kind, find in pairs { buffer = mtmsg.buffer, listener = mtmsg.listener } do
    for _, id in ipairs { -1e300, -2 ^ 63 - 2 ^ 11, -2 ^ 63, -1, 0, 2 ^ 53, 2 ^ 62, 2 ^ 63, 2 ^ 64, 1e300 } do
        tap.test(("a %s of the id %.17g is unknown"):format(kind, id), function()
            tap.raises(mtmsg.error.unknown_object .. ": " .. kind .. " id", find, id)
        end)
    end

    for name, id in pairs(wrong) do
        tap.test(("%s is no id of a %s"):format(name, kind), function()
            tap.raises("bad argument #1 to ", find, id)
        end)
    end
end

tap.test("an id is found as a float, and not if it is a little off", function()
    local buffer = mtmsg.newbuffer()
    local id = buffer:id() + 0.0
    tap.is(mtmsg.buffer(id):id(), buffer:id())
    tap.raises("bad argument #1 to ", mtmsg.buffer, id + 0.5)
    for _, far in ipairs { id + 2 ^ 64, id - 2 ^ 64, -id } do
        tap.raises(mtmsg.error.unknown_object, mtmsg.buffer, far)
    end
end)

tap.done()
