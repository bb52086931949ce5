-- Exports: what can't be sent holds nothing up, what has been sent leaves no memory behind, and many ports end at once.

package.path = "bridges/nats/tests/lib/?.lua;tests/lib/?.lua;" .. package.path
local server = require "server"
server.skip_without()
local child = require "child"
local memory = require "memory"
local mtmsg = require "mtmsg"
local nats = require "mtmsg.nats"
local tap = require "tap"

-- Each window ends with large messages, which stand one place further in it than in the one before.
local function send_large_ones(url)
    local conn = nats.connect{url = url}
    local out, large, count = mtmsg.newbuffer(), ("x"):rep(1000000), 0
    for small = 0, 60 do
        for _ = 1, small do out:addmsg "small" end
        for _ = 1, 2 do out:addmsg(large) end
        count = count + small + 2
    end
    local export = conn:export(out, "large")
    server.await("all messages", function() return export:info().messages == count end)
    local _, used = memory.taken()
    conn:close()
    return used
end

local function open_many_ports(conn)
    conn:newstream{name = "MANY", subjects = {"many.*"}, storage = "memory"}
    for i = 1, 40 do
        conn:export(mtmsg.newbuffer(), "many." .. i, {stream = "MANY"})
        conn:import("many." .. i, mtmsg.newbuffer(), {stream = "MANY"})
    end
    mtmsg.sleep(0.2) -- all of them are in the middle of waiting
end

local role, url = arg[1], arg[2]
if role == "large" then
    print("used " .. send_large_ones(url))
    return
elseif role == "many" then
    open_many_ports(nats.connect{url = url})
    return -- and all of it is collected
end

tap.test("large messages leave no memory behind", function()
    if not memory.taken() then return tap.note "skipped: nobody tells of memory here" end
    server.with({}, function(s)
        -- what is given back goes to the system
        local text = child.background(("MALLOC_MMAP_THRESHOLD_=65536 %s bridges/nats/tests/export.lua large %s"):format(
            child.command(), child.quote(s.url)))()
        local used = tonumber(text:match "used (%d+)")
        tap.note(text)
        tap.ok(used and used < 40e6, text)
    end)
end)

