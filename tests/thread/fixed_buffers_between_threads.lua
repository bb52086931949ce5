-- Buffers of a fixed size: a refused producer waits for room by a notifier, and consumers wait as in any buffer.

local mtmsg   = require("mtmsg")
local tap     = require("tap")
local threads = require("threads")

-- Runs in a thread.
local function consume(id, count)
    local buffer = require("mtmsg").buffer(id)
    for i = 1, count do
        local number, text = buffer:nextmsg()
        assert(number == i, "out of order")
        assert(text == ("%d"):format(i):rep(i % 20), "damaged")
    end
    return true
end

for _, size in ipairs { 96, 1000 } do
    tap.test(("a producer waits for room in %d bytes and loses nothing"):format(size), function()
        local buffer, room = mtmsg.newbuffer(size, 0), mtmsg.newbuffer()
        buffer:notifier(room, "<")
        local consumer = threads.start(consume, buffer:id(), 3000)
        local refused = 0
        for i = 1, 3000 do
            local text = tostring(i):rep(i % 20)
            while not buffer:addmsg(i, text) do
                refused = refused + 1
                room:nextmsg()
            end
            tap.ok(buffer:msgcnt() <= size / 5)
        end
        tap.gives({ true }, consumer:join())
        tap.note(refused .. " adds had to wait")
    end)
end

tap.test("a consumer that waits in a fixed buffer gets each message that was admitted", function()
    local buffer = mtmsg.newbuffer(40, 0)
    local consumer = threads.start(function(id)
        local buffer, count = require("mtmsg").buffer(id), 0
        while buffer:nextmsg() == true do count = count + 1 end
        return count
    end, buffer:id())
    local admitted = 0
    for _ = 1, 5000 do
        if buffer:addmsg(true) then admitted = admitted + 1 end
    end
    while not buffer:addmsg(false) do end
    tap.gives({ admitted }, consumer:join())
end)

tap.test("two threads that fill one fixed buffer never put in more than it may hold", function()
    local buffer = mtmsg.newbuffer(32, 0) -- room for eight messages of four bytes
    local producers = {}
    for i = 1, 2 do
        producers[i] = threads.start(function(id)
            local buffer, added = require("mtmsg").buffer(id), 0
            for _ = 1, 5000 do
                if buffer:addmsg("x") then added = added + 1 end
            end
            return added
        end, buffer:id())
    end
    local taken, most = 0, 0
    for _ = 1, 5000 do
        most = math.max(most, buffer:msgcnt())
        if buffer:nextmsg(0) then taken = taken + 1 end
    end
    local added = producers[1]:join() + producers[2]:join()
    tap.is(buffer:msgcnt(), added - taken)
    tap.ok(most <= 8, most .. " messages of 4 bytes in 32 bytes")
end)

tap.done()
