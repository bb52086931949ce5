-- Notifiers: a buffer tells another one about its messages. Here one thread waits for two unrelated buffers at once,
-- with one bell for both; and a producer is told when its queue runs dry, so that the queue stays short.
local luv = require "luv"
local mtmsg = require "mtmsg"

-- 1. One bell for two buffers. A buffer that is a notifier receives an empty message at each notification.
local keys, network, bell = mtmsg.newbuffer("keys"), mtmsg.newbuffer("network"), mtmsg.newbuffer("bell")
keys:notifier(bell)
network:notifier(bell)

local function source(buffer_id, text, count)
    local mtmsg = require "mtmsg"
    local buffer = mtmsg.buffer(buffer_id)
    for i = 1, count do
        buffer:addmsg(text, i)
    end
end

local threads = {
    luv.new_thread(string.dump(source), keys:id(), "key", 40),
    luv.new_thread(string.dump(source), network:id(), "packet", 60),
}

-- A reader says whether there was a message: an empty one and a timeout look the same to buffer:nextmsg.
local reader = mtmsg.newreader()
local keys_seen, packets_seen = 0, 0
while keys_seen < 40 or packets_seen < 60 do
    assert(reader:nextmsg(bell, 30), "the bell did not ring in time")
    local what, i = keys:nextmsg(0)
    if what then
        keys_seen = keys_seen + 1
        assert(what == "key" and i == keys_seen)
    end
    what, i = network:nextmsg(0)
    if what then
        packets_seen = packets_seen + 1
        assert(what == "packet" and i == packets_seen)
    end
end
for _, thread in ipairs(threads) do
    thread:join()
end

-- 2. Told when the queue runs dry: "<" with threshold 3 notifies when fewer than 3 messages are left.
local function consumer(queue_id, sum_id)
    local mtmsg = require "mtmsg"
    local queue, sum = mtmsg.buffer(queue_id), 0
    while true do
        local n = queue:nextmsg()
        if n == "end" then break end
        sum = sum + n
    end
    mtmsg.buffer(sum_id):addmsg(sum)
end

local queue, dry, sums = mtmsg.newbuffer("queue"), mtmsg.newbuffer("dry"), mtmsg.newbuffer("sums")
queue:notifier(dry, "<", 3)
local thread = luv.new_thread(string.dump(consumer), queue:id(), sums:id())
local sent, longest = 0, 0
while sent < 500 do
    if queue:msgcnt() < 3 then
        for _ = 1, 5 do
            sent = sent + 1
            queue:addmsg(sent)
        end
        longest = math.max(longest, queue:msgcnt())
    else
        -- A notification may be about what has been refilled meanwhile, so the loop looks again.
        assert(reader:nextmsg(dry, 30), "the consumer stopped")
    end
end
queue:notifier(nil, "<")
queue:addmsg("end")
assert(sums:nextmsg(30) == 500 * 501 / 2)
thread:join()
assert(longest <= 7, "the queue grew longer than it needs to be")
print("one bell for two buffers; 500 messages through a queue of at most " .. longest)
luv.run() -- the luv of Debian 13 crashes at the end of a program that had threads, unless its loop has run
