-- story: after one will all objects of the state were dear for ever
-- So that wills come before any reference goes, each new object is followed by a watchman while there are wills. He
-- came as long as the state lived, with a metatable and a function of his own each time.

local mtmsg = require("mtmsg")
local tap   = require("tap")

-- How many KB of Lua's memory objects take.
local function memory_of(buffer)
    local id = buffer:id()
    collectgarbage()
    collectgarbage()
    collectgarbage("stop")
    local before = collectgarbage("count")
    for _ = 1, 1000 do mtmsg.buffer(id) end
    local after = collectgarbage("count")
    collectgarbage("restart")
    return after - before
end

tap.test("while there is a will objects take a little more, and then no more than before", function()
    local buffer = mtmsg.newbuffer()
    memory_of(buffer)
    local before = memory_of(buffer)
    local withdraw, withdraw_second = buffer:will("one"), buffer:will("two")
    local meanwhile = memory_of(buffer)
    tap.ok(meanwhile > 1.2 * before, "nobody watches")
    tap.ok(meanwhile < 2 * before, ("%g KB, and %g KB while there is a will"):format(before, meanwhile))
    tap.is(withdraw(), true)
    tap.ok(memory_of(buffer) > 1.2 * before, "nobody watches any more")
    tap.is(withdraw_second(), true)
    local afterwards = memory_of(buffer)
    tap.ok(afterwards < 1.1 * before, ("%g KB, and then %g KB"):format(before, afterwards))
end)

tap.test("one that is refused costs nothing either", function()
    local buffer = mtmsg.newbuffer{ maxbytes = 10 }
    memory_of(buffer)
    local before = memory_of(buffer)
    tap.raises(mtmsg.error.message_size, buffer.will, buffer, ("x"):rep(20))
    tap.ok(memory_of(buffer) < 1.1 * before)
end)

tap.done()
