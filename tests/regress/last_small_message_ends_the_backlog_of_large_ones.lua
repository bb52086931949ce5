-- story: memory of large messages stayed where the last message was a short one
-- A buffer with messages keeps the memory of large ones that were taken, up to 4 MiB, and gives most of it back with
-- the last message. Where that was a short one it was taken by a shorter way, and the 4 MiB stayed until the next
-- receive that waited. It must not matter what the last message is.

local in_use = require("in_use")
local mtmsg  = require("mtmsg")
local tap    = require("tap")

if not in_use then
    tap.skip("what a drained buffer keeps", "this malloc does not tell how much is in use")
    return tap.done()
end

mtmsg.newbuffer():addmsg(("x"):rep(300000)) -- what the state itself keeps is there

for name, last in pairs { number = 1, boolean = true, ["short string"] = "s", ["longer string"] = ("s"):rep(1000) } do
    tap.test("a buffer that is drained keeps less than 1 MB if the last message is a " .. name, function()
        local before = in_use()
        local buffer = mtmsg.newbuffer()
        for _ = 1, 40 do buffer:addmsg(("x"):rep(100000)) end
        buffer:addmsg(last)
        for _ = 1, 40 do tap.is(#buffer:nextmsg(), 100000) end
        tap.is(buffer:nextmsg(), last)
        local kept = in_use() - before
        tap.ok(kept < 2 ^ 20, ("it keeps %d bytes"):format(kept))
        tap.is(buffer:msgcnt(), 0)
    end)
end

tap.done()
