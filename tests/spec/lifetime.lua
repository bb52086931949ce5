-- The collector: what it may take, and finalizers that use buffers in the middle of other calls.
-- Which buffers a listener drains is in listener.lua, what notifiers keep in notifier.lua.

local spec   = require("spec")
local mtmsg  = require("mtmsg")
local carray = require("carray")

local test, eq, ok, gives, list = spec.test, spec.eq, spec.ok, spec.gives, spec.list
local raises = spec.raises

-- Makes an array message be received with receive(), and runs f as a finalizer in the middle of it:
-- the provider of arrays collects the garbage. If fail is true, the array cannot be made then.
local function finalize_during(receive, f, fail)
    local finalized, success, err
    local function drop()
        spec.finalizer(function()
            finalized = true
            success, err = pcall(f) -- some Luas drop the errors of finalizers
        end)
    end
    carray.hook(function()
        carray.hook(nil)
        drop()
        spec.collect()
        if fail then
            error("no array today")
        end
    end)
    local results = spec.list(pcall(receive))
    carray.hook(nil)
    eq(finalized, true)
    if not success then
        error(err, 0)
    end
    eq(results[1], not fail)
    if fail then
        spec.matches(results[2], "no array today")
    else
        eq(results[2]:get(1), 42)
    end
end

local function with_array()
    local b = mtmsg.newbuffer()
    b:addmsg(carray.new("int", {42}))
    return b, function() return b:nextmsg(0) end
end

test("the finalizers of our classes take whatever debug hands them", function()
    for _, object in ipairs({mtmsg.newbuffer(), mtmsg.newlistener(), mtmsg.newwriter(), mtmsg.newreader()}) do
        local metatable = debug.getmetatable(object)
        for _, argument in ipairs({{}, 1, "text", print, coroutine.create(function() end), io.stdout}) do
            gives(list(), metatable.__gc(argument))
        end
        gives(list(), metatable.__gc())
        setmetatable({}, metatable)
    end
    collectgarbage()
    collectgarbage()
end)

---- finalizers inside of a receive

test("a finalizer adds to the buffer that is received from", function()
    local b, receive = with_array()
    b:addmsg("second")
    finalize_during(receive, function() eq(b:addmsg("from the finalizer"), true) end)
    gives(list("second"), b:nextmsg(0))
    gives(list("from the finalizer"), b:nextmsg(0))
    gives(list(), b:nextmsg(0))
end)

test("a finalizer adds, and the message is put back before it", function()
    local b, receive = with_array()
    b:addmsg("second")
    finalize_during(receive, function() b:addmsg("from the finalizer") end, true)
    eq(b:msgcnt(), 3)
    eq(b:nextmsg(0):get(1), 42)
    gives(list("second"), b:nextmsg(0))
    gives(list("from the finalizer"), b:nextmsg(0))
end)

test("a finalizer receives the next message from the same buffer", function()
    for _, fail in ipairs{false, true} do
        local b, receive = with_array()
        b:addmsg("second")
        b:addmsg("third")
        local got
        finalize_during(receive, function() got = b:nextmsg(0) end, fail)
        eq(got, "second")
        if fail then
            eq(b:nextmsg(0):get(1), 42)
        end
        gives(list("third"), b:nextmsg(0))
        eq(b:msgcnt(), 0)
    end
end)

test("messages of nested receives that fail are put back in their order", function()
    local b = mtmsg.newbuffer()
    b:addmsg(carray.new("int", {1}))
    b:addmsg(carray.new("int", {2}))
    b:addmsg("third")
    local count
    carray.hook(function()
        carray.hook(nil)
        carray.fail("raise", 1)
        spec.raises_like("raised on demand", "b:nextmsg(0)", {b = b})
        count = b:msgcnt()
        error("outer")
    end)
    spec.raises_like("outer", "b:nextmsg(0)", {b = b})
    eq(count, 2)
    eq(b:msgcnt(), 3)
    eq(b:nextmsg(0):get(1), 1)
    eq(b:nextmsg(0):get(1), 2)
    gives(list("third"), b:nextmsg(0))
end)

