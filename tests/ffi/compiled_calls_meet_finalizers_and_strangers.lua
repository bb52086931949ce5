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
