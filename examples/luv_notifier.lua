-- A luv event loop that is woken when another thread adds a message: timers, sockets and
-- messages in one loop, without polling and without blocking it. Needs luv, and the module
-- uv_notifier (uv_notifier.c in this directory).
local uv = require "luv"
local mtmsg = require "mtmsg"
local uv_notifier = require "uv_notifier"

local results = mtmsg.newbuffer("results")
local ticks = 0
local timer = uv.new_timer()
local async, notifier, thread

-- Several messages may come in before the loop wakes up, so take all that are there. A timeout of
-- 0 never waits.
async = uv.new_async(function()
    for worker, n in function() return results:nextmsg(0) end do
        print(("worker %d counted to %d"):format(worker, n))
        if n == 3 then
            results:notifier(nil)
            notifier:close() -- before the async: no thread touches it from here on
            async:close()
            timer:close()
            thread:join() -- here, before the loop goes on: some versions join those that have ended themselves
            return
        end
    end
end)
notifier = uv_notifier.new(async)
results:notifier(notifier)

-- the rest of the program, which goes on all the while
timer:start(0, 1, function() ticks = ticks + 1 end)

thread = uv.new_thread(string.dump(function(id)
    local buffer = require "mtmsg".buffer(id)
    for n = 1, 3 do
        buffer:addmsg(7, n)
    end
end), results:id())

uv.run()
print("the loop also ran its timer: " .. tostring(ticks > 0))