tap.test("what is too large for the server is rejected, and what comes behind it goes out", function()
    server.with({jetstream = true}, function(s)
        local conn = nats.connect{url = s.url}
        conn:newstream{name = "SIZES", subjects = {"stored"}, storage = "memory"}
        local limit = conn:info().max_payload
        for subject, stream in pairs{stored = "SIZES", sent = false} do
            local out, come, rejected = mtmsg.newbuffer(), mtmsg.newbuffer(), mtmsg.newbuffer()
            conn:import(subject, come)
            local export = conn:export(out, subject, {stream = stream or nil, rejected = rejected})
            local sizes = {limit - 500, limit - 10, limit - 6, limit - 5, limit}
            for _, size in ipairs(sizes) do out:addmsg(("x"):rep(size)) end
            out:addmsg "last"
            local arrived = 0
            repeat
                local text = come:nextmsg(20)
                tap.ok(text, "nothing comes")
                if text ~= "last" then arrived = arrived + 1 end
            until text == "last" or not text
            -- a header with the message's id counts, too
            tap.is(arrived, stream and 1 or 3, subject)
            tap.is(export:info().rejected, #sizes - arrived)
            for i = arrived + 1, #sizes do
                local why, text = rejected:nextmsg(20)
                tap.is(why, "the message is too large")
                tap.is(#text, sizes[i])
            end
            server.await("the count", function() return export:info().messages == arrived + 1 end)
        end
        conn:close()
    end)
end)

tap.test("what was not too large before the server came back with another limit is rejected then", function()
    local s = server.start()
    local conn = nats.connect{url = s.url, reconnect_wait = 0.1}
    local out, come, rejected = mtmsg.newbuffer(), mtmsg.newbuffer(), mtmsg.newbuffer()
    conn:import("limits", come)
    conn:export(out, "limits", {rejected = rejected})
    s:kill()
    server.await("the connection's end", function() return conn:info().status ~= "connected" end)
    out:addmsg(("x"):rep(20000))
    out:addmsg "last"
    s:configure "max_payload: 10000"
    s:run()
    tap.is(come:nextmsg(30), "last")
    tap.is(rejected:nextmsg(30), "the message is too large")
    conn:close()
    s:stop()
end)

tap.test("an export that ends while acknowledgements come loses nothing, and they meet nothing that is gone", function()
    server.with({jetstream = true}, function(s)
        local conn = nats.connect{url = s.url}
        conn:newstream{name = "ENDS", subjects = {"ends"}, storage = "memory"}
        local out, come = mtmsg.newbuffer(), mtmsg.newbuffer()
        local rounds, count = 40, 300
        for round = 0, rounds - 1 do
            for i = 1, count do out:addmsg(round * count + i) end
            local export = conn:export(out, "ends", {stream = "ENDS"})
            mtmsg.sleep(0.0002 * round)
            export:close()
        end
        conn:export(out, "ends", {stream = "ENDS"})
        conn:import("ends", come, {stream = "ENDS"})
        local seen, total = {}, 0
        server.await("all messages", function()
            local number = come:nextmsg(0)
            while number do
                if not seen[number] then total = total + 1 end
                seen[number] = true
                number = come:nextmsg(0)
            end
            return total == rounds * count
        end)
        conn:close()
    end)
end)

-- Numbers come from 1 on, each for the first time after the one before. Gives how many came twice.
local function take_in_order(come, count)
    local latest, twice = 0, 0
    server.await("all messages", function()
        for number in function() return come:nextmsg(0) end do
            if number == latest + 1 then latest = number else twice = twice + 1 end
            if number > latest then error("after " .. latest .. " comes " .. number) end
        end
        return latest == count
    end)
    return twice
end

tap.test("two windows are on their way to a server that dies: they go out again, in order", function()
    local s = server.start()
    local conn, count = nats.connect{url = s.url, reconnect_wait = 0.1}, 10000
    local out, come = mtmsg.newbuffer(), mtmsg.newbuffer()
    conn:import("again", come)
    s:signal "STOP" -- it reads nothing
    for i = 1, count do out:addmsg(i) end
    local export = conn:export(out, "again")
    server.await("two windows", function()
        local left = out:msgcnt()
        mtmsg.sleep(0.3)
        return left < count and out:msgcnt() == left
    end)
    tap.ok(out:msgcnt() > 0)
    tap.is(export:info().messages, 0)
    s:kill()
    s:run()
    tap.note(take_in_order(come, count) .. " came twice")
    server.await("the count", function() return export:info().messages == count end)
    tap.ok(export:info().again > 1024, export:info().again)
    conn:close()
    s:stop()
end)

tap.test("an export that ends in the middle of many messages gives back what has not arrived", function()
    server.with({}, function(s)
        local conn, count = nats.connect{url = s.url}, 20000
        local out, come = mtmsg.newbuffer(), mtmsg.newbuffer()
        conn:import("middle", come)
        for i = 1, count do out:addmsg(i) end
        for round = 1, 10 do
            local export = conn:export(out, "middle")
            mtmsg.sleep(0.0002 * round)
            export:close()
        end
        conn:export(out, "middle")
        tap.note(take_in_order(come, count) .. " came twice")
        conn:close()
    end)
end)

tap.test("many ports of a connection end in the time of one, closed or collected", function()
    server.with({jetstream = true}, function(s)
        local conn = nats.connect{url = s.url}
        open_many_ports(conn)
        local before = mtmsg.time()
        conn:close()
        local time = mtmsg.time() - before
        tap.ok(time < 2, time .. " s")
        before = mtmsg.time()
        tap.is(child.start("bridges/nats/tests/export.lua", "many", s.url)(), "")
        time = mtmsg.time() - before
        tap.ok(time < 3, time .. " s")
    end)
end)

tap.test("an export ends while it waits for acknowledgements", function()
    server.with({jetstream = true}, function(s)
        local conn = nats.connect{url = s.url}
        conn:newstream{name = "STOPPED", subjects = {"stopped"}, storage = "memory"}
        local out = mtmsg.newbuffer()
        local export = conn:export(out, "stopped", {stream = "STOPPED"})
        s:signal "STOP"
        out:addmsg "waits for its acknowledgement"
        mtmsg.sleep(0.3)
        local before = mtmsg.time()
        export:close()
        local time = mtmsg.time() - before
        s:signal "CONT"
        tap.ok(time < 2, time .. " s")
        tap.is(out:nextmsg(0), "waits for its acknowledgement")
        conn:close()
    end)
end)

tap.done()
