-- pollfd: what it returns, for which objects, how long it stays, and what happens where there are no descriptors.
-- That they are readable when they should be is tested with event loops (tests/loops), and in C
-- (tests/unit/test_pollable.c).

local mtmsg = require "mtmsg"
local child = require "child"
local spec = require "spec"
local test, eq = spec.test, spec.eq

test("it is an integer, always the same for an object", function()
    for _, object in ipairs {mtmsg.newbuffer(), mtmsg.newlistener()} do
        local descriptor = object:pollfd()
        eq(type(descriptor), "number")
        eq(descriptor % 1, 0)
        eq(descriptor >= 0, true)
        eq(object:pollfd(), descriptor)
        eq(object.events, "r")
    end
end)

test("two objects that refer to one buffer have two", function()
    local one = mtmsg.newbuffer()
    local other = mtmsg.buffer(one:id())
    eq(one:pollfd() ~= other:pollfd(), true)
end)

test("it is closed with the object, by the collector or by release", function()
    local buffer = mtmsg.newbuffer()
    local descriptor = buffer:pollfd()
    buffer:release()
    spec.matches(spec.error_of("buffer:pollfd()", {buffer = buffer}), "^mtmsg%.error%.object_closed")
    if package.config:sub(1, 1) ~= "/" then return end -- the number is that of a socket
    local next_one = mtmsg.newbuffer()
    eq(next_one:pollfd(), descriptor) -- the system gives the lowest number that is free
    next_one = nil
    collectgarbage()
    collectgarbage()
    eq(mtmsg.newbuffer():pollfd(), descriptor)
end)

test("closed, aborted and finished objects have one", function()
    for _, how in ipairs {"close", "abort", "finish"} do
        local buffer = mtmsg.newbuffer()
        buffer[how](buffer)
        eq(type(buffer:pollfd()), "number")
    end
end)

test("self must be a buffer or a listener", function()
    local buffer, listener = mtmsg.newbuffer(), mtmsg.newlistener()
    eq(pcall(buffer.pollfd, listener), false)
    eq(pcall(listener.pollfd, buffer), false)
    eq(pcall(buffer.pollfd), false)
end)

-- In a program of its own, which may have few.
if package.config:sub(1, 1) == "/" and arg and arg[-1] and not os.getenv("MTMSG_GC") then
    test("where there are none, it says so, and works again when there are", function()
        local path = os.tmpname()
        local file = assert(io.open(path, "w"))
        file:write([[
            local mtmsg = require "mtmsg"
            local kept, err = {}, nil
            repeat
                kept[#kept + 1] = mtmsg.newbuffer()
                local ok
                ok, err = pcall(kept[#kept].pollfd, kept[#kept])
            until not ok
            print((err:gsub("^[^ ]*: ", "")))
            local last = table.remove(kept)
            last:addmsg("works")
            print(last:nextmsg(0))
            kept[1]:release()
            print(pcall(last.pollfd, last))
        ]])
        file:close()
        local pipe = assert(io.popen(("ulimit -n 30; %s '%s' 2>&1"):format(child.command(), path)))
        local printed = pipe:read("*a")
        pipe:close()
        os.remove(path)
        spec.matches(printed, "^failed to open a descriptor: too many open files in this process\nworks\ntrue\t%d+\n$")
    end)
end

spec.run()
