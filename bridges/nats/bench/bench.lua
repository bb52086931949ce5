-- Messages per second and round trips over the bridge, beside NATS's client alone (probe.c), with the same server.
--
--     make bench-nats       RUNS=5

package.path = "bridges/nats/tests/lib/?.lua;tests/lib/?.lua;" .. package.path
local mtmsg = require "mtmsg"
local nats = require "mtmsg.nats"
local server = require "server"

local COUNT, SIZE, ROUNDS = 200000, 32, 2000
local runs = tonumber(os.getenv "RUNS") or 5
local probe = assert(arg[1], "usage: bench.lua PROBE")

-- Monotonic enough for what takes a second.
local function now() return mtmsg.time() end

local function stream(s)
    local a, b = nats.connect{url = s.url}, nats.connect{url = s.url}
    local out, come = mtmsg.newbuffer(), mtmsg.newbuffer()
    local text = ("x"):rep(SIZE - 2) -- and two bytes of MessagePack
    b:import("bench", come)
    for _ = 1, COUNT do out:addmsg(text) end
    local begin = now()
    a:export(out, "bench")
    while come:msgcnt() < COUNT do mtmsg.sleep(0.0005) end
    local seconds = now() - begin
    a:close()
    b:close()
    return COUNT / seconds
end

local function round_trip(s)
    local a, b = nats.connect{url = s.url}, nats.connect{url = s.url}
    local there, arrived, back, home = mtmsg.newbuffer(), mtmsg.newbuffer(), mtmsg.newbuffer(), mtmsg.newbuffer()
    b:import("there", arrived)
    a:import("back", home)
    a:export(there, "there")
    b:export(back, "back")
    local text = ("x"):rep(SIZE - 2)
    local begin
    for i = -99, ROUNDS do
        if i == 1 then begin = now() end
        there:addmsg(text)
        back:addmsg(arrived:nextmsg(10))
        assert(home:nextmsg(10) == text)
    end
    local micro = (now() - begin) * 1e6 / ROUNDS
    a:close()
    b:close()
    return micro
end

local function median(list)
    table.sort(list)
    return list[math.floor(#list / 2) + 1]
end

server.with({}, function(s)
    local ours, theirs, our_trips, their_trips = {}, {}, {}, {}
    for i = 1, runs do
        local text = server.output(("%s %s %d %d %d"):format(probe, s.url, COUNT, SIZE, ROUNDS))
        local rate, trip = text:match "(%S+)%s+(%S+)"
        theirs[i], their_trips[i] = tonumber(rate), tonumber(trip)
        ours[i], our_trips[i] = stream(s), round_trip(s)
    end
    print(("messages of %d bytes, medians of %d runs   bridge      client alone   ratio"):format(SIZE, runs))
    local a, b = median(ours), median(theirs)
    print(("messages per second                      %10.0f    %10.0f    %5.2f"):format(a, b, a / b))
    a, b = median(our_trips), median(their_trips)
    print(("round trip over two subjects, us         %10.1f    %10.1f    %5.2f"):format(a, b, a / b))
end)
