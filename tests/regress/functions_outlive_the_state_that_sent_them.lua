-- story: a received C function was called after its module had been unloaded
-- A thread sent a C function and ended; Lua unloaded the function's module with its state, and who received the
-- function and called it jumped to where there was nothing any more.

local tap     = require("tap")
local threads = require("threads")
local mtmsg   = require("mtmsg")

local buffer = mtmsg.newbuffer()

-- Runs in a thread, where the module is loaded for the first time.
local function send(written, buffer_id)
    local mtmsg = require("mtmsg")
    local buffer, passing = mtmsg.buffer(buffer_id), require("passing")
    if written then
        local writer = mtmsg.newwriter()
        writer:add(passing.answer)
        writer:addmsg(buffer)
    else
        buffer:addmsg(passing.answer)
    end
end

for name, written in pairs { ["a function that was added"] = false, ["a function that was written"] = true } do
    tap.test(name .. " can be called when the state that sent it is gone", function()
        threads.start(send, written, buffer:id()):join()
        local answer = buffer:nextmsg(threads.limit)
        tap.is(answer(), 42)
    end)
end

tap.test("functions can be sent again and again", function()
    for _ = 1, 1000 do
        buffer:addmsg(mtmsg.time, mtmsg.sleep, mtmsg.type)
        local time, sleep, type_of = buffer:nextmsg()
        tap.is(type_of(time()), "number")
        sleep(0)
    end
end)

tap.done()
