-- story: the sum of a message's sizes wrapped around, and the heap was overwritten
-- Three references to one string of 1.4 GB come to 2^32 + 2 bytes. Where a size has 32 bits the sum wrapped around: the
-- message counted as one of 2 bytes, and was written far past the end of the memory that it got. Now such a sum is what
-- no buffer has room for. (Sizes at the end of 64 bits are in tests/unit/test_size.c, as no machine has such strings.)

local mtmsg = require("mtmsg")
local tap   = require("tap")

if not string.packsize or string.packsize("T") ~= 4 then
    tap.skip("three strings whose sum a size can't tell", "sizes have more than 32 bits here, or can't be asked for")
    return tap.done()
end

local made, text = pcall(function()
    local piece = ("x"):rep(2 ^ 20)
    return piece:rep(1365) .. ("x"):rep(1431655757 - 1365 * 2 ^ 20)
end)
if not made then
    tap.skip("three strings whose sum a size can't tell", "there is no memory for one of them")
    return tap.done()
end

local buffers = { growing = mtmsg.newbuffer(), sized = mtmsg.newbuffer(100), fixed = mtmsg.newbuffer(100, 0) }
for name, buffer in pairs(buffers) do
    tap.test(("a %s buffer refuses them, and is as it was"):format(name), function()
        buffer:addmsg("before")
        for _, method in ipairs { "addmsg", "setmsg" } do
            local ok, err = pcall(buffer[method], buffer, text, text, text)
            tap.is(ok, false)
            tap.ok(err:find(name == "fixed" and "message_size" or "out_of_memory", 1, true), err)
        end
        tap.is(buffer:msgcnt(), 1)
        tap.is(buffer:nextmsg(0), "before")
    end)
end

tap.done()
