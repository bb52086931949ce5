-- story: a finalizer inside a receive took two locks in the other order
-- A buffer's finalizer took a global lock while the receive that the collector had interrupted held the lock of another
-- buffer; another thread had these two locks the other way round. Three threads were stuck within a second.

local mtmsg   = require("mtmsg")
local tap     = require("tap")
local threads = require("threads")

-- Runs in a thread: makes garbage of buffers and strings, with a collector that runs all the time.
local function churn(me, listener_id, rounds)
    local mtmsg = require("mtmsg")
    local shared, own = mtmsg.listener(listener_id), mtmsg.newlistener()
    if not pcall(collectgarbage, "setpause", 1) then
        collectgarbage("param", "pause", 1)
    end
    local received = 0
    for i = 1, rounds do
        local mine, ours = own:newbuffer("mine " .. me), shared:newbuffer("ours")
        mine:addmsg(("%d "):format(i):rep(i % 60), "second", i)
        ours:addmsg(("%d "):format(me):rep(i % 500))
        mtmsg.newbuffer("gone at once"):addmsg("never received")
        local first, second, number = own:nextmsg()
        assert(first == ("%d "):format(number):rep(number % 60) and second == "second")
        if shared:nextmsg(0) then received = received + 1 end
        if i % 50 == 0 then collectgarbage("step", 100) end
    end
    return received
end

tap.test("three threads create, send, receive and collect without getting stuck", function()
    local listener = mtmsg.newlistener()
    local keeper = listener:newbuffer()
    local players, received = {}, 0
    for i = 1, 3 do players[i] = threads.start(churn, i, listener:id(), 4000) end
    for _, count in ipairs(threads.join_all(players)) do received = received + count end
    while listener:nextmsg(0) do received = received + 1 end
    tap.is(received, 3 * 4000)
    tap.is(keeper:msgcnt(), 0)
end)

-- Runs in a thread: receives strings while dropped buffers wait to be finalized.
local function receive_and_collect(id, count)
    local mtmsg = require("mtmsg")
    local buffer = mtmsg.buffer(id)
    if not pcall(collectgarbage, "setpause", 1) then
        collectgarbage("param", "pause", 1)
    end
    for i = 1, count do
        mtmsg.newlistener():newbuffer():addmsg("dropped")
        local text, number = buffer:nextmsg()
        assert(text == ("%d "):format(number):rep(number % 300))
    end
end

tap.test("two threads that collect while they receive from one buffer do not block its producer", function()
    local buffer = mtmsg.newbuffer()
    local receivers = {}
    for i = 1, 2 do receivers[i] = threads.start(receive_and_collect, buffer:id(), 5000) end
    for i = 1, 10000 do buffer:addmsg(("%d "):format(i):rep(i % 300), i) end
    threads.join_all(receivers)
    tap.is(buffer:msgcnt(), 0)
end)

tap.done()
