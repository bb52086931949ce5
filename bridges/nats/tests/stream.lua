-- Streams: nothing is lost when the server is killed under load, a full stream holds its export back, and so does a
-- slow import; members of a group share what there is; exports and imports end while the server answers.

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
        server.await("a full buffer, and that for a while", function() -- 100 are in the stream, a window is under way
            local before = sent
            while out:addmsg(sent + 1) do sent = sent + 1 end
            mtmsg.sleep(0.1)
            return export:info().error or (out:msgcnt() == 50 and sent > 150 and sent == before)
        end)
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
        server.await("a full buffer", function() return import:info().messages == 5 end)
        import:close() -- what it had fetched goes to another one
        local other = mtmsg.newbuffer()
        conn:import("slow", other, {stream = "SLOW", queue = "workers"})
        local seen, total = {}, 0
        local function drain(buffer)
            for number in function() return buffer:nextmsg(0.05) end do
                if not seen[number] then total = total + 1 end
                seen[number] = true
            end
            return total == 500
        end
        drain(come)
        server.await("the rest", drain, other)
        conn:close()
    end)
end)

-- Takes jobs 1 to 20 until each is done: deal_with tells of a number, and how often it came, whether it is; false
-- refuses it, nil forgets it. Gives how often each came.
local function work(conn, subject, stream, ackwait, deal_with)
    local out, jobs, done = mtmsg.newbuffer(), mtmsg.newbuffer{limit = 2}, mtmsg.newbuffer()
    local options = {stream = stream, queue = "workers", ack = "explicit", ackwait = ackwait}
    conn:export(out, subject, {stream = stream})
    local import, replies = conn:import(subject, jobs, options), conn:replies(done)
    for i = 1, 20 do out:addmsg(i) end
    local times, is_done, finished, answers = {}, {}, 0, 0
    server.await("all jobs", function()
        local token, number = jobs:nextmsg(0.1)
        if not token then return finished == 20 end
        times[number] = (times[number] or 0) + 1
        local answer = deal_with(number, times[number])
        if answer == false then done:addmsg(token, false) end
        if answer then done:addmsg(token) end
        if answer ~= nil then answers = answers + 1 end
        if answer and not is_done[number] then is_done[number], finished = true, finished + 1 end
        return finished == 20
    end)
    server.await("the answers", function() return replies:info().messages == answers end)
    import:close()
    local left = mtmsg.newbuffer()
    conn:import(subject, left, options)
    tap.is(left:nextmsg(0.5), nil)
    return times
end

tap.test("what is not acknowledged is delivered again: at once if it is said so, else after some time", function()
    server.with({jetstream = true}, function(s)
        local conn = connect(s)
        for _, name in ipairs{"REFUSED", "FORGOTTEN"} do
            conn:newstream{name = name, subjects = {name}, queue = true, storage = "memory"}
        end
        local times = work(conn, "REFUSED", "REFUSED", 1000, function(number, time)
            return number % 5 ~= 0 or time > 1
        end)
        for i = 1, 20 do tap.is(times[i], i % 5 == 0 and 2 or 1, "job " .. i) end
        -- whoever is slow gets others again, too
        times = work(conn, "FORGOTTEN", "FORGOTTEN", 1, function(number, time)
            return (number % 5 ~= 1 or time > 1) or nil
        end)
        for i = 1, 20, 5 do tap.ok(times[i] >= 2, "job " .. i) end
        conn:close()
    end)
end)

tap.test("exports and imports may be closed while the server answers, and others go on", function()
    server.with({jetstream = true}, function(s)
        local conn = connect(s)
        conn:newstream{name = "ENDS", subjects = {"ends"}, storage = "memory"}
        conn:newstream{name = "STAYS", subjects = {"stays"}, storage = "memory"}
        local out, other = mtmsg.newbuffer(), mtmsg.newbuffer()
        local stays = conn:export(other, "stays", {stream = "STAYS"})
        local rounds, count = 20, 300
        for round = 0, rounds - 1 do
            for i = 1, count do out:addmsg(round * count + i) end
            for i = 1, count do other:addmsg(i) end
            local come = mtmsg.newbuffer()
            local import = conn:import("ends", come)
            local options = {stream = "ENDS", durable = round % 8 == 0 and "member" or nil}
            local member = round % 4 == 0 and conn:import("ends", come, options)
            local export = conn:export(out, "ends", {stream = "ENDS"})
            mtmsg.sleep(0.0004 * round)
            import:close()
            if member then member:close() end
            export:close()
        end
        server.await("the other export", function() return stays:info().messages == rounds * count end)
        tap.is(stays:info().again, 0)
        local come, seen, total = mtmsg.newbuffer(), {}, 0
        local function drain(buffer)
            for number in function() return buffer:nextmsg(0.05) end do
                if not seen[number] then total = total + 1 end
                seen[number] = true
            end
            return total == rounds * count
        end
        drain(out) -- what went back
        conn:import("ends", come, {stream = "ENDS"})
        server.await("the rest", drain, come)
        local left = conn:import("ends", come)
        local member = conn:import("ends", come, {stream = "ENDS", durable = "member"})
        s:kill()
        server.await("the loss", function() return conn:info().status == "reconnecting" end)
        left:close() -- without an answer
        member:close()
        tap.is(conn:info().status, "reconnecting")
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
