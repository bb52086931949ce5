-- A finalizer that receives while strings of another message are made, in a loop that is compiled, takes a message of
-- its own; and the methods look at their object before they use it.
local mtmsg = require "mtmsg"
local tap   = require "tap"

-- Calls body(), and act() by finalizers meanwhile, as often as the collector comes to one. Gives how often it did not
-- give false; an error of it is raised at the end.
local function with_finalizers(act, body)
    local running, count, failure = true, 0, nil
    local function watch()
        getmetatable(newproxy(true)).__gc = function()
            if not running then return end
            local ok, result = pcall(act)
            if not ok then failure = failure or result
            elseif result ~= false then count = count + 1 end
            watch()
        end
    end
    local pause, step = collectgarbage("setpause", 1), collectgarbage("setstepmul", 1000)
    watch()
    body()
    running = false
    collectgarbage("setpause", pause)
    collectgarbage("setstepmul", step)
    tap.is(failure, nil)
    return count
end

tap.test("a finalizer that receives in the middle of receiving takes no message twice", function()
    local buffer, seen = mtmsg.newbuffer(1e6), {}
    local function receive()
        local first, second, number = buffer:nextmsg(0)
        if not first then return false end
        tap.is(first, "first " .. number)
        tap.is(second, "second " .. number)
        tap.is(seen[number], nil, "message " .. number .. " came twice")
        seen[number] = true
        return true
    end
    local by_finalizers = with_finalizers(receive, function()
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
    end)
    while receive() do end -- luacheck: ignore
    for number = 1, 20000 do tap.ok(seen[number], "message " .. number .. " is lost") end
    tap.note(by_finalizers .. " of 20000 messages were received by finalizers")
    tap.ok(by_finalizers > 0)
end)

tap.test("a finalizer that receives a number through a listener spoils no message of a buffer", function()
    local buffer, listener = mtmsg.newbuffer(1e6), mtmsg.newlistener()
    local member = listener:newbuffer()
    local function receive()
        member:addmsg(-1)
        tap.is(listener:nextmsg(), -1)
    end
    tap.ok(with_finalizers(receive, function()
        for i = 1, 20000 do
            buffer:addmsg("text " .. i, i)
            local text, number = buffer:nextmsg()
            tap.is(text, "text " .. i)
            tap.is(number, i)
        end
    end) > 0)
end)

-- Finalizers run where compiled code is left, too: between taking a message and reading what it was, if there were such
-- a moment.
tap.test("a finalizer that receives anything anywhere changes no message of another buffer", function()
    local buffer, other, listener = mtmsg.newbuffer(1e6), mtmsg.newbuffer(1e6), mtmsg.newlistener()
    local member, count = listener:newbuffer(1e6), 0
    for _, one in ipairs { buffer, other } do one:addmsg(0) one:nextmsg() end
    local function meddle()
        count = count + 1
        other:addmsg(-1, "of the finalizer")
        other:addmsg(-2, -3)
        other:addmsg(-4)
        other:nextmsg()
        other:nextmsg()
        other:nextmsg()
        member:addmsg(-5)
        listener:nextmsg()
    end
    local function litter()
        for _ = 1, 30 do getmetatable(newproxy(true)).__gc = meddle end
    end
    jit.off(litter)
    local function receive(n)
        local sum = 0
        for _ = 1, n do
            local a, b = buffer:nextmsg()
            sum = sum + (type(a) == "number" and a or 1000) + (type(b) == "number" and b or 0)
        end
        return sum
    end
    for _ = 1, 200 do
        for i = 1, 100 do buffer:addmsg(i) end
        for i = 1, 10 do
            buffer:addmsg(i, i)
            buffer:addmsg(true)
            buffer:addmsg("text", i)
        end
        litter()
        tap.is(receive(130), 5050 + 110 + 10000 + 10000 + 55)
    end
    tap.is(buffer:msgcnt(), 0)
    tap.ok(count > 1000)
end)

