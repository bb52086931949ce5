-- What the C APIs do when memory is short, and that calls which find their memory there ask for
-- none. Runs itself again with a library in the place of malloc.

local native = dofile "tests/native/lib/native.lua"
local failmalloc = require "failmalloc"
local mtmsg = require "mtmsg"
local spec = require "spec"
local old, test, eq = native.old, native.test, native.eq

if not failmalloc.active() then
    if os.getenv "MTMSG_FAILMALLOC" or os.getenv "LD_PRELOAD" or package.preload.host or package.loaded.host then
        require "tap".skip_all "malloc cannot be replaced here: a sanitizer, a checker or a host program is in the way"
    end
    local library
    for template in package.cpath:gmatch "[^;]+" do
        local file = template:gsub("%?", "failmalloc")
        local f = not library and io.open(file)
        if f then
            f:close()
            library = file
        end
    end
    local interpreter = arg[-1]
    local run = os.getenv "MTMSG_RUN" or "" -- starts programs of another platform
    local ok = os.execute(("LD_PRELOAD='%s' MTMSG_FAILMALLOC=1 %s '%s' '%s'"):format(
        library, run, interpreter, arg[0]))
    os.exit((ok == true or ok == 0) and 0 or 1)
end

-- f(...) with the nth request of mtmsg failing, and all later ones if forever -> results of f
local function failing(n, forever, f, ...)
    local results = spec.list(failmalloc.run(n, forever and 2 ^ 30 or n, f, ...))
    assert(results[2], results[3])
    return (table.unpack or unpack)(results, 3, results.n)
end

-- How many requests f(...) makes.
local function requests(f, ...)
    local n, ok, err = failmalloc.run(0, 0, f, ...)
    assert(ok, err)
    return n
end

local function none(f, ...)
    eq(requests(f, ...), 0)
end

---------------------------------------------------------------------------------- out of memory

test("requests of mtmsg are counted and fail: this test can fail", function()
    local b = mtmsg.newbuffer()
    assert(requests(old.writer, b) > 0)
    assert(requests(mtmsg.newbuffer) > 0)
    none(table.concat, {"a", "b"})
end)

for _, make in ipairs {"writer", "reader"} do
    test("a new " .. make .. " is NULL if any request fails, and one can be made afterwards", function()
        local b = mtmsg.newbuffer()
        for _, size in ipairs {0, 1, 1024, 1000000} do
            for _, grow in ipairs {0, 2} do
                local made = requests(old[make], b, size, grow)
                assert(made > 0)
                for n = 1, made do
                    eq(failing(n, false, old[make], b, size, grow), nil)
                    eq(failing(n, true, old[make], b, size, grow), nil)
                end
                assert(old[make](b, size, grow))
            end
        end
    end)
end

local adds = {
    boolean = function(w) return w:boolean(true) end,
    integer = function(w) return w:integer(1000) end,
    number = function(w) return w:number(0.5) end,
    string = function(w) return w:string("12345") end,
    ["long string"] = function(w) return w:string(("x"):rep(100000)) end,
    bytes = function(w) return w:bytes("12345") end,
    array = function(w) return w:array(10, {1, 2, 3}) == nil and -2 or 0 end,
}
for name, add in pairs(adds) do
    test("code -2: adding a " .. name .. " where the writer cannot grow", function()
        local b = mtmsg.newbuffer()
        for _, grow in ipairs {0.5, 1, 2} do
            local w = old.writer(b, 0, grow)
            local values = 0
            while true do -- until an add needs memory and gets none
                local code = failing(1, true, add, w)
                if code ~= 0 then
                    eq(code, -2)
                    break
                end
                values = values + (name == "bytes" and 5 or 1)
                assert(values < 100000, "nothing ever failed")
            end
            eq(w:send(b, false, false), 0)
            local r = old.reader(b)
            r:receive(b, false, 0)
            for _ = 1, values do assert(r:next().kind ~= "none") end
            eq(r:next().kind, "none") -- the failed add has left nothing behind
            eq(add(w), 0)
        end
    end)
end

-- Sends until a request is made, which fails; returns the number of messages that got in.
local function send_until_failure(b, w, fill, clear, nonblock)
    for sent = 0, 100000 do
        fill(w)
        local code = failing(1, true, w.send, w, b, clear, nonblock)
        if code ~= 0 then return code, sent end
    end
    error("nothing ever failed")
end

