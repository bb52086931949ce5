-- A message that is added at the very end of somebody's timeout: whoever was there in time gets it, and otherwise it
-- stays where it is.

local mtmsg   = require("mtmsg")
local tap     = require("tap")
local threads = require("threads")

local rounds = 300
local early = 0.0005 -- seconds by which the wall clock may differ from the clock of the timeouts

-- Runs in a thread: one wait per round.
local function receive(kind, buffer_id, listener_id, go_id, back_id, timeout)
    local mtmsg = require("mtmsg")
    local buffer, listener = mtmsg.buffer(buffer_id), mtmsg.listener(listener_id)
    local go, back = mtmsg.buffer(go_id), mtmsg.buffer(back_id)
    local source = kind == "buffer" and buffer or listener
    while go:nextmsg() do
        local started = mtmsg.time()
        back:addmsg(started)
        back:addmsg(source:nextmsg(timeout))
    end
end

for _, kind in ipairs { "buffer", "listener" } do
    tap.test(kind .. ": a message is returned, or was late and is still there", function()
        local timeout = 0.002
        local listener = mtmsg.newlistener()
        local buffer, go, back = listener:newbuffer(), mtmsg.newbuffer(), mtmsg.newbuffer()
        local thread = threads.start(receive, kind, buffer:id(), listener:id(), go:id(), back:id(), timeout)
        local hits, misses = 0, 0
        for round = 1, rounds do
            go:addmsg(true)
            local started = back:nextmsg(threads.limit)
            local moment = started + timeout * (0.8 + 0.4 * (round % 17) / 16)
            while mtmsg.time() < moment do end
            buffer:addmsg(round)
            local added = mtmsg.time()
            local n, got = (function(...) return select("#", ...), (...) end)(back:nextmsg(threads.limit))
            if n == 1 then
                tap.is(got, round)
                tap.is(buffer:msgcnt(), 0)
                hits = hits + 1
            else
                tap.ok(added >= started + timeout - early,
                       "added " .. started + timeout - added .. " seconds before the end and not returned")
                tap.gives({ round }, buffer:nextmsg(0))
                misses = misses + 1
            end
        end
        go:addmsg(false)
        thread:join()
        tap.note(hits .. " in time, " .. misses .. " late")
    end)
end

tap.done()
