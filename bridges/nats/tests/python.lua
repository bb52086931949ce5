-- What another language sees of the same subjects: Python with its own MessagePack, over a plain socket.

package.path = "bridges/nats/tests/lib/?.lua;tests/lib/?.lua;" .. package.path
local server = require "server"
server.skip_without()
local child = require "child"
local mtmsg = require "mtmsg"
local nats = require "mtmsg.nats"
local tap = require "tap"

-- That of the system comes first: others on the path don't see its packages.
local python3 = "PATH=/usr/bin:$PATH python3"
if server.output(python3 .. " -c 'import msgpack' 2>&1") ~= "" then
    tap.skip_all "python3-msgpack is not installed"
end

tap.test("Python reads what was exported, and its answer is imported", function()
    server.with({}, function(s)
        local conn = nats.connect{url = s.url}
        local out, come = mtmsg.newbuffer(), mtmsg.newbuffer()
        conn:import("from.python", come)
        local before = s:subscriptions()
        local python = child.background(("%s bridges/nats/tests/lib/peer.py %d"):format(python3, s.port))
        server.await("Python's subscription", function() return s:subscriptions() > before end)
        conn:export(out, "to.python")
        out:addmsg(nil, true, 17, -2 ^ 40 + 0.5, 0.5, "Grüße", "\0\255", {1, 2, {}}, {name = "n", list = {true}},
            {[3] = "x"})
        local text = come:nextmsg(30)
        tap.is(text, "[None, True, 17, -1099511627775.5, 0.5, 'Grüße', b'\\x00\\xff', [1, 2, []], " ..
            "{'list': [True], 'name': 'n'}, {3: 'x'}]")
        local values = {come:nextmsg(30)}
        tap.is(#values, 3)
        tap.is(values[1], 1)
        tap.is(values[2].a[2], "b")
        tap.is(values[3], "\0bytes")
        tap.is(python(), "")
        conn:close()
    end)
end)

tap.done()