test("the message that is received is not counted and not received again by a finalizer", function()
    local b, receive = with_array()
    local count
    finalize_during(receive, function()
        count = b:msgcnt()
        gives(list(), b:nextmsg(0))
    end)
    eq(count, 0)
end)

for what, case in pairs{
    clears = {function(b) b:clear() end},
    replaces = {function(b) b:setmsg("new") end, "new"},
    ["clears and adds to"] = {function(b) b:clear() b:addmsg("added") end, "added"},
} do
    for _, fail in ipairs{false, true} do
        test(("a finalizer %s the buffer that is received from%s"):format(what, fail and ", nothing is put back" or ""),
             function()
            local b, receive = with_array()
            b:addmsg("second")
            finalize_during(receive, function() case[1](b) end, fail)
            eq(b:msgcnt(), case[2] and 1 or 0)
            gives(case[2] and list(case[2]) or list(), b:nextmsg(0))
            b:addmsg("works")
            gives(list("works"), b:nextmsg(0))
        end)
    end
end

for _, fail in ipairs{false, true} do
    local suffix = fail and ", and it fails" or ""

    test("a finalizer closes the buffer that is received from" .. suffix, function()
        local b, receive = with_array()
        b:addmsg("second")
        finalize_during(receive, function() b:close() end, fail)
        eq(b:msgcnt(), 0)
        raises("mtmsg.error.object_closed: " .. spec.label(b), "b:nextmsg(0)", {b = b})
    end)

    test("a finalizer aborts the buffer that is received from" .. suffix, function()
        local b, receive = with_array()
        b:addmsg("second")
        finalize_during(receive, function() b:abort() end, fail)
        eq(b:msgcnt(), fail and 2 or 1)
        b:abort(false)
        if fail then
            eq(b:nextmsg(0):get(1), 42)
        end
        gives(list("second"), b:nextmsg(0))
    end)

    test("a finalizer closes the listener that is received from" .. suffix, function()
        local lst = mtmsg.newlistener()
        local b1, b2 = lst:newbuffer(), lst:newbuffer()
        b1:addmsg(carray.new("int", {42}))
        b2:addmsg("b2")
        finalize_during(function() return lst:nextmsg(0) end, function() lst:close() end, fail)
        eq(b1:msgcnt() + b2:msgcnt(), 0)
        raises("mtmsg.error.object_closed: " .. spec.label(lst), "lst:nextmsg(0)", {lst = lst})
    end)

    test("a finalizer clears the listener that is received from" .. suffix, function()
        local lst = mtmsg.newlistener()
        local b1, b2 = lst:newbuffer(), lst:newbuffer()
        b1:addmsg(carray.new("int", {42}))
        b2:addmsg("b2")
        finalize_during(function() return lst:nextmsg(0) end, function() lst:clear() end, fail)
        eq(b1:msgcnt() + b2:msgcnt(), 0)
        gives(list(), lst:nextmsg(0))
        b1:addmsg("works")
        gives(list("works"), lst:nextmsg(0))
    end)

    test("the last reference to a listener's buffer goes while it is received from" .. suffix, function()
        local lst = mtmsg.newlistener()
        local holder = {lst:newbuffer()}
        holder[1]:addmsg(carray.new("int", {42}))
        holder[1]:addmsg("second")
        finalize_during(function() return lst:nextmsg(0) end, function() holder[1] = nil spec.collect() end, fail)
        spec.collect()
        if fail then
            eq(lst:nextmsg(0):get(1), 42)
        end
        gives(list("second"), lst:nextmsg(0))
        spec.raises_like("^mtmsg%.error%.no_buffers", "lst:nextmsg(0)", {lst = lst})
    end)

    test("a finalizer creates, finds and drops objects" .. suffix, function()
        local lst = mtmsg.newlistener("found by a finalizer")
        local b = lst:newbuffer("found, too")
        b:addmsg(carray.new("int", {42}))
        finalize_during(function() return lst:nextmsg(0) end, function()
            for _ = 1, 10 do
                mtmsg.newbuffer("found, three"):addmsg("x")
                mtmsg.newlistener():newbuffer():addmsg("y")
                mtmsg.listener("found by a finalizer"):newbuffer():addmsg("z")
                eq(mtmsg.buffer("found, too"):id(), b:id())
                local w = mtmsg.newwriter()
                w:add("w")
                w:addmsg(mtmsg.newbuffer())
            end
        end, fail)
        local arrays, rest = 0, 0
        for _ = 1, fail and 11 or 10 do
            local got = lst:nextmsg(0)
            if got == "z" then
                rest = rest + 1
            else
                eq(got:get(1), 42)
                arrays = arrays + 1
            end
        end
        gives(list(fail and 1 or 0, 10), arrays, rest)
        gives(list(), lst:nextmsg(0))
    end)
