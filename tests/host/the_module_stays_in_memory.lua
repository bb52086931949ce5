-- The module stays in memory when the only state that has loaded it is closed: a flag of the process that was set there
-- is still set when another state loads it.

local host = require("host")
local tap  = require("tap")

tap.test("an abort outlives the state that loaded the module, and called it", function()
    tap.is(package.loaded.mtmsg, nil)
    tap.ok(host.thread([[require("mtmsg").abort()]]):join())
    local mtmsg = require("mtmsg")
    tap.is(mtmsg.isabort(), true)
    mtmsg.abort(false)
end)

tap.done()
