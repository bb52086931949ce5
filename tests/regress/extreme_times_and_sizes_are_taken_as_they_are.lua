-- story: timeouts and sizes that are huge or no numbers ended the process, or never ended
-- A timeout of 1e10 seconds ended the process, one of 0/0 never returned, and a size of 0/0 became negative. Long is
-- long, nothing is sooner than at once, and what is no number of seconds or bytes is a bad argument.

local mtmsg   = require("mtmsg")
local tap     = require("tap")
local threads = require("threads")

local nan = 0 / 0

local function bad_argument(f)
    local ok, err = pcall(f)
    tap.is(ok, false, "success")
    tap.contains(err, "bad argument #")
end

-- Runs in a thread: adds as soon as it is told that somebody is about to wait.
local function answer(id, ready_id)
    local mtmsg = require("mtmsg")
    local buffer = mtmsg.buffer(id)
    while mtmsg.buffer(ready_id):nextmsg() do buffer:addmsg("in time") end
end

for _, seconds in ipairs { 1e10, 1e300, 2 ^ 31, 2 ^ 63, 2 ^ 64, 9.3e9, 9223372036, 9223372037, math.huge } do
    tap.test(("a timeout of %g seconds waits for the message"):format(seconds), function()
        local listener, reader = mtmsg.newlistener(), mtmsg.newreader()
        local buffer, ready = listener:newbuffer(), mtmsg.newbuffer()
        local thread = threads.start(answer, buffer:id(), ready:id())
        ready:addmsg(true)
        tap.gives({ "in time" }, buffer:nextmsg(seconds))
        ready:addmsg(true)
        tap.gives({ "in time" }, listener:nextmsg(seconds))
        ready:addmsg(true)
        tap.is(reader:nextmsg(listener, seconds), true)
        ready:addmsg(false)
        thread:join()
    end)
end

for _, seconds in ipairs { 0, -1, -0.5, -1e10, -1e300, -math.huge, 1e-12, 5e-324 } do
    tap.test(("a timeout of %g seconds does not wait"):format(seconds), function()
        local listener, reader = mtmsg.newlistener(), mtmsg.newreader()
        local buffer = listener:newbuffer()
        for _ = 1, 3 do
            tap.is(select("#", buffer:nextmsg(seconds)), 0)
            tap.is(select("#", listener:nextmsg(seconds)), 0)
            tap.is(reader:nextmsg(buffer, seconds), false)
        end
        buffer:addmsg("there")
        tap.gives({ "there" }, buffer:nextmsg(seconds))
        mtmsg.sleep(seconds)
    end)
end

tap.test("a timeout that is not a number is refused before anything is taken", function()
    local listener, reader = mtmsg.newlistener(), mtmsg.newreader()
    local buffer = listener:newbuffer()
    buffer:addmsg("kept")
    bad_argument(function() buffer:nextmsg(nan) end)
    bad_argument(function() buffer:nextmsg(-nan) end)
    bad_argument(function() listener:nextmsg(nan) end)
    bad_argument(function() reader:nextmsg(buffer, nan) end)
    bad_argument(function() mtmsg.sleep(nan) end)
    tap.gives({ "kept" }, buffer:nextmsg(0))
end)

for _, size in ipairs { nan, math.huge, 2 ^ 63, 2 ^ 64, 1e300 } do
    tap.test(("a size of %g bytes is a bad argument"):format(size), function()
        local listener = mtmsg.newlistener()
        bad_argument(function() mtmsg.newbuffer(size) end)
        bad_argument(function() mtmsg.newbuffer("name", size) end)
        bad_argument(function() listener:newbuffer(size) end)
        bad_argument(function() mtmsg.newwriter(size) end)
        bad_argument(function() mtmsg.newreader(size) end)
        tap.raises(mtmsg.error.unknown_object, mtmsg.buffer, "name")
    end)
end

tap.test("a grow factor that is not a number is a bad argument", function()
    local listener = mtmsg.newlistener()
    bad_argument(function() mtmsg.newbuffer(10, nan) end)
    bad_argument(function() listener:newbuffer("name", 10, nan) end)
    bad_argument(function() mtmsg.newwriter(10, nan) end)
    bad_argument(function() mtmsg.newreader(10, nan) end)
end)

tap.test("a size that no machine has is out of memory, and not one that is negative", function()
    local size = 2 ^ 62
    if select(2, pcall(mtmsg.newbuffer, size)):find("too large", 1, true) then
        size = 2 ^ 31 - 1 -- words have 32 bits: it can be counted, but not be had
    end
    tap.raises(mtmsg.error.out_of_memory, mtmsg.newbuffer, size)
    tap.raises(mtmsg.error.out_of_memory, mtmsg.newwriter, size)
    tap.raises(mtmsg.error.out_of_memory, mtmsg.newreader, size)
end)

for _, grow in ipairs { 1e300, math.huge, 1e10, -1, 0.5, 1 } do
    tap.test(("a grow factor of %g gives a buffer that works"):format(grow), function()
        local buffer = mtmsg.newbuffer(100, grow)
        local fixed = grow < 0
        for i = 1, 200 do
            local added = buffer:addmsg(i)
            tap.is(added, not fixed or i * 3 <= 100)
            if not added then break end
        end
        local count = buffer:msgcnt()
        for i = 1, count do tap.gives({ i }, buffer:nextmsg(0)) end
    end)
end

tap.test("a negative size counts as none", function()
    local buffer = mtmsg.newbuffer(-10)
    buffer:addmsg("grows all the same")
    tap.gives({ "grows all the same" }, buffer:nextmsg(0))
    tap.raises(mtmsg.error.message_size, function() mtmsg.newbuffer(-10, 0):addmsg() end)
end)

tap.done()
