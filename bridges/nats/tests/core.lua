-- Buffers over a real server: values there and back, queue groups, what can't travel, requests, and errors.

package.path = "bridges/nats/tests/lib/?.lua;tests/lib/?.lua;" .. package.path
local server = require "server"
server.skip_without()
local child = require "child"
local mtmsg = require "mtmsg"
local nats = require "mtmsg.nats"
local tap = require "tap"

local function same(a, b)
    if type(a) ~= "table" or type(b) ~= "table" then return a == b or (a ~= a and b ~= b) end
    for k, v in pairs(a) do
        if not same(v, b[k]) then return false end
    end
    for k in pairs(b) do
        if a[k] == nil then return false end
    end
    return true
end

local function raises(text, f, ...)
    local ok, err = pcall(f, ...)
    tap.ok(not ok, "no error")
    tap.ok(tostring(err):find(text, 1, true), "expected " .. text .. ", got " .. tostring(err))
end

local here = server.start()
local conn = nats.connect{url = here.url, name = "tests"}

-- Out by one buffer and in by another.
local function loop(subject, options)
    local out, come = mtmsg.newbuffer(), mtmsg.newbuffer()
    local import = conn:import(subject, come, options)
    local export = conn:export(out, subject, options and {rejected = options.rejected})
    return out, come, export, import
end