end

test("the provider of arrays uses the reader that is decoding", function()
    local b, r = mtmsg.newbuffer(), mtmsg.newreader()
    for _, use in ipairs{function() r:clear() end, function() r:next() end,
                         function() r:nextmsg(b, 0) end, function() r:nextmsg(b, 0) r:nextmsg(b, 0) end} do
        b:addmsg(carray.new("int", {42}), "rest", ("x"):rep(1000))
        r:nextmsg(b)
        b:addmsg("next message", ("y"):rep(100000))
        carray.hook(function()
            carray.hook(nil)
            pcall(use)
        end)
        pcall(r.next, r, -1)
        -- what it gave is left open, but it works afterwards
        b:setmsg("last", ("z"):rep(5000))
        eq(r:nextmsg(b, 0), true)
        gives(list("last", ("z"):rep(5000)), r:next(-1))
    end
end)

test("a finalizer uses the writer and the buffer while values are added", function()
    local b, w = mtmsg.newbuffer(), mtmsg.newwriter()
    for i = 1, spec.many(300, 10) do
        spec.finalizer(function()
            b:addmsg("from a finalizer", i)
        end)
        w:add(i, ("x"):rep(i))
        b:addmsg(("y"):rep(100))
    end
    spec.collect()
    w:addmsg(b)
    local finalizers, others = 0, 0
    while b:msgcnt() > 0 do
        if select("#", b:nextmsg(0)) == 2 then
            finalizers = finalizers + 1
        else
            others = others + 1
        end
    end
    eq(finalizers, spec.many(300, 10))
    eq(others, spec.many(300, 10) + 1)
end)

test("finalizers post to the buffer from which strings are received, and nothing is lost", function()
    local b = mtmsg.newbuffer()
    local posted, seen, got = 0, 0, 0
    local function post()
        posted = posted + 1
        b:addmsg("finalizer", posted)
    end
    local rounds = spec.many(3000, 30)
    for i = 1, rounds do
        spec.finalizer(post)
        b:addmsg("number", i, ("x"):rep(i * 7 % 3000) .. i)
        local what, n, text = b:nextmsg(0)
        if what == "number" then
            got = got + 1
            eq(n, got)
            ok(text == ("x"):rep(n * 7 % 3000) .. n)
        else
            seen = seen + 1
            eq(n, seen)
        end
    end
    spec.collect()
    while b:msgcnt() > 0 do
        local what, n = b:nextmsg(0)
        if what == "number" then
            got = got + 1
            eq(n, got)
        else
            seen = seen + 1
            eq(n, seen)
        end
    end
    eq(got, rounds)
    eq(posted, rounds)
    eq(seen, rounds)
end)

