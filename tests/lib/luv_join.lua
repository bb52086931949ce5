-- Joins a thread of luv after its loop has run. Where a loop knows its threads, as that of luv 1.48 does, it has joined
-- those that have ended, and to join one again is a crash.
local uv = require "luv"

assert(not uv.loop_alive(), "to be required before there is anything in the loop")
local probe = uv.new_thread(function() end)
local loop_joins = uv.loop_alive()
probe:join()
uv.run()

return function(thread)
    if not loop_joins then thread:join() end
end
