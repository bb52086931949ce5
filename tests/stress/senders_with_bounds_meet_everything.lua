-- Senders wait for room in buffers with bounds, while selects, receivers and a listener take from them, somebody
-- clears, replaces and gives back, and senders give up; at last the buffers are finished. Every call returns, every
-- message that was put is taken once or thrown away by a call that says so, and the end is told to all. MTMSG_STRESS_N
-- scales it.

local mtmsg   = require("mtmsg")
local tap     = require("tap")
local threads = require("threads")

local each = tonumber(os.getenv("MTMSG_STRESS_N") or "") or 2000

-- Runs in a thread: puts numbers into one buffer after the other; returns how many were put.
local function send(seed, count, ...)
    local mtmsg = require("mtmsg")
    local buffers, put = { ... }, 0
    for i = 1, #buffers do buffers[i] = mtmsg.buffer(buffers[i]) end
    for i = 1, count do
        seed = (seed * 1103515245 + 12345) % 2147483648
        local buffer = buffers[math.floor(seed / 65536) % #buffers + 1]
        local brief = seed % 7 == 0
        buffer:settimeout(brief and 0.0005 or nil)
        local done, reason
        if seed % 3 == 0 then done, reason = buffer:putmsg(i, ("x"):rep(seed % 5 * 1000))
        else done, reason = buffer:putmsg(i) end
        if done then put = put + 1
        else assert(brief and reason == mtmsg.error.timeout, reason) end
    end
    return put
end

-- Runs in a thread: takes until all sources have ended; returns how many it took.
local function choose(seed, ...)
    local mtmsg = require("mtmsg")
    local sources, left, taken, n = { ... }, select("#", ...), 0, select("#", ...)
    for i = 1, n do
        local kind, id = sources[i]:match("^(%a+) (%d+)$")
        sources[i] = mtmsg[kind](tonumber(id))
    end
    local unpack = rawget(_G, "unpack") or table.unpack
    while left > 0 do
        seed = (seed * 1103515245 + 12345) % 2147483648
        local source, value, third = mtmsg.select(seed % 5 == 0 and 0.001 or nil, unpack(sources, 1, n))
        if source then
            taken = taken + 1
        elseif value ~= mtmsg.error.timeout then
            for i = 1, n do
                if sources[i] == third then sources[i], left = false, left - 1 end
            end
        end
    end
    assert(select(2, mtmsg.select(nil, unpack(sources, 1, n))) == mtmsg.error.no_buffers)
    return taken
end

-- Runs in a thread: takes from one buffer, and gives some messages back.
local function receive(id)
    local mtmsg = require("mtmsg")
    local buffer, reader, taken, turn = mtmsg.buffer(id), mtmsg.newreader(), 0, 0
    while true do
        turn = turn + 1
        local from, reason = reader:getmsg(buffer)
        if not from then
            assert(reason == mtmsg.error.object_closed, reason)
            return taken
        end
        if turn % 5 == 0 then reader:putback() else taken = taken + 1 end
    end
end

-- Who gives back may be the last one to look, so what is left then is counted here.
local function rest(buffer)
    local count = 0
    while buffer:getmsg() do count = count + 1 end
    return count
end

tap.test("with takes alone nothing is lost, and every sender returns", function()
    local listener = mtmsg.newlistener()
    local buffers = { mtmsg.newbuffer { limit = 1 }, mtmsg.newbuffer(6000, 0), listener:newbuffer { limit = 16 } }
    local ids, takers, senders = {}, {}, {}
    for i, buffer in ipairs(buffers) do ids[i] = buffer:id() end
    local a, b, l = "buffer " .. ids[1], "buffer " .. ids[2], "listener " .. listener:id()
    takers[1] = threads.start(choose, 1, a, b, l)
    takers[2] = threads.start(choose, 2, l, b)
    takers[3] = threads.start(receive, ids[1])
    for i = 1, 4 do senders[i] = threads.start(send, 10 + i, each, ids[1], ids[2], ids[3]) end
    local put, taken = 0, 0
    for i = 1, 4 do put = put + senders[i]:join() end
    for _, buffer in ipairs(buffers) do buffer:finish() end
    for i = 1, 3 do taken = taken + takers[i]:join() end
    for _, buffer in ipairs(buffers) do taken = taken + rest(buffer) end
    tap.is(taken, put)
    tap.note(put .. " messages were put")
end)

tap.test("with clears, replacements and aborts every sender returns, and the numbers agree", function()
    local buffer = mtmsg.newbuffer { limit = 2 }
    local senders, taker = {}, threads.start(receive, buffer:id())
    for i = 1, 3 do senders[i] = threads.start(send, 20 + i, each, buffer:id()) end
    local set = 0
    for i = 1, each / 4 do
        if i % 2 == 0 then buffer:clear()
        elseif buffer:setmsg("new") then set = set + 1 end
        mtmsg.sleep(i % 8 == 0 and 0.0002 or 0)
    end
    local put = 0
    for i = 1, 3 do put = put + senders[i]:join() end
    buffer:finish()
    taker:join()
    rest(buffer)
    local info = buffer:info()
    tap.is(info.messages, 0)
    tap.is(info.added, put + set)
    tap.ok(info.taken <= info.added)
    tap.note(info.taken .. " of " .. info.added .. " were taken")
end)

tap.done()