tap.test("values come back as they were", function()
    local out, come, export, import = loop "values"
    local deep = {}
    for _ = 1, 29 do deep = {deep} end
    local messages = {
        {}, {1, 2.5, "text", true, false}, {{}}, {{1, 2, 3}}, {{name = "n", list = {{}, {x = {1}}}}},
        {{1, 2, [4] = 4, name = 1}}, {("long"):rep(10000)}, {"\0\255 no text"}, {"Grüße", "\237\160\128"},
        {0, 1, 127, 128, 255, 256, 65535, 65536, -1, -32, -33, -128, -129, -32769, 2 ^ 31, -2 ^ 31 - 1, 2 ^ 53},
        {1e300, -1e-300, 1 / 0, -1 / 0, 0 / 0}, {[1] = {[true] = 1, [1.5] = 2, [-7] = 3}}, {deep},
    }
    for _, message in ipairs(messages) do out:addmsg((table.unpack or unpack)(message)) end
    for i, message in ipairs(messages) do
        local arrived = {come:nextmsg(30)}
        if #message > 0 then tap.ok(same(message, arrived), "message " .. i) end
    end
    out:addmsg(nil, 1, nil)
    tap.is(select("#", come:nextmsg(30)), 3)
    server.await("the server's word", function() return export:info().messages == #messages + 1 end)
    -- it counts what it has added, a moment later
    server.await("the import's count", function() return import:info().messages == #messages + 1 end)
    export:close()
    import:close()
end)

tap.test("a table in two places arrives as two, and what can't leave is rejected with its reason", function()
    local rejected = mtmsg.newbuffer()
    local out, come, export = loop("rejects", {rejected = rejected})
    local twice, cycle = {"twice"}, {}
    cycle[1] = cycle
    out:addmsg(twice, {twice, x = twice})
    local one, two = come:nextmsg(30)
    tap.ok(same(one, twice) and same(two, {twice, x = twice}))
    local bomb = {}
    for _ = 1, 28 do bomb = {bomb, bomb} end
    local deep = {}
    for _ = 1, 40 do deep = {deep} end
    local expected = {{"a table contains itself", cycle}, {"a function", function() end}, {"a module", mtmsg},
                      {"the message is too large", bomb}, {"tables are nested too deep", deep}}
    for _, case in ipairs(expected) do out:addmsg("first", case[2]) end
    out:addmsg "last"
    for _, case in ipairs(expected) do
        local why, first, value = rejected:nextmsg(30)
        tap.ok(tostring(why):find(case[1], 1, true), tostring(why))
        tap.is(first, "first")
        tap.is(type(value), type(case[2]))
    end
    tap.is(come:nextmsg(30), "last")
    tap.is(export:info().rejected, #expected)
end)

tap.test("messages of others arrive as values or as one string", function()
    local come, raw = mtmsg.newbuffer(), mtmsg.newbuffer()
    local rejected = mtmsg.newbuffer()
    local import = conn:import("others", come, {rejected = rejected})
    conn:import("others", raw, {raw = true})
    local function send(bytes) here:publish("others", bytes) end
    send '{"json": true}'
    tap.is(come:nextmsg(30), '{"json": true}')
    tap.is(raw:nextmsg(30), '{"json": true}')
    send "\147\1\161a\192"
    tap.ok(same({come:nextmsg(30)}, {1, "a"}))
    tap.is(raw:nextmsg(30), "\147\1\161a\192")
    for _, bad in ipairs {"\147\1", "\221\255\255\255\255", "\145\129\192\1", "\145\193", "\144\1",
                          ("\145"):rep(100) .. "\1", "\145\212\110\0", "\145\212\1\2"} do
        send(bad)
        local why, bytes = rejected:nextmsg(30)
        tap.is(type(why), "string")
        tap.is(bytes, bad)
    end
    tap.is(import:info().rejected, 8)
    send ""
    tap.is(come:nextmsg(30), "")
end)

tap.test("each message of a queue group goes to one member", function()
    local buffers, total = {}, 0
    for i = 1, 3 do
        buffers[i] = mtmsg.newbuffer()
        conn:import("shared", buffers[i], {queue = "group"})
    end
    local out = mtmsg.newbuffer()
    conn:export(out, "shared")
    for i = 1, 3000 do out:addmsg(i) end
    local seen = {}
    server.await("all messages", function()
        for _, b in ipairs(buffers) do
            while b:msgcnt() > 0 do
                local i = b:nextmsg(0)
                tap.ok(not seen[i], "twice")
                seen[i] = true
                total = total + 1
            end
        end
        return total == 3000
    end)
end)

tap.test("what an export has taken and not sent goes back when it ends", function()
    local other = server.start()
    local alone = nats.connect{url = other.url, reconnect_wait = 0.1}
    local out = mtmsg.newbuffer()
    alone:export(out, "nowhere")
    other:kill()
    server.await("the connection's end", function() return alone:info().status ~= "connected" end)
    for i = 1, 1000 do out:addmsg(i) end
    mtmsg.sleep(0.3)
    alone:close()
    for i = 1, 1000 do tap.is(out:nextmsg(0), i) end
    other:stop()
end)

tap.test("a connection comes back by itself, and exports go on", function()
    local other = server.start()
    local again = nats.connect{url = other.url, reconnect_wait = 0.1}
    local out, come = mtmsg.newbuffer(), mtmsg.newbuffer()
    again:import("subject", come)
    local export = again:export(out, "subject")
    out:addmsg "before"
    tap.is(come:nextmsg(30), "before")
    server.await("the answer", function() return export:info().messages == 1 end) -- else it comes twice
    other:kill()
    out:addmsg "between"
    other:run()
    server.await("the message", function() return come:msgcnt() > 0 end)
    tap.is(come:nextmsg(30), "between")
    tap.ok(again:info().reconnects >= 1)
    tap.is(export:info().status, "running")
    again:close()
    other:stop()
end)

tap.test("requests tell when nobody answers", function()
    local ok, why = conn:request("nobody", 5, "question")
    tap.is(ok, nil)
    tap.is(why, "no responders")
    raises("can't leave the process", conn.request, conn, "nobody", 1, function() end)
end)

tap.test("requests are answered by whoever took them, once, in this process or another", function()
    local questions, answers, rejected = mtmsg.newbuffer(), mtmsg.newbuffer(), mtmsg.newbuffer()
    conn:serve("square", questions, {queue = "servants"})
    local replies = conn:replies(answers, {rejected = rejected})
    local client = nats.connect{url = here.url}
    -- who asks waits, so another process does
    local ask = child.start("bridges/nats/tests/lib/ask.lua", here.url, 50)
    for _ = 1, 50 do
        local token, number, list = questions:nextmsg(30)
        tap.is(type(token), "string")
        answers:addmsg(token, number * number, {of = list[1]})
    end
    tap.is(ask():match "%d+ right", "50 right")
    local ok, why = client:request("square", 0.2, 1, {}) -- nobody takes it
    tap.is(ok, nil)
    tap.is(why, "timeout")
    answers:addmsg("elsewhere", 1)
    answers:addmsg("_INBOX.*", 1)
    answers:addmsg(17)
    for _ = 1, 3 do tap.is(rejected:nextmsg(30), "it does not begin with a token") end
    server.await("the count", function() return replies:info().messages == 50 end)
    client:close()
end)

tap.test("errors name what the server said", function()
    raises("cannot connect", nats.connect, {url = "nats://127.0.0.1:1", timeout = 1})
    raises("unknown option 'ulr'", nats.connect, {ulr = "x"})
    raises("bad option 'url'", nats.connect, {url = 1})
    local locked = server.start{conf = 'authorization { user: "u", password: "p" }'}
    raises("Authorization", nats.connect, {url = locked.url, user = "u", password = "wrong"})
    raises("Authorization", nats.connect, {url = locked.url})
    nats.connect({url = locked.url, user = "u", password = "p"}):close()
    locked:stop()
    raises("buffer expected", conn.export, conn, {}, "subject")
    raises("has no streams", conn.export, conn, mtmsg.newbuffer(), "subject", {stream = "NONE"})
end)

tap.test("numbers are taken as large as they can be", function()
    local other = nats.connect{url = here.url, timeout = 1e300, reconnect_wait = 1e300, reconnects = 1e300}
    local out, come = mtmsg.newbuffer(), mtmsg.newbuffer()
    other:import("huge", come, {maxbytes = 1e300, maxvalues = 1e300, pending = 1e300})
    other:export(out, "huge", {maxbytes = 1 / 0})
    out:addmsg("text", {1, 2})
    tap.is(come:nextmsg(30), "text")
    raises("bad option 'maxbytes'", other.export, other, out, "huge", {maxbytes = 0 / 0})
    raises("bad option 'batch'", other.import, other, "huge", come, {stream = "S", batch = 1e300})
    other:close()
end)

tap.test("what could not start leaves nothing with the connection", function()
    local before
    for round = 1, 2 do
        for _ = 1, 5000 do pcall(conn.export, conn, {}, "subject") end
        collectgarbage()
        collectgarbage()
        before = before or collectgarbage "count"
        if round == 2 then
            local more = collectgarbage "count" - before
            tap.ok(more < 100, more .. " KB")
        end
    end
end)

tap.test("a closed buffer ends its ports; a closed connection says so", function()
    local out, come, export, import = loop "ends"
    out:addmsg "x"
    tap.is(come:nextmsg(30), "x")
    out:close()
    server.await("the export's end", function() return export:info().status == "buffer closed" end)
    come:close()
    import:close()
    tap.is(import:info().status, "closed")
    local c = nats.connect{url = here.url}
    local port = c:export(mtmsg.newbuffer(), "subject")
    c:close()
    c:close()
    tap.is(c:info().status, "closed")
    tap.is(port:info().status, "closed")
    raises("the connection is closed", c.export, c, mtmsg.newbuffer(), "subject")
    tap.ok(tostring(c):find "closed")
end)

conn:close()
here:stop()
tap.done()
