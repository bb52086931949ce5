-- story: an array without elements was lost, and elements were read where they were not aligned
-- An array without elements could be sent and not be received, and native code that walked over the elements of a
-- received array as floats or doubles read unaligned memory.

local carray = require("carray")
local mtmsg  = require("mtmsg")
local old    = require("old_client")
local tap    = require("tap")

local names = { "uchar", "schar", "short", "ushort", "int", "uint", "long", "ulong", "float", "double", "llong",
                "ullong" }

for _, name in ipairs(names) do
    tap.test("an empty array of " .. name .. " arrives, given or new", function()
        local buffer, given = mtmsg.newbuffer(), carray.new(name, 3)
        buffer:addmsg(carray.new(name, 0), "between", carray.new(name, 0))
        local first, between, second = buffer:nextmsg(0, given)
        tap.is(first, given)
        tap.is(#first, 0)
        tap.is(between, "between")
        tap.is(#second, 0)
    end)

    tap.test("elements of " .. name .. " are aligned for native code, wherever they are in a message", function()
        local buffer, reader = mtmsg.newbuffer(), old.reader(mtmsg.newbuffer())
        for shift = 0, 8 do
            buffer:addmsg(("x"):rep(shift), carray.new(name, 2), true, carray.new(name, 5))
            tap.is(reader:receive(buffer, false, 0), 0)
            local values = reader:all()
            tap.is(values[2].value.aligned, true)
            tap.is(values[4].value.aligned, true)
        end
    end)
end

tap.done()