tap.test("a hook that receives, or raises, changes no message and loses none", function()
    local buffer, other = mtmsg.newbuffer(), mtmsg.newbuffer()
    for _, one in ipairs { buffer, other } do one:addmsg(0) one:nextmsg() end
    for _, message in ipairs { { 1, 2, 3 }, { "text" }, { 7 }, { true } } do
        for position = 1, 60 do
            other:addmsg("of the hook")
            buffer:addmsg(unpack(message))
            local function receives()
                debug.sethook()
                other:nextmsg()
            end
            debug.sethook(receives, "", position)
            local a, b, c = buffer:nextmsg()
            debug.sethook()
            tap.is(a, message[1])
            tap.is(b, message[2])
            tap.is(c, message[3])
            other:clear()
        end
    end
    for position = 1, 60 do
        local inside -- the method, and not in what it has returned to
        buffer:addmsg(8, 9)
        local function raises()
            debug.sethook()
            inside = debug.getinfo(2, "S").short_src == "mtmsg"
            error("the hook's", 0)
        end
        pcall(function()
            debug.sethook(raises, "", position)
            buffer:nextmsg()
            debug.sethook()
        end)
        debug.sethook()
        if inside then tap.is(buffer:msgcnt(), 1, "at " .. position) end
        buffer:clear()
    end
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

tap.test("select refuses what is no source among several, and takes nothing then", function()
    local buffer, other, class = mtmsg.newbuffer(), mtmsg.newbuffer(), debug.getmetatable(mtmsg.newbuffer())
    local proxy = debug.setmetatable(newproxy(false), class)
    buffer:addmsg(1)
    for _, stranger in ipairs { proxy, debug.setmetatable({}, class), 1, "x" } do
        for _ = 1, 100 do -- until it is compiled
            for place = 2, 5 do
                local sources = { other, buffer, other, other }
                table.insert(sources, place, stranger)
                local ok, message = pcall(mtmsg.select, 0, unpack(sources))
                tap.is(ok, false)
                tap.ok(message:find("bad argument #" .. place + 1, 1, true), message)
            end
        end
    end
    for _, timeout in ipairs { "never", {}, false, debug.setmetatable({}, class) } do
        for _ = 1, 100 do
            local ok, message = pcall(mtmsg.select, timeout, other, buffer)
            tap.is(ok, false)
            tap.ok(message:find("bad argument #1", 1, true), message)
        end
    end
    tap.gives({ buffer, 1 }, mtmsg.select(0, other, buffer))
    debug.setmetatable(proxy, nil)
end)

tap.test("a finalizer that chooses in the middle of choosing takes from its own sources", function()
    local mine, others, junk = { mtmsg.newbuffer(), mtmsg.newbuffer() }, {}, nil
    for i = 1, 3 do others[i] = mtmsg.newbuffer() end
    local function choose()
        local young = mtmsg.newbuffer()
        young:addmsg(-1)
        local source, got = mtmsg.select(0, mine[1], mine[2], young)
        tap.ok(source == young and got == -1)
    end
    local count = with_finalizers(choose, function()
        for round = 1, 20000 do
            local one = others[round % 3 + 1]
            junk = "junk " .. round
            one:addmsg(round)
            local source, got = mtmsg.select(nil, others[1], others[2], others[3])
            tap.ok(source == one and got == round)
            if round % 50 == 0 then others[round % 3 + 1] = mtmsg.newbuffer() end
        end
    end)
    tap.note(count .. " times a finalizer has chosen, up to " .. junk)
    tap.ok(count > 0)
end)

tap.test("closing and finalizing of a source are noticed by compiled calls of select", function()
    for _, ends in ipairs { "close", "release", "__gc" } do
        local buffer, other = mtmsg.newbuffer(), mtmsg.newbuffer()
        for i = 1, 200 do
            buffer:addmsg(i)
            tap.gives({ buffer, i }, mtmsg.select(0, other, buffer))
        end
        buffer:addmsg(201)
        local finish = buffer[ends] or debug.getmetatable(buffer).__gc
        finish(buffer)
        for _ = 1, 200 do
            local ok, source = pcall(mtmsg.select, 0, other, buffer)
            tap.ok(not (ok and source))
        end
        other:addmsg(1)
        if ends ~= "__gc" then tap.gives({ other, 1 }, mtmsg.select(0, other, buffer)) end
    end
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
