-- The demo: a pool over three processes, of which one is killed on the way, counts right.

package.path = "bridges/nats/tests/lib/?.lua;tests/lib/?.lua;" .. package.path
local server = require "server"
server.skip_without()
local child = require "child"
require "mtmsg.nats"
local tap = require "tap"
tap.needs "luv"

tap.test("the totals are right though a process was killed", function()
    local text = child.start("bridges/nats/demo/wordcount.lua")()
    tap.ok(text:find("is killed after", 1, true), text)
    tap.ok(text:find("The totals are right.", 1, true), text)
end)

tap.done()
