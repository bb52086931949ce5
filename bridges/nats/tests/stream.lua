-- Streams: nothing is lost when the server is killed under load, a full stream holds its export back, and so does a
-- slow import; members of a group share what there is.

package.path = "bridges/nats/tests/lib/?.lua;tests/lib/?.lua;" .. package.path
local server = require "server"
server.skip_without()
local mtmsg = require "mtmsg"
local nats = require "mtmsg.nats"
local tap = require "tap"

local function connect(s) return nats.connect{url = s.url, reconnect_wait = 0.1} end

tap.test("the server is killed and started again under load: nothing is lost", function()
    server.with({jetstream = true}, function(s)
        local count = 20000
        local sender, taker = connect(s), connect(s)
        sender:newstream{name = "LOAD", subjects = {"load"}}
        local out, come = mtmsg.newbuffer{limit = 2000}, mtmsg.newbuffer{limit = 2000}
        local export = sender:export(out, "load", {stream = "LOAD"})
        local import = taker:import("load", come, {stream = "LOAD", durable = "taker"})
        local sent, taken, twice, seen, kills = 0, 0, 0, {}, 0
        server.await("all messages", function()
            for _ = 1, 500 do
                if sent < count and out:addmsg(sent + 1, ("x"):rep(100)) then sent = sent + 1 end
                local number = come:nextmsg(0)
                if number then
                    if seen[number] then twice = twice + 1 else taken = taken + 1 end
                    seen[number] = true
                end
            end
            if kills < 2 and taken > (kills + 1) * count / 4 then
                kills = kills + 1
                s:kill()
                s:run()
            end
            return taken == count
        end)
        tap.is(kills, 2)
        tap.note(("%d messages, %d published again, %d came twice"):format(count, export:info().again, twice))
        tap.is(import:info().rejected, 0)
        sender:close()
        taker:close()
    end)
end)

tap.test("a full stream holds the export back, and that the buffer; nothing is dropped", function()
    server.with({jetstream = true}, function(s)
        local conn = connect(s)
        conn:newstream{name = "SMALL", subjects = {"small"}, maxmsgs = 100, queue = true, storage = "memory"}
        local out, come = mtmsg.newbuffer{limit = 50}, mtmsg.newbuffer{limit = 10}
        local export = conn:export(out, "small", {stream = "SMALL"})
        local sent = 0
        server.await("a full buffer", function() -- 100 are in the stream, a window of them is under way
            while out:addmsg(sent + 1) do sent = sent + 1 end
            return export:info().error or (out:msgcnt() == 50 and sent > 150)
        end)
        mtmsg.sleep(0.2)
        tap.is(out:addmsg(0), false)
        local import = conn:import("small", come, {stream = "SMALL", durable = "all"})
        local seen, taken = {}, 0
        server.await("all messages", function()
            local number = come:nextmsg(0.05)
            if number and not seen[number] then
                seen[number] = true
                taken = taken + 1
            end
            return taken == sent
        end)
        tap.is(export:info().dropped, 0)
        tap.is(import:info().dropped, 0)
        conn:close()
    end)
end)

tap.test("what a slow import has not taken stays with the server", function()
    server.with({jetstream = true}, function(s)
        local conn = connect(s)
        conn:newstream{name = "SLOW", subjects = {"slow"}, queue = true, storage = "memory"}
        local out, come = mtmsg.newbuffer(), mtmsg.newbuffer{limit = 5}
        local export = conn:export(out, "slow", {stream = "SLOW"})
        local import = conn:import("slow", come, {stream = "SLOW", queue = "workers"})
        for i = 1, 500 do out:addmsg(i) end
        server.await("the export", function() return export:info().messages == 500 end)
        server.await("a full buffer", function() return come:msgcnt() == 5 end)
        mtmsg.sleep(0.1)
        tap.is(import:info().messages, 5)
        import:close() -- what it had fetched goes to another one
        local other = mtmsg.newbuffer()
        conn:import("slow", other, {stream = "SLOW", queue = "workers"})
        local seen, total = {}, 0
        for _, b in ipairs{come, other} do
            server.await("the rest", function()
                local number = b:nextmsg(0.05)
                if number and not seen[number] then
                    seen[number] = true
                    total = total + 1
                end
                return b == come and not number or total == 500
            end)
        end
        conn:close()
    end)
end)

tap.test("what is not acknowledged is delivered again: at once if it is said so, else after some time", function()
    server.with({jetstream = true}, function(s)
        local conn = connect(s)
        conn:newstream{name = "JOBS", subjects = {"jobs"}, queue = true, storage = "memory"}
        local out, jobs, done = mtmsg.newbuffer(), mtmsg.newbuffer{limit = 2}, mtmsg.newbuffer()
        conn:export(out, "jobs", {stream = "JOBS"})
        conn:import("jobs", jobs, {stream = "JOBS", queue = "workers", ack = "explicit", ackwait = 1})
        conn:replies(done)
        for i = 1, 20 do out:addmsg(i) end
        local times, finished = {}, 0
        server.await("all jobs", function()
            local token, number = jobs:nextmsg(0.1)
            if not token then return finished == 20 end
            times[number] = (times[number] or 0) + 1
            if number % 5 == 0 and times[number] == 1 then
                done:addmsg(token, false) -- refused
            elseif number % 5 ~= 1 or times[number] > 1 then -- else it is forgotten
                done:addmsg(token)
                finished = finished + 1
            end
            return finished == 20
        end)
        for i = 1, 20 do tap.is(times[i], (i % 5 == 0 or i % 5 == 1) and 2 or 1, "job " .. i) end
        local left = mtmsg.newbuffer()
        conn:import("jobs", left, {stream = "JOBS", queue = "workers", ack = "explicit", ackwait = 1})
        tap.is(left:nextmsg(1.5), nil)
        conn:close()
    end)
end)

tap.test("options that make no sense are refused", function()
    server.with({jetstream = true}, function(s)
        local conn = connect(s)
        for text, options in pairs{["'name'"] = {}, ["'storage'"] = {name = "A", storage = "tape"},
                                   ["'discard'"] = {name = "A", discard = "some"}, ["'subjects'"] = {name = "A"},
                                   ["'subjects' (list"] = {name = "A", subjects = {}},
                                   ["'subjects' (string"] = {name = "A", subjects = {"a", 1}},
                                   ["'subjects' (it con"] = {name = "A", subjects = {"a\0b"}}} do
            local ok, err = pcall(conn.newstream, conn, options)
            tap.ok(not ok and tostring(err):find(text, 1, true), tostring(err))
        end
        local many = {}
        for i = 1, 100 do many[i] = "many." .. i end
        conn:newstream{name = "WIDE", subjects = many, storage = "memory"}
        conn:export(mtmsg.newbuffer(), "many.100", {stream = "WIDE"})
        conn:import("many.100", mtmsg.newbuffer(), {stream = "WIDE"})
        local ok, err = pcall(conn.import, conn, "x", mtmsg.newbuffer(), {stream = "NONE", durable = "d"})
        tap.ok(not ok and tostring(err):find("import from 'x'", 1, true), tostring(err))
        for _, name in ipairs{"durable", "ack", "ackwait", "batch"} do
            ok, err = pcall(conn.import, conn, "x", mtmsg.newbuffer(), {[name] = name:find "^[ad][cu][kr]a?b?l?e?$"
                and "auto" or 1})
            tap.ok(not ok and tostring(err):find("there is no stream", 1, true), tostring(err))
        end
        conn:close()
    end)
end)

tap.done()
