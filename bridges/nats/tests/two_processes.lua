-- 100,000 messages each way between two processes, each once and in order.

package.path = "bridges/nats/tests/lib/?.lua;tests/lib/?.lua;" .. package.path
local server = require "server"
server.skip_without()
local child = require "child"
local mtmsg = require "mtmsg"
local nats = require "mtmsg.nats"
local tap = require "tap"

local count = tonumber(os.getenv "MTMSG_N") or 100000

-- Sends all numbers, takes all of the other's; both at the same time.
local function talk(url, sends, takes)
    local conn = nats.connect{url = url}
    local out, come = mtmsg.newbuffer{limit = 1000}, mtmsg.newbuffer()
    conn:import(takes, come)
    local export = conn:export(out, sends)
    -- nothing is lost before the other has subscribed: each says "ready" until it has heard so
    local ready, heard, said = 0, false, 1
    repeat
        out:addmsg("ready", heard)
        said = said + 1
        local word, other_heard = come:nextmsg(0.05)
        if word == "ready" then
            heard = true
            if other_heard then ready = ready + 1 end
        end
    until ready > 0 and heard
    out:addmsg("ready", true)
    local sent, taken = 0, 0
    while sent < count or taken < count do
        if sent < count and out:addmsg(sent + 1, {text = "message", number = sent + 1}) then sent = sent + 1 end
        local wait = sent == count and 60 or 0
        while taken < count do
            local number, value = come:nextmsg(wait)
            if not number then break end
            if number ~= "ready" then
                taken = taken + 1
                if number ~= taken or value.number ~= taken then
                    error(("message %d came as number %d"):format(number, taken))
                end
            end
            wait = 0
        end
    end
    server.await("the last to leave", function() return export:info().messages == said + count end)
    conn:close()
    return taken
end

if arg[1] then
    print("took " .. talk(arg[1], "back", "forth"))
    os.exit(0)
end

tap.test(count .. " messages each way between two processes", function()
    server.with({}, function(s)
        local other = child.start("bridges/nats/tests/two_processes.lua", s.url)
        local before = mtmsg.time()
        tap.is(talk(s.url, "forth", "back"), count)
        tap.note(("%.0f messages/s each way"):format(count / (mtmsg.time() - before)))
        tap.is(other():match "took (%d+)", tostring(count))
    end)
end)

tap.done()
