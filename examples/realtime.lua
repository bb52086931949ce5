-- Nonblocking real-time loop: a loop that has to deliver at a fixed pace, such as one that computes sound, takes orders
-- and reports its state without ever waiting for another thread. What cannot be done at once is done in the next round.
local luv = require "luv"
local mtmsg = require "mtmsg"

local function control(orders_id, state_id, rounds)
    local mtmsg = require "mtmsg"
    local orders, state = mtmsg.buffer(orders_id), mtmsg.buffer(state_id)
    for volume = 1, rounds do
        assert(orders:addmsg("volume", volume))
        state:nextmsg(0.001) -- looks at the state now and then
    end
    assert(orders:addmsg("stop"))
end

-- Both buffers have a fixed size (grow factor 0), allocated here: the loop below never waits for the allocator, either.
local orders, state = mtmsg.newbuffer("orders", 64 * 1024, 0), mtmsg.newbuffer("state", 256, 0)
orders:nonblock()
state:nonblock()
local thread = luv.new_thread(string.dump(control), orders:id(), state:id(), 300)

local volume, orders_taken, reports, postponed = 0, 0, 0, 0
local running, rounds, deadline = true, 0, mtmsg.time() + 30
while running do
    rounds = rounds + 1

    -- Take what is there, without waiting; a bound on the work of one round keeps the pace.
    for _ = 1, 8 do
        local what, value = orders:nextmsg()
        if not what then break end
        if what == "stop" then
            running = false
        else
            assert(value == volume + 1, "orders changed places")
            volume, orders_taken = value, orders_taken + 1
        end
    end

    -- Only the latest state matters, so it replaces an older one that nobody has looked at.
    if state:setmsg("round", rounds, volume) then
        reports = reports + 1
    else
        postponed = postponed + 1 -- somebody is at the buffer at this moment: report in the next round
    end

    assert(mtmsg.time() < deadline, "no order to stop in time")
    mtmsg.sleep(0.0005) -- stands for the device that sets the pace
end
thread:join()

assert(volume == 300 and orders_taken == 300)
assert(reports + postponed == rounds and reports > 0)
print(("%d orders in %d rounds, %d reports, %d postponed"):format(orders_taken, rounds, reports, postponed))
luv.run() -- the luv of Debian 13 crashes at the end of a program that had threads, unless its loop has run
