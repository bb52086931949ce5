-- Logger: one thread writes what all say. Its queue is bounded: what must not be lost waits for room (`putmsg`), debug
-- chatter goes to a second queue that forgets the oldest. `flush` waits until all that was said is written.
local luv = require "luv"
local mtmsg = require "mtmsg"

local function logger(log_id, debug_id, written_id)
    local mtmsg = require "mtmsg"
    local log, debug, lines = mtmsg.buffer(log_id), mtmsg.buffer(debug_id), mtmsg.buffer(written_id)
    while log or debug do
        local source, what, text = mtmsg.select(nil, log, debug) -- at an end: nil, the reason, and which has ended
        if not source then if text == log then log = nil else debug = nil end
        elseif what == "flush" then text:addmsg() -- a buffer that came along
        else lines:addmsg(what .. ": " .. text) end
    end
end

local log = mtmsg.newbuffer{ name = "log", limit = 100 }
local debug = mtmsg.newbuffer{ name = "debug", limit = 100, overflow = "oldest" }
local lines = mtmsg.newbuffer()
for i = 1, 1000 do debug:addmsg("debug", "step " .. i) end -- nobody writes yet: the last 100 stay
local thread = luv.new_thread(string.dump(logger), log:id(), debug:id(), lines:id())

local function flush()
    local reply = mtmsg.newbuffer()
    assert(log:putmsg("flush", reply))
    return assert(reply:getmsg(30))
end

for i = 1, 500 do assert(log:putmsg("info", "order " .. i)) end
flush()
assert(lines:msgcnt() >= 500)
log:finish()
repeat mtmsg.sleep(0.01) until debug:msgcnt() == 0 -- the logger goes on with the other queue
debug:addmsg("debug", "the end")
debug:finish()
thread:join()
assert(debug:info().dropped == 900 and lines:msgcnt() == 601)
print(lines:msgcnt() .. " lines written, " .. debug:info().dropped .. " forgotten")
luv.run() -- the luv of Debian 13 crashes at the end of a program that had threads, unless its loop has run
