-- Topics between threads: every thread that has subscribed gets all messages in the order that all others get them in,
-- also while others come, go and die; and one that never receives holds up nobody.

local mtmsg   = require("mtmsg")
local tap     = require("tap")
local threads = require("threads")

local PUBLISHERS, EACH = 3, 500

local function publish(topic_id, ready_id, me, count)
    local mtmsg = require("mtmsg")
    local topic, ready = mtmsg.topic(topic_id), mtmsg.buffer(ready_id)
    ready:addmsg("ready")
    for i = 1, count do topic:addmsg(me, i, i % 7 == 0 and ("x"):rep(5000) or nil) end
end

-- Gives what it got as one text; all that came before it subscribed is missing at its beginning.
local function subscribe(topic_id, ready_id)
    local mtmsg = require("mtmsg")
    local buffer = mtmsg.topic(topic_id):subscribe()
    local list = {}
    if ready_id then mtmsg.buffer(ready_id):addmsg("ready") end
    while true do
        local ok, who, what, large = pcall(buffer.nextmsg, buffer)
        if not ok then break end -- finished, and drained
        assert((large ~= nil) == (what % 7 == 0) and (not large or #large == 5000))
        list[#list + 1] = who .. ":" .. what
    end
    return table.concat(list, " ")
end

local function come_and_go(topic_id)
    local mtmsg = require("mtmsg")
    local topic = mtmsg.topic(topic_id)
    local kept, rounds = {}, 0
    while true do
        local ok, buffer = pcall(topic.subscribe, topic, "passing", 1 + rounds % 3 * 100, rounds % 3)
        if not ok then break end
        if not pcall(buffer.nextmsg, buffer, 0) then break end -- finished meanwhile
        kept[rounds % 5] = buffer
        rounds = rounds + 1
        if rounds % 10 == 0 then collectgarbage() end
    end
    return rounds
end

tap.test("all get all messages in one order", function()
    local topic, ready = mtmsg.newtopic(), mtmsg.newbuffer()
    local never = topic:subscribe{limit = 10} -- it never receives
    local first, late, publishers, passing = {}, {}, {}, {}
    for i = 1, 2 do first[i] = threads.start(subscribe, topic:id(), ready:id()) end
    for _ = 1, 2 do ready:nextmsg(threads.limit) end
    for i = 1, 2 do passing[i] = threads.start(come_and_go, topic:id()) end
    for i = 1, PUBLISHERS do publishers[i] = threads.start(publish, topic:id(), ready:id(), i, EACH) end
    for i = 1, 2 do late[i] = threads.start(subscribe, topic:id(), ready:id()) end
    for _ = 1, PUBLISHERS + 2 do ready:nextmsg(threads.limit) end
    for i = 1, PUBLISHERS do publishers[i]:join() end
    topic:finish()
    local all = first[1]:join()
    local _, count = all:gsub(":", "")
    tap.is(count, PUBLISHERS * EACH)
    tap.ok(first[2]:join() == all, "the other one got another order")
    for i = 1, 2 do
        local some = late[i]:join()
        tap.ok(some == all:sub(#all - #some + 1), "the late one got something else than the end")
        passing[i]:join()
    end
    tap.is(never:msgcnt(), 10)
    local at = {}
    for who, what in all:gmatch("(%d+):(%d+)") do
        tap.is(tonumber(what), (at[who] or 0) + 1)
        at[who] = tonumber(what)
    end
end)

tap.test("threads that die in the middle leave the topic", function()
    local topic, told = mtmsg.newtopic(), mtmsg.newbuffer()
    local stays = topic:subscribe()
    for _, how in ipairs { "error", "close" } do
        local worker = threads.start(function(topic_id, told_id, how)
            local mtmsg = require("mtmsg")
            _G.buffer = mtmsg.topic(topic_id):subscribe()
            mtmsg.buffer(told_id):addmsg("subscribed")
            local message = _G.buffer:nextmsg()
            if how == "error" then error("died of " .. message) end
        end, topic:id(), told:id(), how)
        told:nextmsg(threads.limit)
        tap.gives({ 2, 0 }, topic:addmsg("news"))
        pcall(worker.join, worker)
        tap.gives({ 1, 0 }, topic:addmsg("nobody else"))
    end
    tap.is(stays:msgcnt(), 4)
end)

tap.done()
