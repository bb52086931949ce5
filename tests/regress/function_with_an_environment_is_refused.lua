-- story: a C function that needs more than its address crashed where it arrived
-- A C function that needs more than its address (io.write has an environment of its own in Lua 5.1) was sent,
-- and the process crashed when it was called where it arrived. What arrives can be called: such a function of a module
-- travels by name, and arrives as the receiver's own; everything else is refused.

local mtmsg   = require("mtmsg")
local tap     = require("tap")
local threads = require("threads")

local text = "parameter type not supported"

local function arrived(f)
    local buffer = mtmsg.newbuffer()
    buffer:addmsg("before", f, "after")
    local before, received, after = buffer:nextmsg(0)
    tap.is(before, "before")
    tap.is(after, "after")
    return received
end

local function is_refused(f)
    local buffer, writer = mtmsg.newbuffer(), mtmsg.newwriter()
    buffer:addmsg("kept")
    writer:add("kept")
    for _, call in ipairs {
        function() buffer:addmsg("good", f) end,
        function() buffer:setmsg("good", f) end,
        function() writer:add("good", f) end,
    } do
        local ok, err = pcall(call)
        tap.is(ok, false, "success")
        tap.contains(err, "bad argument #2 to ")
        tap.contains(err, text)
    end
    writer:addmsg(buffer)
    for _ = 1, 2 do tap.gives({ "kept" }, buffer:nextmsg(0)) end
    tap.is(buffer:msgcnt(), 0)
end

tap.test("require arrives as the receiver's own", function() tap.is(arrived(require), require) end)

local own = debug.getfenv and debug.getfenv(io.write) ~= _G
if own then
    tap.test("io.write, which has an environment of its own, too", function() tap.is(arrived(io.write), io.write) end)
else
    tap.skip("io.write, which has an environment of its own, too", "it has none in this Lua")
end

tap.test("a function with upvalues that is in no module is refused", function()
    is_refused(("text"):gmatch("."))
    is_refused(coroutine.wrap(function() end))
    is_refused({ inside = ("text"):gmatch(".") })
end)

tap.test("every function of the standard libraries needs no environment of its own, or is the receiver's", function()
    local sent, own_ones = 0, 0
    local getfenv = debug.getfenv
    -- the second one is that of all C functions which have been loaded
    local shared = getfenv and { [_G] = true, [getfenv(mtmsg.time)] = true }
    for _, library in pairs { _G, io, os, string, table, math, debug, package, coroutine } do
        for _, f in pairs(library) do
            if type(f) == "function" then
                local received = arrived(f)
                tap.is(type(received), "function")
                if received == f then own_ones = own_ones + 1 else sent = sent + 1 end
                tap.ok(received == f or not getfenv or shared[getfenv(received)],
                       "a function with an environment of its own")
            end
        end
    end
    tap.ok(own_ones > 0)
    tap.note(sent .. " sent, " .. own_ones .. " the receiver's own")
end)

-- Those that LuaJIT gives no address for are refused there.
local function test_call(name, f, check)
    local buffer = mtmsg.newbuffer()
    if not pcall(buffer.addmsg, buffer, f) and rawget(_G, "jit") then
        return tap.skip(name .. " travels and can be called", "it has no address in this Lua")
    end
    tap.test(name .. " travels and can be called", function() check(arrived(f)) end)
end

test_call("print", print, function(f)
    tap.gives({}, f("# printed by a function that has travelled"))
end)
test_call("os.time", os.time, function(f)
    tap.is(f { year = 2001, month = 2, day = 3, hour = 4 }, os.time { year = 2001, month = 2, day = 3, hour = 4 })
    tap.ok(f() >= os.time() - 60)
end)
test_call("mtmsg.time", mtmsg.time, function(f)
    local before = mtmsg.time()
    local time = f()
    tap.ok(before <= time and time <= mtmsg.time())
end)

-- Runs in a thread.
local function call(f, ...)
    if type(f) ~= "function" then error("no function arrived") end
    return f(...)
end

tap.test("mtmsg.time can be called in another state", function()
    local before = mtmsg.time()
    local time = threads.start(call, mtmsg.time):join()
    tap.ok(before <= time and time <= mtmsg.time())
end)

tap.done()
