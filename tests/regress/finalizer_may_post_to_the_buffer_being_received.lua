-- story: a finalizer that added to the buffer being received damaged it
-- A finalizer that ran while strings were received, and added to the very buffer from which they came, damaged it. Its
-- message is one like any other.

local mtmsg = require("mtmsg")
local tap   = require("tap")

-- Calls f when the collector finds the returned object to be garbage.
local function finalizer(f)
    if newproxy then
        local object = newproxy(true)
        getmetatable(object).__gc = f
        return object
    end
    return setmetatable({}, { __gc = f })
end

-- Every few allocations a finalizer runs that calls act.
local function with_eager_collector(act, body)
    local posts, running = 0, true
    local function post()
        if not running then return end
        posts = posts + 1
        act(posts)
        finalizer(post)
    end
    local param = pcall(collectgarbage, "setpause", 1)
    if not param then collectgarbage("param", "pause", 1) end
    finalizer(post)
    local ok, err = pcall(body)
    running = false
    if param then collectgarbage("setpause", 200) else collectgarbage("param", "pause", 200) end
    if not ok then error(err, 0) end
    return posts
end

local function text_of(number)
    return ("%d "):format(number):rep((10 + number % 700) * (1 + number % 4)) -- up to some 14 KB
end

local function check_stream(source, buffer, receive)
    local last = { main = 0, finalizer = 0 }
    local posted = 0
    local function take()
        local who, number, text, more = receive()
        tap.is(number, last[who] + 1, "next number of " .. who)
        tap.is(text, text_of(number))
        tap.is(more, "end")
        last[who] = number
    end
    with_eager_collector(function(n)
        if n % 4 == 0 then
            posted = posted + 1
            buffer:addmsg("finalizer", posted, text_of(posted), "end")
        end
    end, function()
        for i = 1, 3000 do
            buffer:addmsg("main", i, text_of(i), "end")
            take()
        end
        collectgarbage()
    end)
    while last.main < 3000 or last.finalizer < posted do take() end
    tap.is(buffer:msgcnt(), 0)
    tap.ok(posted > 0, "no finalizer ran")
    tap.note(posted .. " messages from finalizers")
end

tap.test("a finalizer posts to the buffer that is being received from", function()
    local buffer = mtmsg.newbuffer()
    check_stream(buffer, buffer, function() return buffer:nextmsg() end)
end)

tap.test("a finalizer receives from the buffer that is being received from", function()
    local buffer = mtmsg.newbuffer()
    local got, inside = {}, 0
    local function take()
        local number, text, again = buffer:nextmsg()
        tap.is(text, text_of(number))
        tap.is(again, number)
        got[number] = (got[number] or 0) + 1
    end
    for i = 1, 50 do buffer:addmsg(i, text_of(i), i) end
    with_eager_collector(function(n)
        if n % 4 == 0 and buffer:msgcnt() > 1 then
            inside = inside + 1
            take()
        end
    end, function()
        for i = 51, 3000 do
            buffer:addmsg(i, text_of(i), i)
            if buffer:msgcnt() > 20 then take() end
        end
        collectgarbage()
    end)
    while buffer:msgcnt() > 0 do take() end
    for i = 1, 3000 do tap.is(got[i], 1, "how often message " .. i .. " came") end
    tap.ok(inside > 0, "no finalizer received")
    tap.note(inside .. " messages received by finalizers")
end)

tap.test("a finalizer posts to a buffer of the listener that is being received from", function()
    local listener = mtmsg.newlistener()
    local buffer = listener:newbuffer()
    check_stream(listener, buffer, function() return listener:nextmsg() end)
end)

tap.test("a finalizer posts while a reader hands out the strings of an earlier message", function()
    local buffer, reader = mtmsg.newbuffer(), mtmsg.newreader()
    check_stream(buffer, buffer, function()
        reader:nextmsg(buffer)
        return reader:next(4)
    end)
end)

tap.test("a finalizer receives from the buffer that is being received from", function()
    local buffer = mtmsg.newbuffer()
    local sent, seen, stolen = 0, {}, 0
    local function take(wait)
        local number, text = buffer:nextmsg(wait)
        if number then
            tap.is(seen[number], nil, "received twice")
            tap.is(text, text_of(number))
            seen[number] = true
        end
        return number
    end
    with_eager_collector(function(n)
        if n % 50 == 0 and take(0) then stolen = stolen + 1 end
    end, function()
        for i = 1, 3000 do
            sent = i
            buffer:addmsg(i, text_of(i))
            take(0)
        end
    end)
    while take(0) do end
    for i = 1, sent do tap.ok(seen[i], "a message is lost") end
    tap.note(stolen .. " messages were received by finalizers")
end)

tap.test("a finalizer closes the buffer that is being received from", function()
    for round = 1, 50 do
        local buffer = mtmsg.newbuffer()
        local received, err = 0, nil
        with_eager_collector(function(n)
            if n == 3 + round then buffer:close() end
        end, function()
            for i = 1, 1e6 do
                local ok
                ok, err = pcall(function()
                    buffer:addmsg(i, text_of(i))
                    local number, text = buffer:nextmsg()
                    tap.is(number, i)
                    tap.is(text, text_of(i))
                end)
                if not ok then break end
                received = i
            end
        end)
        tap.contains(err, mtmsg.error.object_closed)
        tap.is(buffer:msgcnt(), 0)
    end
end)

tap.done()
