-- Request and reply: the request brings the buffer for its reply along. The client waits for a while, and learns at
-- once if the server gives the buffer up without a word: a buffer of a listener tells when nobody else has it.
local luv = require "luv"
local mtmsg = require "mtmsg"

local function server(requests_id)
    local mtmsg = require "mtmsg"
    for _, reply, what, text in mtmsg.buffer(requests_id):messages() do
        if what == "upper" then reply:addmsg("ok", text:upper())
        elseif what == "slow" then mtmsg.sleep(0.2) end
        reply:release() -- whoever waits need not wait any longer
    end
end

local requests = mtmsg.newbuffer("requests")
local thread = luv.new_thread(string.dump(server), requests:id())

-- The reply, or nil and the reason why there is none.
local function call(timeout, ...)
    local replies = mtmsg.newlistener()
    local reply = replies:newbuffer()
    assert(requests:putmsg(reply, ...))
    reply:release() -- only the server has it now
    return replies:getmsg(timeout)
end

for i = 1, 100 do
    local id, state, text = call(30, "upper", "request " .. i)
    assert(id and state == "ok" and text == "REQUEST " .. i)
end
local _, reason = call(30, "what is this?")
assert(reason == mtmsg.error.no_buffers) -- it was given up
_, reason = call(0.01, "slow")
assert(reason == mtmsg.error.timeout)
requests:finish()
thread:join()
print("100 requests answered, one refused, one too slow")
luv.run() -- the luv of Debian 13 crashes at the end of a program that had threads, unless its loop has run
