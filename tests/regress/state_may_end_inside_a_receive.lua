-- story: at the end of a state a receive read memory that had been freed
-- At the end of a state a finalizer received a large string. While Lua made the string, its collector ran the other
-- finalizers, that of the module's own state among them, which freed the message from which the string was copied.

local mtmsg   = require("mtmsg")
local tap     = require("tap")
local threads = require("threads")

-- Runs in a thread, whose state ends with it.
local function receive_at_the_end(id, size, pad)
    local mtmsg = require("mtmsg")
    local buffer = mtmsg.buffer(id)
    local function receive()
        if newproxy then -- a whole collection in one step; from such a one 5.3 may not come back at the end of a state
            collectgarbage("setstepmul", 1000000)
            collectgarbage("restart")
        end
        for _ = 1, 3 do
            local ok, text, number = pcall(buffer.nextmsg, buffer)
            if not ok then break end
            assert(text == ("x"):rep(size) and type(number) == "number")
        end
    end
    kept = {} -- objects of the module that are finalized meanwhile
    for i = 1, pad do kept[i] = mtmsg.newbuffer() end
    if newproxy then
        last = newproxy(true)
        getmetatable(last).__gc = receive
    else
        last = setmetatable({}, { __gc = receive })
    end
    buffer:nextmsg()
end

for _, size in ipairs { 300, 6000, 60000 } do
    tap.test(("a finalizer receives strings of %d bytes at the end of its state"):format(size), function()
        for pad = 0, 100, 10 do
            local buffer = mtmsg.newbuffer()
            local text, number = ("x"):rep(size), 0
            for i = 1, 6 do buffer:addmsg(text, i) end
            threads.join_all { threads.start(receive_at_the_end, buffer:id(), size, pad) }
            tap.ok(buffer:msgcnt() >= 2)
            while buffer:msgcnt() > 0 do -- the rest, in order
                local got, next_number = buffer:nextmsg()
                tap.is(got, text)
                tap.ok(next_number > number)
                number = next_number
            end
            tap.is(number, 6)
        end
    end)
end

tap.done()