for name, size in pairs {small = 10, medium = 3000, large = 100000} do
    test("code 6: a " .. name .. " message for which there is no memory; nothing has changed", function()
        for _, nonblock in ipairs {false, true} do
            local b = mtmsg.newbuffer()
            local w = old.writer(b, size + 100)
            local text = ("x"):rep(size)
            local code, sent = send_until_failure(b, w, function() w:string(text) end, false, nonblock)
            eq(code, 6)
            eq(b:msgcnt(), sent)
            eq(w:send(b, false, nonblock), 0) -- the writer still has the message
            eq(b:msgcnt(), sent + 1)
            for _ = 1, sent + 1 do assert(b:nextmsg(0) == text) end
            eq(b:msgcnt(), 0)
        end
    end)

    test("code 6 with clear: the old messages stay, " .. name, function()
        local b = mtmsg.newbuffer()
        b:addmsg("old 1")
        b:addmsg("old 2")
        local w = old.writer(b, size + 100)
        w:string(("x"):rep(size))
        local made = 0
        for n = 1, 10 do
            local code = failing(n, true, w.send, w, b, true, false)
            if code == 0 then break end
            made = n
            eq(code, 6)
            eq(b:msgcnt(), 2)
        end
        if name == "large" then assert(made > 0, "nothing ever failed") end
        eq(b:msgcnt(), 1) -- replaced at last
        eq(#b:nextmsg(0), size)
    end)
end

test("code 6 of notify: nothing has changed", function()
    local b = mtmsg.newbuffer()
    for sent = 0, 100000 do
        local code = failing(1, true, old.notify, b)
        if code ~= 0 then
            eq(code, 6)
            eq(b:msgcnt(), sent)
            eq(old.notify(b), 0)
            return
        end
    end
    error("nothing ever failed")
end)

for name, size in pairs {small = 200, medium = 3000, large = 100000} do
    test("code 5: no memory for a " .. name .. " message in the reader; it stays first in line", function()
        local b = mtmsg.newbuffer(300000) -- so that a large message is copied, not handed over
        for _, grow in ipairs {1, 2} do
            b:addmsg("first")
            b:addmsg(("x"):rep(size), 1)
            b:addmsg("last")
            local r = old.reader(b, 100, grow)
            eq(r:receive(b, false, 0), 0) -- "first" is left unread
            local code = failing(1, true, r.receive, r, b, false, 0)
            eq(code, 5)
            eq(r:next().kind, "none")
            eq(b:msgcnt(), 2)
            eq(r:receive(b, false, 0), 0)
            eq(#r:next().value, size)
            eq(r:next().value, 1)
            eq((b:nextmsg(0)), "last")
        end
    end)
end

test("a notifier's text that cannot be stored still gives code 999 and a text", function()
    local notifiers = require "notifiers"
    local b = mtmsg.newbuffer(10000)
    b:notifier(notifiers.new {code = 5, text = "no luck"})
    b:notifier(notifiers.new {code = 5, text = "no luck"}, "<")
    local w, r = old.writer(b, 100), old.reader(b, 100)
    w:string("m")
    local code, text = failing(1, true, w.send, w, b, false, true)
    eq(code, 999)
    assert(type(text) == "string" and #text > 0)
    code, text = failing(1, true, r.receive, r, b, false, 0)
    eq(code, 999)
    assert(type(text) == "string" and #text > 0)
    eq(r:next().value, "m")
end)

---------------------------------------------------------------------------------- no allocation

-- Fills a buffer to that many messages and empties it, round after round, with the calls that may
-- not wait; no request may be made once everything is there.
local function steady(b, w, r, fill, depth, rounds)
    local function round()
        for _ = 1, depth do
            fill(w)
            local code = w:send(b, false, true)
            if code ~= 0 then error("send: " .. code) end
        end
        for i = 1, depth do
            local code = r:receive(b, i % 2 == 0, 0)
            if code ~= 0 then error("receive: " .. code) end
            if r:next().kind == "none" then error("no value") end
        end
    end
    for _ = 1, rounds do none(round) end
end

local kinds = {
    numbers = function(w) w:integer(1) w:number(0.5) end,
    strings = function(w) w:string("some text") w:string("") end,
    bytes = function(w) w:bytes("bytes") end,
    arrays = function(w) w:string("x") w:array(10, 4) end,
    ["300 bytes"] = function(w) w:bytes(("x"):rep(150)) end,
}
for name, fill in pairs(kinds) do
    test("nothing is allocated for messages that fit: " .. name, function()
        local b = mtmsg.newbuffer(65536)
        steady(b, old.writer(b, 1024), old.reader(b, 1024), fill, 20, 300)
    end)

    test("nothing is allocated in a buffer of fixed size, however full: " .. name, function()
        local b = mtmsg.newbuffer(8192, 0)
        local w, r = old.writer(b, 1024, 0), old.reader(b, 1024, 0)
        local depth = 0
        while true do
            fill(w)
            local code
            none(function() code = w:send(b, false, true) end)
            if code ~= 0 then
                eq(code, 4)
                break
            end
            depth = depth + 1
        end
        w:clear()
        for _ = 1, depth do none(r.receive, r, b, false, 0) end
        steady(b, w, r, fill, depth, 100)
        for keep = 1, depth - 1, math.ceil(depth / 7) do -- with a rest that moves along
            for _ = 1, keep do fill(w) w:send(b, false, true) end
            steady(b, w, r, fill, depth - keep, 50)
            b:clear()
        end
    end)
end

test("nothing is allocated for large messages that fit into memory that is there", function()
    local large = ("x"):rep(20000)
    for _, grow in ipairs {0, 2} do
        local b = mtmsg.newbuffer(100000, grow)
        steady(b, old.writer(b, 30000), old.reader(b, 30000), function(w) w:string(large) end, 3, 200)
    end
end)

test("nothing is allocated for messages of mixed sizes in a buffer of fixed size", function()
    local b = mtmsg.newbuffer(20000, 0)
    local sizes, i = {1, 300, 2, 5000, 80, 255, 3000, 10}, 0
    local texts = {}
    for k, size in ipairs(sizes) do texts[k] = ("x"):rep(size) end
    steady(b, old.writer(b, 6000, 0), old.reader(b, 6000, 0), function(w)
        i = i % #texts + 1
        w:string(texts[i])
    end, 8, 300)
end)

test("nothing is allocated by replacing, by notifying, by timing out, by failing for lack of room", function()
    local b = mtmsg.newbuffer(64, 0)
    local w, r = old.writer(b, 100, 0), old.reader(b, 10, 0)
    for _ = 1, 100 do
        none(function()
            w:string("m")
            assert(w:send(b, true, true) == 0)
            assert(old.notify(b) == 0)
            w:string(("x"):rep(60))
            assert(w:send(b, false, true) == 4)
            w:string(("x"):rep(30))
            assert(w:send(b, false, true) == 5)
            w:clear()
            assert(r:receive(b, true, 0) == 0)
            assert(r:receive(b, false, 0) == 0)
            assert(r:receive(b, false, 0) == 3)
            assert(r:receive(b, true, -1) == 3)
        end)
    end
end)

test("an explicitly given size is allocated when the buffer is made", function()
    for _, grow in ipairs {0, 2} do
        local b = mtmsg.newbuffer(50000, grow)
        local w = old.writer(b, 1000)
        for _ = 1, 90 do
            w:string(("x"):rep(500))
            none(w.send, w, b, false, true)
        end
        eq(b:msgcnt(), 90)
    end
end)

test("references are taken and given back without a request", function()
    local b = mtmsg.newbuffer()
    for _, kind in ipairs {"receiver", "sender", "notify"} do
        none(function() old.hold(b, kind):release() end)
    end
end)

test("values are taken from a reader without a request", function()
    local b = mtmsg.newbuffer()
    b:addmsg(1, 2.5, "x", true, nil, ("long"):rep(10000))
    local r = old.reader(b)
    r:receive(b, false, 0)
    none(function() assert(#r:all() == 6) end)
    none(r.clear, r)
end)

---------------------------------------------------------------------------------- tables

local tables = require "tables"

local function nested(depth)
    local deep = {}
    for _ = 2, depth do deep = {deep} end
    return deep
end

test("code 5 of version 1.1: there is no memory to walk through the message, which stays", function()
    for _, lease in ipairs {false, true} do
        local b, requests_made, code = mtmsg.newbuffer(), 0, nil
        b:addmsg(nested(100))
        repeat
            requests_made = requests_made + 1
            local r = tables.reader(b, 10, 1)
            if lease then r:lease() end
            code = failing(requests_made, false, r.receive, r, b)
            if code == 5 then
                eq(b:msgcnt(), 1)
                eq(r:next(), "none")
                eq(r:source(), 0)
            else
                eq(code, 0)
                eq(r:next(), "table")
            end
            r:free()
        until code == 0
        assert(requests_made > 2, "no request failed")
    end
end)

test("code -2 of tables: nothing has changed, and the next attempt succeeds", function()
    local b, failures = mtmsg.newbuffer(), 0
    local w = tables.writer(b, 10, 1)
    for i = 1, 100 do
        local code = failing(1, true, w.begin, w, nil, true)
        if code == -2 then
            failures = failures + 1
            code = w:begin(nil, true)
        end
        eq(code, 0)
        eq(w:integer(i), 0)
    end
    for _ = 1, 100 do eq(w:finish(), 0) end
    eq(w:send(b), 0)
    assert(failures > 3)
    local level, t = 0, b:nextmsg(0)
    while t do
        level = level + 1
        eq(t[1], level)
        t = t[2]
    end
    eq(level, 100)
end)

test("what is there does: walking, passing on and putting back ask for no memory", function()
    local b, to = mtmsg.newbuffer(100000), mtmsg.newbuffer(100000)
    local t = {1, {2, name = "x"}, name = "y"}
    local r, w = tables.reader(b, 10000, 0), tables.writer(to, 10000, 0)
    b:addmsg(t, "end")
    eq(r:receive(b), 0) -- its memory goes back with the message, once
    eq(r:next(), "table")
    none(w.value, w, r)
    none(r.next, r)
    eq(w:send(to), 0)
    none(r.rewind, r)
    for _ = 1, 5 do none(r.next, r) end
    none(r.back, r)
    eq(b:msgcnt(), 1)
    eq(to:nextmsg(0)[2].name, "x")
end)

native.run()
