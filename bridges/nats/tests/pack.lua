-- Packing: what it costs where tables come again, and that a message for which there is no memory is not sent in part.

package.path = "bridges/nats/tests/lib/?.lua;tests/lib/?.lua;" .. package.path
local server = require "server"
server.skip_without()
local child = require "child"
local memory = require "memory"
local mtmsg = require "mtmsg"
local nats = require "mtmsg.nats"
local tap = require "tap"

local role, url = arg[1], arg[2]
if role == "small" then
    local conn = nats.connect{url = url}
    local out, come = mtmsg.newbuffer(), mtmsg.newbuffer()
    conn:import("small", come)
    local export = conn:export(out, "small", {maxbytes = 1e9})
    out:addmsg "before"
    server.await("the first", function() return come:nextmsg(0.1) == "before" end)
    export:close()
    out:addmsg("first", ("x"):rep(60e6))
    collectgarbage()
    collectgarbage()
    if not memory.limit(30e6) then
        print "can't be limited"
        return
    end
    export = conn:export(out, "small", {maxbytes = 1e9})
    server.await("the rejection", function() return export:info().rejected == 1 end)
    out:addmsg "behind"
    print("got " .. tostring(come:nextmsg(30)))
    return
end

tap.test("a message for which there is no memory is rejected, not sent in part", function()
    server.with({}, function(s)
        local text = child.start("bridges/nats/tests/pack.lua", "small", s.url)()
        if text:find "can't be limited" then tap.note "skipped: memory can't be limited here"
        else tap.is(text, "got behind\n") end
    end)
end)

tap.test("tables that come again are found at once, however many there are", function()
    server.with({}, function(s)
        local conn = nats.connect{url = s.url}
        local out, come = mtmsg.newbuffer(), mtmsg.newbuffer()
        conn:import("many", come, {maxvalues = 1e7})
        conn:export(out, "many")
        -- Processor time for a message of so many tables, each of which comes that often.
        local function time(tables, times)
            local list = {}
            for i = 1, tables do list[i] = {} end
            for _ = 2, times do
                for i = 1, tables do list[#list + 1] = list[i] end
            end
            local before = os.clock()
            out:addmsg(list)
            local arrived = come:nextmsg(60)
            tap.is(#arrived, tables * times)
            return os.clock() - before
        end
        time(1000, 2)
        local once, again = time(200000, 1), time(100000, 2)
        tap.ok(again < 10 * once, ("%.3f s, %.3f s for tables that come again"):format(once, again))
        tap.note(("%.3f s, %.3f s for tables that come again"):format(once, again))
        conn:close()
    end)
end)

tap.done()