test("finalizers post to a listener's buffers while it is received from", function()
    local lst = mtmsg.newlistener()
    local a, b = lst:newbuffer(), lst:newbuffer()
    local rounds, got = spec.many(1000, 20), 0
    for i = 1, rounds do
        spec.finalizer(function() b:addmsg("b", ("f"):rep(50)) end)
        local temporary = lst:newbuffer()
        temporary:addmsg("t", ("x"):rep(i))
        a:addmsg("a", ("y"):rep(i))
        if lst:nextmsg(0) then
            got = got + 1
        end
    end
    spec.collect()
    while lst:nextmsg(0) do
        got = got + 1
    end
    eq(got, 3 * rounds)
    eq(a:msgcnt() + b:msgcnt(), 0)
end)

---- what the collector takes

test("objects without references are collected, with everything in them", function()
    for i = 1, spec.many(1000) do
        local b, lst = mtmsg.newbuffer("collected"), mtmsg.newlistener("collected")
        local lb = lst:newbuffer("collected", i, 1.5)
        local w, r = mtmsg.newwriter(), mtmsg.newreader()
        b:addmsg(i, ("x"):rep(i))
        lb:addmsg(i, ("y"):rep(i))
        w:add("never sent")
        r:nextmsg(b, 0)
        b:addmsg("left")
        b:notifier(lb)
    end
    spec.collect()
    local env = {mtmsg = mtmsg}
    raises('mtmsg.error.unknown_object: buffer name "collected"', "mtmsg.buffer('collected')", env)
    raises('mtmsg.error.unknown_object: listener name "collected"', "mtmsg.listener('collected')", env)
end)

test("one of several references keeps buffer and messages", function()
    local b = mtmsg.newbuffer("kept")
    b:addmsg("x")
    local same = mtmsg.buffer("kept")
    b = nil
    spec.collect()
    eq(mtmsg.buffer("kept"):id(), same:id())
    gives(list("x"), same:nextmsg(0))
end)

test("a finalizer that looks for a dying buffer finds it alive or not at all", function()
    local results = {}
    local function make(i)
        local id, buffer, object
        local function look()
            local found, result = pcall(mtmsg.buffer, id)
            if found then
                results[i] = result:nextmsg(0) == i
            else
                results[i] = result:find("unknown_object", 1, true) ~= nil
            end
        end
        -- which of the two is finalized first depends on which was created first
        if i % 2 == 0 then
            object = spec.finalizer(look)
        end
        buffer = mtmsg.newbuffer()
        buffer:addmsg(i)
        id = buffer:id()
        return buffer, object or spec.finalizer(look)
    end
    for i = 1, 50 do
        make(i)
    end
    spec.collect()
    for i = 1, 50 do
        eq(results[i], true)
    end
end)

test("a finalizer that keeps what it found keeps the buffer", function()
    local saved
    local function make()
        local b = mtmsg.newbuffer("saved")
        b:addmsg("still here")
        spec.finalizer(function() saved = saved or mtmsg.buffer("saved") end)
        return b
    end
    local b = make()
    spec.collect()
    b = nil
    spec.collect()
    eq(saved:name(), "saved")
    gives(list("still here"), saved:nextmsg(0))
end)

test("buffers in reference cycles are collected", function()
    local id
    do
        local t = {mtmsg.newbuffer("in a cycle")}
        t.self = t
        id = t[1]:id()
        t = nil
    end
    spec.collect()
    raises(("mtmsg.error.unknown_object: buffer id %.0f"):format(id), "mtmsg.buffer(id)", {mtmsg = mtmsg, id = id})
end)

test("coroutines may use the same objects", function()
    local b, r = mtmsg.newbuffer(), mtmsg.newreader()
    local producer = coroutine.wrap(function()
        for i = 1, 10 do
            b:addmsg(i, tostring(i))
            coroutine.yield()
        end
    end)
    for i = 1, 10 do
        producer()
        if i % 2 == 0 then
            gives(list(i, tostring(i)), b:nextmsg(0))
        else
            coroutine.wrap(function() eq(r:nextmsg(b, 0), true) end)()
            gives(list(i, tostring(i)), r:next(2))
        end
    end
end)

spec.run()
