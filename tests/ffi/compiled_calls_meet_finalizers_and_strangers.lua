-- A finalizer that receives while strings of another message are made, in a loop that is compiled, takes a message of
-- its own; and the methods look at their object before they use it.
local mtmsg = require "mtmsg"
local tap   = require "tap"

tap.test("a finalizer that receives in the middle of receiving takes no message twice", function()
    local buffer, seen, by_finalizers, running = mtmsg.newbuffer(1e6), {}, 0, true
    local function receive()
        local first, second, number = buffer:nextmsg(0)
        if not first then return false end
        tap.is(first, "first " .. number)
        tap.is(second, "second " .. number)
        tap.is(seen[number], nil, "message " .. number .. " came twice")
        seen[number] = true
        return true
    end
    local function watch()
        getmetatable(newproxy(true)).__gc = function()
            if not running then return end
            if receive() then by_finalizers = by_finalizers + 1 end
            watch()
        end
    end
    collectgarbage("setpause", 1)
    collectgarbage("setstepmul", 1000)
    watch()
    for round = 0, 99 do
        for i = 1, 200 do
            local number = round * 200 + i
            buffer:addmsg("first " .. number, "second " .. number, number)
        end
        while true do
            local first, second, number = buffer:nextmsg(buffer:msgcnt() == 0 and 0 or nil)
            if not first then break end
            tap.is(first, "first " .. number)
            tap.is(second, "second " .. number)
            tap.is(seen[number], nil, "message " .. number .. " came twice")
            seen[number] = true
            if buffer:msgcnt() == 0 then break end
        end
    end
    running = false
    collectgarbage("setpause", 200)
    collectgarbage("setstepmul", 200)
    while receive() do end -- luacheck: ignore
    for number = 1, 20000 do tap.ok(seen[number], "message " .. number .. " is lost") end
    tap.note(by_finalizers .. " of 20000 messages were received by finalizers")
    tap.ok(by_finalizers > 0)
end)

tap.test("a finalizer that receives a number through a listener spoils no message of a buffer", function()
    local buffer, listener, running, count = mtmsg.newbuffer(1e6), mtmsg.newlistener(), true, 0
    local member = listener:newbuffer()
    local function watch()
        getmetatable(newproxy(true)).__gc = function()
            if not running then return end
            member:addmsg(-1)
            tap.is(listener:nextmsg(), -1)
            count = count + 1
            watch()
        end
    end
    collectgarbage("setpause", 1)
    collectgarbage("setstepmul", 1000)
    watch()
    for i = 1, 20000 do
        buffer:addmsg("text " .. i, i)
        local text, number = buffer:nextmsg()
        tap.is(text, "text " .. i)
        tap.is(number, i)
    end
    running = false
    collectgarbage("setpause", 200)
    collectgarbage("setstepmul", 200)
    tap.ok(count > 0)
end)

tap.test("what is no buffer is refused, whatever metatable it has", function()
    local buffer = mtmsg.newbuffer()
    local class = debug.getmetatable(buffer)
    local proxy, file = newproxy(false), io.tmpfile()
    debug.setmetatable(proxy, class)
    debug.setmetatable(file, class)
    for _, stranger in ipairs { proxy, file, setmetatable({}, nil), debug.setmetatable({}, class), 1, "x" } do
        for _ = 1, 100 do -- until it is compiled
            local ok, message = pcall(buffer.addmsg, stranger, 1)
            tap.is(ok, false)
            tap.ok(message:find("mtmsg.buffer expected", 1, true), message)
            ok, message = pcall(buffer.nextmsg, stranger)
            tap.is(ok, false)
            tap.ok(message:find("mtmsg.buffer expected", 1, true), message)
        end
    end
    debug.setmetatable(proxy, nil)
    debug.setmetatable(file, nil)
end)

tap.test("what is no listener is refused, whatever metatable it has", function()
    local listener = mtmsg.newlistener()
    local class = debug.getmetatable(listener)
    local proxy, buffer = newproxy(false), mtmsg.newbuffer()
    local own = debug.getmetatable(buffer)
    debug.setmetatable(proxy, class)
    debug.setmetatable(buffer, class)
    for _, stranger in ipairs { proxy, buffer, debug.setmetatable({}, class), 1, "x" } do
        for _ = 1, 100 do -- until it is compiled
            for _, method in ipairs { listener.nextmsg, listener.getmsg } do
                local ok, message = pcall(method, stranger)
                tap.is(ok, false)
                tap.ok(message:find("mtmsg.listener expected", 1, true), message)
            end
        end
    end
    debug.setmetatable(proxy, nil)
    debug.setmetatable(buffer, own)
end)

tap.test("closing and finalizing of a listener are noticed by compiled calls", function()
    for _, ends in ipairs { "close", "release", "__gc" } do
        local listener = mtmsg.newlistener()
        local buffer = listener:newbuffer()
        for i = 1, 200 do
            buffer:addmsg(i)
            tap.is(listener:nextmsg(), i)
        end
        local finish = listener[ends] or debug.getmetatable(listener).__gc
        buffer:addmsg(1)
        finish(listener)
        for _ = 1, 200 do
            tap.ok(not pcall(listener.nextmsg, listener))
            local _, id, number = pcall(listener.getmsg, listener)
            tap.ok(type(id) ~= "number" and number ~= 1)
        end
    end
end)

tap.test("closing and finalizing are noticed by compiled calls", function()
    local buffer = mtmsg.newbuffer()
    for i = 1, 200 do
        buffer:addmsg(i)
        tap.is(buffer:nextmsg(), i)
    end
    buffer:close()
    for _ = 1, 200 do
        tap.ok(not pcall(buffer.addmsg, buffer, 1))
        tap.ok(not pcall(buffer.nextmsg, buffer))
    end
    local other = mtmsg.newbuffer()
    for i = 1, 200 do
        other:addmsg(i)
        tap.is(other:nextmsg(), i)
    end
    debug.getmetatable(other).__gc(other)
    for _ = 1, 200 do
        tap.ok(not pcall(other.addmsg, other, 1))
        tap.ok(not pcall(other.nextmsg, other))
    end
end)

tap.done()
