-- In nonblock mode and with timeout 0 calls return at once, also while others use the same objects as much as they
-- can; what such a call says about its success is true.

local mtmsg   = require("mtmsg")
local tap     = require("tap")
local threads = require("threads")

local attempts = 20000

-- Runs in a thread: adds and takes until it is stopped; returns how many messages it added and took.
local function hammer(id, stop_id, text)
    local mtmsg = require("mtmsg")
    local buffer, stop = mtmsg.buffer(id), mtmsg.buffer(stop_id)
    local added, taken = 0, 0
    while stop:msgcnt() == 0 do
        for _ = 1, 50 do
            buffer:addmsg("theirs", text)
            added = added + 1
            if buffer:nextmsg(0) then taken = taken + 1 end
        end
    end
    return added, taken
end

for _, length in ipairs { 10, 20000 } do
    tap.test(("adds and takes of %d bytes say what they did"):format(length), function()
        local buffer, stop = mtmsg.newbuffer(), mtmsg.newbuffer()
        local text = ("x"):rep(length)
        local thread = threads.start(hammer, buffer:id(), stop:id(), text)
        buffer:nonblock()
        local added, taken, refused = 0, 0, 0
        for _ = 1, attempts do
            if buffer:addmsg("ours", text) then
                added = added + 1
            else
                refused = refused + 1
                threads.pause(0.0001) -- who was stopped inside an operation gets the processor back
            end
            if buffer:nextmsg() then taken = taken + 1 end
        end
        stop:addmsg("stop")
        local their_added, their_taken = thread:join()
        tap.is(buffer:msgcnt(), added + their_added - taken - their_taken, "messages left")
        tap.ok(added > attempts / 2, "only " .. added .. " of " .. attempts .. " adds succeeded")
        tap.note(refused .. " of " .. attempts .. " adds were refused")
    end)
end

tap.test("a listener in nonblock mode takes what is there", function()
    local listener, stop = mtmsg.newlistener(), mtmsg.newbuffer()
    local shared, own = listener:newbuffer(), listener:newbuffer()
    local thread = threads.start(hammer, shared:id(), stop:id(), "x")
    listener:nonblock()
    local taken = { ours = 0, theirs = 0 }
    for i = 1, attempts do
        own:addmsg("ours", i)
        local whose = listener:nextmsg()
        if whose then taken[whose] = taken[whose] + 1 end
    end
    stop:addmsg("stop")
    local their_added, their_taken = thread:join()
    while own:msgcnt() + shared:msgcnt() > 0 do
        local whose = listener:nextmsg()
        if whose then taken[whose] = taken[whose] + 1 end
    end
    tap.is(taken.ours, attempts)
    tap.is(taken.theirs, their_added - their_taken)
end)

tap.test("calls return while other threads wait in the same buffer", function()
    local listener, ready = mtmsg.newlistener(), mtmsg.newbuffer()
    local buffer = listener:newbuffer()
    local waiting = {}
    for i = 1, 4 do
        waiting[i] = threads.start(function(id, is_buffer, ready_id)
            local mtmsg = require("mtmsg")
            local source = is_buffer and mtmsg.buffer(id) or mtmsg.listener(id)
            mtmsg.buffer(ready_id):addmsg(true)
            local ok, err = pcall(source.nextmsg, source)
            return not ok and err
        end, (i % 2 == 0 and buffer or listener):id(), i % 2 == 0, ready:id())
    end
    for _ = 1, 4 do tap.is(ready:nextmsg(threads.limit), true) end
    threads.pause(0.02)
    local reader = mtmsg.newreader()
    buffer:nonblock()
    listener:nonblock()
    for _ = 1, 1000 do
        tap.is(select("#", buffer:nextmsg()), 0)
        tap.is(select("#", listener:nextmsg()), 0)
        tap.is(select("#", buffer:nextmsg(0)), 0)
        tap.is(select("#", listener:nextmsg(0)), 0)
        tap.is(reader:nextmsg(buffer), false)
        tap.is(reader:nextmsg(listener), false)
        tap.is(reader:nextmsg(listener, 0), false)
    end
    listener:close()
    for _, err in ipairs(threads.join_all(waiting)) do tap.begins(err, mtmsg.error.object_closed) end
end)

tap.test("the mode is that of a reference: another thread's reference goes on waiting", function()
    local buffer, ready = mtmsg.newbuffer(), mtmsg.newbuffer()
    buffer:nonblock()
    local thread = threads.start(function(id, ready_id)
        local mtmsg = require("mtmsg")
        local buffer = mtmsg.buffer(id)
        assert(not buffer:isnonblock())
        mtmsg.buffer(ready_id):addmsg(true)
        return buffer:nextmsg()
    end, buffer:id(), ready:id())
    tap.is(ready:nextmsg(threads.limit), true)
    threads.pause(0.01)
    local writer = mtmsg.buffer(buffer:id())
    writer:addmsg("waited for")
    tap.gives({ "waited for" }, thread:join())
end)

tap.test("a timeout is kept in nonblock mode too", function()
    local buffer = mtmsg.newbuffer()
    buffer:nonblock()
    local thread = threads.start(function(id)
        require("mtmsg").buffer(id):addmsg("soon")
    end, buffer:id())
    tap.gives({ "soon" }, buffer:nextmsg(threads.limit))
    thread:join()
    local started = mtmsg.time()
    tap.is(select("#", buffer:nextmsg(0.05)), 0)
    tap.ok(mtmsg.time() - started >= 0.048, "returned too early")
end)

tap.done()
