-- Imports: what a durable one has taken is not delivered again to its successor, one that has ended leaves its place in
-- the group to others, and only who imports from a stream acknowledges there.

package.path = "bridges/nats/tests/lib/?.lua;tests/lib/?.lua;" .. package.path
local server = require "server"
server.skip_without()
local mtmsg = require "mtmsg"
local nats = require "mtmsg.nats"
local tap = require "tap"

local function export_numbers(conn, subject, first, last, options)
    local out = mtmsg.newbuffer()
    local export = conn:export(out, subject, options)
    for i = first, last do out:addmsg(i) end
    server.await("the server's word", function() return export:info().messages == last - first + 1 end)
    export:close()
end

local function takes(buffer, first, last)
    for i = first, last do tap.is(buffer:nextmsg(30), i) end
    tap.is(buffer:nextmsg(0.3), nil)
end

tap.test("a durable import that is closed goes on where it was", function()
    server.with({jetstream = true}, function(s)
        local conn = nats.connect{url = s.url}
        for i, options in ipairs{{durable = "one"}, {queue = "group"}} do
            local stream, subject = "KEPT" .. i, "kept" .. i
            conn:newstream{name = stream, subjects = {subject}, storage = "memory"}
            options.stream = stream
            for first = 1, 21, 10 do
                export_numbers(conn, subject, first, first + 9, {stream = stream})
                local come = mtmsg.newbuffer()
                local import = conn:import(subject, come, options)
                takes(come, first, first + 9)
                import:close()
            end
        end
        conn:close()
    end)
end)

tap.test("an import without a name leaves nothing with the server", function()
    server.with({jetstream = true}, function(s)
        local conn = nats.connect{url = s.url}
        -- such a stream has one reader at most
        conn:newstream{name = "ALONE", subjects = {"alone"}, queue = true, storage = "memory"}
        for _ = 1, 3 do conn:import("alone", mtmsg.newbuffer(), {stream = "ALONE"}):close() end
        conn:close()
    end)
end)

tap.test("an import whose buffer is closed gives up its place in the group", function()
    server.with({}, function(s)
        local conn, sender = nats.connect{url = s.url}, nats.connect{url = s.url}
        local closed, open = mtmsg.newbuffer(), mtmsg.newbuffer()
        local ended = conn:import("shared", closed, {queue = "group"})
        local goes_on = conn:import("shared", open, {queue = "group"})
        closed:close()
        local sent = 0
        server.await("its end", function()
            sent = sent + 1
            export_numbers(sender, "shared", sent, sent)
            return ended:info().status == "buffer closed"
        end)
        server.await("both counts", function()
            return ended:info().dropped + goes_on:info().messages == sent
        end)
        open:clear()
        export_numbers(sender, "shared", 1, 1000)
        takes(open, 1, 1000)
        local dropped = ended:info().dropped
        tap.ok(dropped >= 1, "nothing was dropped")
        tap.is(goes_on:info().dropped, 0)
        ended:close()
        conn:close()
        sender:close()
    end)
end)

tap.test("what a stream delivers to a service without its knowing gives no token to acknowledge it by", function()
    server.with({jetstream = true}, function(s)
        local conn = nats.connect{url = s.url}
        conn:newstream{name = "JOBS", subjects = {"jobs"}, storage = "memory"}
        local questions = mtmsg.newbuffer()
        conn:serve("questions", questions)
        s:publish("$JS.API.CONSUMER.CREATE.JOBS",
            '{"stream_name": "JOBS", "config": {"deliver_subject": "questions", "ack_policy": "explicit"}}')
        export_numbers(conn, "jobs", 1, 1, {stream = "JOBS"})
        local token, number = questions:nextmsg(30)
        tap.is(number, 1)
        tap.is(token, nil)
        s:publish("questions", "text", "_INBOX.x")
        tap.is(questions:nextmsg(30), "_INBOX.x")
        conn:close()
    end)
end)

tap.done()
