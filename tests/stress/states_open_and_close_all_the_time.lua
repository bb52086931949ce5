-- Threads start and end while others work with what they made: each state is closed with messages unread, buffers
-- connected, notifiers set and names taken. MTMSG_STRESS_N scales the number of threads.

local mtmsg   = require("mtmsg")
local tap     = require("tap")
local threads = require("threads")

local generations = math.ceil((tonumber(os.getenv("MTMSG_STRESS_N") or "") or 3000) / 50)

-- Runs in a thread, and leaves everything open.
local function live(me, hub_id, listener_id)
    local mtmsg = require("mtmsg")
    local hub, listener = mtmsg.buffer(hub_id), mtmsg.listener(listener_id)
    local own = mtmsg.newlistener("own listener")
    kept = { own:newbuffer("same name"), own:newbuffer(), mtmsg.newbuffer("same name") }
    for i, buffer in ipairs(kept) do buffer:addmsg(i, ("unread"):rep(i * 500)) end
    kept[1]:notifier(kept[2])
    local a, b = mtmsg.newbuffer(), mtmsg.newbuffer() -- a ring: lives until the process has no handle left
    a:notifier(b)
    b:notifier(a, "<")
    kept[3]:notifier(hub)
    kept[3]:addmsg("rings the hub")
    local sent = listener:newbuffer()
    sent:addmsg(me, "first")
    sent:addmsg(me, ("second"):rep(1000))
    kept[3]:notifier(nil)
    for i = 1, 20 do garbage = setmetatable({}, { __gc = function() hub:isabort() end }) end
    own:nextmsg()
    return own:id()
end

tap.test("nothing of an ended thread is lost that was sent, and nothing is left that was not", function()
    local hub, listener = mtmsg.newbuffer(), mtmsg.newlistener()
    local keeper = listener:newbuffer()
    local ended = {}
    for generation = 1, generations do
        local living = {}
        for i = 1, 4 do living[i] = threads.start(live, generation * 10 + i, hub:id(), listener:id()) end
        for _, id in ipairs(threads.join_all(living)) do ended[#ended + 1] = id end
        for _ = 1, 4 do tap.is(select("#", hub:nextmsg()), 0) end
        local texts = {}
        for _ = 1, 8 do
            local me, text = listener:nextmsg()
            texts[me] = (texts[me] or "") .. text
        end
        for i = 1, 4 do
            tap.is(texts[generation * 10 + i], "first" .. ("second"):rep(1000))
        end
    end
    tap.is(hub:msgcnt(), 0)
    for _, id in ipairs(ended) do
        tap.raises(mtmsg.error.unknown_object, mtmsg.listener, id)
    end
    tap.raises(mtmsg.error.unknown_object, mtmsg.buffer, "same name")
    tap.raises(mtmsg.error.unknown_object, mtmsg.listener, "own listener")
    tap.is(keeper:msgcnt(), 0)
end)

tap.done()
