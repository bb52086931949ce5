-- story: setting the time of day made waits longer or shorter
-- Waits were measured on the wall clock, so that setting it lengthened some, by hours, and cut others short. Here the
-- program starts itself once more with a library preloaded that moves the wall clock as it is told.

if not os.getenv("MTMSG_WALL_CLOCK_MOVES") then
    local quote = require("child").quote
    local library
    for pattern in package.cpath:gmatch("[^;]+") do
        local path = pattern:gsub("%?", "stepping_clock")
        local file = io.open(path, "rb")
        if file then
            file:close()
            library = path
            break
        end
    end
    if not library and io.popen("uname"):read() == "Darwin" then
        require("tap").skip_all("on macOS no library can take the place of the clock")
    end
    if not library then error("there is no stepping_clock in " .. package.cpath) end
    local first, words = 0, {}
    while arg[first - 1] do first = first - 1 end
    for i = first, 0 do words[#words + 1] = quote(arg[i]) end
    local command = "MTMSG_WALL_CLOCK_MOVES=1 LD_PRELOAD=\"$LD_PRELOAD \"" .. quote(library)
        .. " ASAN_OPTIONS=\"$ASAN_OPTIONS:verify_asan_link_order=0\" exec $MTMSG_RUN " .. table.concat(words, " ")
    local result = os.execute(command)
    os.exit((result == true or result == 0) and 0 or 1)
end

local clock   = require("stepping_clock")
local mtmsg   = require("mtmsg")
local tap     = require("tap")
local threads = require("threads")

local hour = 3600
local early = 0.001 -- seconds

tap.test("the wall clock can be moved", function()
    local before, seconds = mtmsg.time(), os.time()
    clock.set(hour)
    tap.ok(mtmsg.time() - before >= hour and os.time() - seconds >= hour, "it stands")
    clock.set(-hour)
    tap.ok(mtmsg.time() < before and os.time() < seconds, "it stands")
    clock.set(0)
end)

-- Runs in a thread: waits in its way and returns how long that took.
local function wait(kind, seconds, buffer_id, listener_id, ready_id)
    local mtmsg, clock = require("mtmsg"), require("stepping_clock")
    local buffer, listener, reader = mtmsg.buffer(buffer_id), mtmsg.listener(listener_id), mtmsg.newreader()
    mtmsg.buffer(ready_id):addmsg(true)
    local started = clock.monotonic()
    if kind == "buffer:nextmsg" then
        assert(select("#", buffer:nextmsg(seconds)) == 0)
    elseif kind == "listener:nextmsg" then
        assert(select("#", listener:nextmsg(seconds)) == 0)
    elseif kind == "reader:nextmsg of a buffer" then
        assert(reader:nextmsg(buffer, seconds) == false)
    elseif kind == "reader:nextmsg of a listener" then
        assert(reader:nextmsg(listener, seconds) == false)
    else
        mtmsg.sleep(seconds)
    end
    return clock.monotonic() - started
end

local kinds = { "buffer:nextmsg", "listener:nextmsg", "reader:nextmsg of a buffer", "reader:nextmsg of a listener",
                "sleep" }

-- The offset of the wall clock before the wait, and those that it gets in turn while somebody waits.
local moves = {
    ["put forward before"] = { hour },
    ["put back before"] = { -hour },
    ["put forward during"] = { 0, hour, 2 * hour },
    ["put back during"] = { 0, -hour, -2 * hour },
    ["moved to and fro during"] = { 0, -hour, hour, -24 * hour, 24 * hour },
}

local function wait_while_moving(kind, offsets)
    local seconds = 0.15
    local listener, ready = mtmsg.newlistener(), mtmsg.newbuffer()
    local buffer = listener:newbuffer()
    clock.set(offsets[1])
    local thread = threads.start(wait, kind, seconds, buffer:id(), listener:id(), ready:id())
    ready:nextmsg()
    local at = 1
    while not thread:has_ended() do
        at = at % #offsets + 1
        clock.set(offsets[at])
        ready:nextmsg(0.01)
    end
    local time = thread:join()
    tap.ok(time >= seconds - early, "waited for " .. time .. " seconds only")
end

for _, kind in ipairs(kinds) do
    for name, offsets in pairs(moves) do
        tap.test(kind .. " lasts as long as it should with the wall clock " .. name .. " it", function()
            local ok, err = pcall(wait_while_moving, kind, offsets)
            clock.set(0)
            if not ok then error(err, 0) end
        end)
    end
end

tap.done()
