-- story: a nonblocking add raised, and its notification was lost, because the buffer to be notified was busy
-- Several producers in nonblocking mode have one buffer as their notifier. When another thread was inside that buffer
-- at this moment, addmsg raised "Unknown error while calling notifier. (rc=3)" although the message was in.

local mtmsg   = require("mtmsg")
local tap     = require("tap")
local threads = require("threads")

local THREADS, ADDS = 4, tonumber(os.getenv("MTMSG_STRESS_N")) or 20000

local bell, report = mtmsg.newbuffer(), mtmsg.newbuffer()

local function produce(bell_id, report_id, adds)
    local mtmsg = require("mtmsg")
    local buffer, bell, report = mtmsg.newbuffer(), mtmsg.buffer(bell_id), mtmsg.buffer(report_id)
    buffer:notifier(bell)
    buffer:nonblock(true)
    local raised, refused, text = 0, 0, "-"
    for k = 1, adds do
        local ok, result = pcall(buffer.addmsg, buffer, k)
        if not ok then raised, text = raised + 1, result elseif not result then refused = refused + 1 end
        if k % 64 == 0 then buffer:clear() end
    end
    report:addmsg(raised, refused, text)
end

tap.test("no add raises, and every message has rung", function()
    local crew = {}
    for i = 1, THREADS do crew[i] = threads.start(produce, bell:id(), report:id(), ADDS) end
    local mine, rings, done, raised, refused, text = 0, 0, 0, 0, 0, "-"
    while done < THREADS do
        local a, b, t = report:nextmsg(0)
        if a then
            done, raised, refused = done + 1, raised + a, refused + b
            if a > 0 then text = t end
        end
        bell:addmsg("mine") -- and so it is busy
        if bell:msgcnt() > 1000 then
            for _ = 1, 500 do
                if bell:nextmsg(0) == "mine" then mine = mine + 1 else rings = rings + 1 end
            end
        end
    end
    for i = 1, THREADS do crew[i]:join() end
    for _ = 1, bell:msgcnt() do
        if bell:nextmsg(0) == "mine" then mine = mine + 1 else rings = rings + 1 end
    end
    tap.is(raised .. " " .. text, "0 -")
    tap.is(rings, THREADS * ADDS - refused)
    tap.is(mine > 0, true)
end)

tap.done()
