-- story: a message that this state cannot decode blocked the whole listener
--
-- A message that the state of a server cannot decode (here: more values than its stack has room for) was put back at
-- the front of the listener's line, so that the requests behind it were never served. Now the others have their turn
-- first, and a reader, which decodes nothing, takes it out.

local mtmsg = require("mtmsg")
local tap   = require("tap")
local unpack = table.unpack or unpack

local function server()
    local listener = mtmsg.newlistener()
    local bad, good = listener:newbuffer("bad"), listener:newbuffer("good")
    local writer = mtmsg.newwriter()
    for _ = 1, 200 do writer:add(unpack({}, 1, 7000)) end
    writer:addmsg(bad)
    return listener, bad, good
end

tap.test("requests behind it are served", function()
    local listener, bad, good = server()
    local served, errors = 0, 0
    for _ = 1, 3 do good:addmsg("request") end
    for _ = 1, 6 do
        local ok, got = pcall(listener.nextmsg, listener, 0)
        if not ok then errors = errors + 1 end
        if ok and got == "request" then served = served + 1 end
    end
    tap.is(served, 3)
    tap.is(errors, 3)
    tap.is(bad:msgcnt(), 1)
end)

tap.test("a reader removes it", function()
    local listener, bad, good = server()
    local reader = mtmsg.newreader()
    tap.is(reader:nextmsg(listener, 0), true)
    reader:clear()
    tap.is(bad:msgcnt(), 0)
    good:addmsg("request")
    tap.gives({ "request" }, listener:nextmsg(0))
end)

tap.done()
