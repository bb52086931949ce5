-- story: behind a long backlog every message moved all the others
-- With a long backlog a buffer moved all its bytes for every message, 170 times the work at 4 MB. What a message costs
-- does not depend on how many are queued: the bound is far above the noise and far below that.

local mtmsg = require("mtmsg")
local tap   = require("tap")

local text = ("x"):rep(90)
local bytes, batch, batches, bound = 4e6, 1000, 15, 20

-- What the clock can tell; on some systems it goes by milliseconds.
local function tick()
    local from = os.clock()
    while true do
        local to = os.clock()
        if to > from then return to - from end
    end
end

-- The median time of the process for a batch of takes and adds.
local function cost(source, buffer)
    local times = {}
    for i = 1, batches do
        local started = os.clock()
        for _ = 1, batch do
            source:nextmsg(0)
            buffer:addmsg(text)
        end
        times[i] = os.clock() - started
    end
    table.sort(times)
    return times[(batches + 1) / 2]
end

local function fill(buffer)
    local count = math.floor(bytes / 93) - 1 -- 2 bytes more for the string and 1 for the message
    for _ = 1, count do assert(buffer:addmsg(text)) end
end

local function compare(make)
    local source, buffer = make()
    buffer:addmsg(text)
    local empty = cost(source, buffer)
    fill(buffer)
    local full = cost(source, buffer)
    local ratio = full / math.max(empty, tick())
    tap.note(("%.2f µs with an empty buffer, %.2f µs with %d messages: %.1f times"):format(
        empty / batch * 1e6, full / batch * 1e6, buffer:msgcnt(), ratio))
    tap.ok(ratio < bound, ("a message costs %.1f times as much with a backlog"):format(ratio))
end

tap.test("in a buffer that has grown", function()
    compare(function()
        local buffer = mtmsg.newbuffer()
        return buffer, buffer
    end)
end)

tap.test("in a buffer that is nearly as full as it was made", function()
    compare(function()
        local buffer = mtmsg.newbuffer(bytes)
        return buffer, buffer
    end)
end)

tap.test("in a buffer that grows by what is needed alone", function()
    compare(function()
        local buffer = mtmsg.newbuffer(1000, 1)
        return buffer, buffer
    end)
end)

tap.test("in a buffer of a fixed size that is nearly full", function()
    compare(function()
        local buffer = mtmsg.newbuffer(bytes, 0)
        return buffer, buffer
    end)
end)

tap.test("in a buffer that is received from by a listener", function()
    compare(function()
        local listener = mtmsg.newlistener()
        return listener, listener:newbuffer()
    end)
end)

tap.done()
