-- Receiving with results that tell the state: getmsg, peekmsg, messages, and what goes with them: settimeout, release.
-- What they do between threads is told elsewhere.

local lu    = require("luaunit")
local spec  = require("spec")
local mtmsg = require("mtmsg")

local test, eq, ok, gives, list = spec.test, spec.eq, spec.ok, spec.gives, spec.list
local unpack = table.unpack or unpack
local alike = lu.assertEquals -- for tables
local e = mtmsg.error

-- With one value in front.
local function before(first, values)
    local all = {n = values.n + 1, first}
    for i = 1, values.n do all[i + 1] = values[i] end
    return all
end

-- A buffer, and a listener with it, as sources of the same messages.
local function for_each_source(name, body)
    for _, kind in ipairs{"buffer", "listener"} do
        test(kind .. ": " .. name, function()
            local listener = mtmsg.newlistener()
            local buffer = listener:newbuffer()
            body(kind == "buffer" and buffer or listener, buffer, listener)
        end)
    end
end

-- The one of them that is not a buffer has no peekmsg.
local function for_each_way(name, body)
    for_each_source("getmsg " .. name, function(source, buffer)
        body(function(...) return source:getmsg(...) end, buffer, source)
    end)
    test("buffer: peekmsg " .. name, function()
        local buffer = mtmsg.newbuffer()
        body(function(...) return buffer:peekmsg(...) end, buffer, buffer)
    end)
    for _, kind in ipairs{"buffer", "listener"} do
        test(kind .. ": reader:getmsg " .. name, function()
            local listener, reader = mtmsg.newlistener(), mtmsg.newreader()
            local buffer = listener:newbuffer()
            local source = kind == "buffer" and buffer or listener
            body(function(...)
                local id, reason = reader:getmsg(source, ...)
                if not id then return id, reason end
                eq(reason, nil)
                return id, reader:next(-1)
            end, buffer, source)
        end)
    end
end

for_each_way("gives the id, then the values", function(get, buffer)
    for _, values in ipairs{list(1), list("text"), list(nil), list(false), list(1.5, nil), list(),
                            list(("long"):rep(1000)), list(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17),
                            list(-1, 2^53, "a", true, nil, "b")} do
        buffer:addmsg(unpack(values, 1, values.n))
        gives(before(buffer:id(), values), get())
        buffer:clear()
        buffer:addmsg(unpack(values, 1, values.n))
        gives(before(buffer:id(), values), get(0))
        buffer:clear()
    end
end)

for_each_way("gives tables", function(get, buffer)
    buffer:addmsg({1, 2}, "x")
    local id, t, x = get()
    eq(id, buffer:id())
    alike(t, {1, 2})
    eq(x, "x")
end)

for_each_way("tells a timeout", function(get, buffer, source)
    gives(list(nil, e.timeout), get(0))
    gives(list(nil, e.timeout), get(-1))
    gives(list(nil, e.timeout), get(0.001))
    source:nonblock()
    gives(list(nil, e.timeout), get())
    gives(list(nil, e.timeout), get(nil))
    gives(list(nil, e.timeout), get(0.001))
    eq(buffer:msgcnt(), 0)
end)

for_each_way("tells an abortion, and a closed object", function(get, buffer, source)
    buffer:addmsg("kept")
    source:abort()
    gives(list(nil, e.operation_aborted), get())
    gives(list(nil, e.operation_aborted), get(0))
    source:abort(false)
    gives(list(buffer:id(), "kept"), get(0))
    mtmsg.abort()
    gives(list(nil, e.operation_aborted), get())
    mtmsg.abort(false)
    source:close()
    gives(list(nil, e.object_closed), get())
    gives(list(nil, e.object_closed), get(1))
end)

for_each_way("delivers what is left of a finished object", function(get, buffer, source)
    buffer:addmsg("last")
    source:finish()
    gives(list(buffer:id(), "last"), get())
    if buffer:msgcnt() == 1 then buffer:clear() end
    gives(list(nil, e.object_closed), get())
end)

for_each_way("raises wrong arguments, and takes nothing then", function(get, buffer)
    buffer:addmsg("kept")
    for _, wrong in ipairs{"1", {}, true, print} do
        ok(not pcall(get, wrong))
    end
    ok(not pcall(get, 0/0))
    eq(buffer:msgcnt(), 1)
    gives(list(buffer:id(), "kept"), get())
end)

for_each_way("waits no longer than the object says", function(get, buffer, source)
    source:settimeout(0)
    gives(list(nil, e.timeout), get())
    source:settimeout(0.001)
    gives(list(nil, e.timeout), get())
    source:settimeout(-5)
    gives(list(nil, e.timeout), get(nil))
    source:settimeout(1e9)
    gives(list(nil, e.timeout), get(0))
    source:nonblock()
    source:settimeout()
    gives(list(nil, e.timeout), get())
    source:settimeout(nil)
    gives(list(nil, e.timeout), get())
    buffer:addmsg("here")
    gives(list(buffer:id(), "here"), get())
end)

test("a message that cannot be decoded stays", function()
    local buffer = mtmsg.newbuffer()
    buffer:addmsg(function() end)
    mtmsg.functions(false)
    for _, call in ipairs{"getmsg", "peekmsg"} do
        local done, err = pcall(buffer[call], buffer)
        ok(not done)
        ok(not err:find("mtmsg.error", 1, true))
        eq(buffer:msgcnt(), 1)
    end
    mtmsg.functions(true)
    eq(type(select(2, buffer:getmsg())), "function")
end)

test("getmsg without a buffer tells no_buffers", function()
    local listener = mtmsg.newlistener()
    gives(list(nil, e.no_buffers), listener:getmsg())
    gives(list(nil, e.no_buffers), listener:getmsg(0))
    gives(list(nil, e.no_buffers), mtmsg.newreader():getmsg(listener))
    local buffer = listener:newbuffer()
    local id = buffer:id()
    buffer:addmsg("last")
    buffer = nil
    spec.collect()
    gives(list(id, "last"), listener:getmsg())
    gives(list(nil, e.no_buffers), listener:getmsg())
end)

test("getmsg of a listener names the buffer", function()
    local listener = mtmsg.newlistener()
    local a, b = listener:newbuffer(), listener:newbuffer()
    a:addmsg("a1")
    a:addmsg("a2")
    b:addmsg()
    gives(list(a:id(), "a1"), listener:getmsg(0))
    gives(list(b:id()), listener:getmsg(0))
    gives(list(a:id(), "a2"), listener:getmsg(0))
end)

test("getmsg makes no reference to the buffer", function()
    local listener = mtmsg.newlistener()
    local buffer = listener:newbuffer()
    buffer:addmsg(1)
    local id = listener:getmsg(0)
    buffer = nil
    spec.collect()
    spec.raises_like("^mtmsg.error.unknown_object", "mtmsg.buffer(id)", {mtmsg = mtmsg, id = id})
end)

test("getmsg calls the notifier, and puts the message back if that fails", function()
    local buffer, bell = mtmsg.newbuffer(), mtmsg.newbuffer()
    buffer:notifier(bell, "<")
    buffer:addmsg("x")
    gives(list(buffer:id(), "x"), buffer:getmsg(0))
    eq(bell:msgcnt(), 1)
    local full = mtmsg.newbuffer(1, 0)
    buffer:notifier(nil, "<")
    buffer:notifier(full, "<")
    full:addmsg()
    buffer:addmsg("kept")
    spec.raises_like("while calling notifier", "b:getmsg(0)", {b = buffer})
    eq(buffer:msgcnt(), 1)
    gives(list(buffer:id(), "kept"), buffer:peekmsg(0))
end)

test("peekmsg leaves the message, and calls no notifier", function()
    local buffer, bell = mtmsg.newbuffer(), mtmsg.newbuffer()
    buffer:notifier(bell, "<")
    for i = 1, 3 do buffer:addmsg(i) end
    for _ = 1, 3 do gives(list(buffer:id(), 1), buffer:peekmsg()) end
    eq(buffer:msgcnt(), 3)
    eq(bell:msgcnt(), 0)
    gives(list(1), buffer:nextmsg())
    gives(list(buffer:id(), 2), buffer:peekmsg(0))
    local large = ("x"):rep(100000)
    buffer:setmsg(large, {large})
    for _ = 1, 2 do eq(select(2, buffer:peekmsg()), large) end
    local id, text, t = buffer:getmsg()
    eq(id, buffer:id())
    eq(text, large)
    alike(t, {large})
end)

test("peekmsg leaves a buffer its turn at the listener", function()
    local listener = mtmsg.newlistener()
    local a, b = listener:newbuffer(), listener:newbuffer()
    for _, buffer in ipairs{a, b} do
        buffer:addmsg(1)
        buffer:addmsg(2)
    end
    a:peekmsg()
    for _, buffer in ipairs{a, b, a, b} do eq((listener:getmsg(0)), buffer:id()) end
end)

-- ------------------------------------------------------------------------------------------------ messages

for_each_source("messages gives one after the other, and ends in time", function(source, buffer)
    for i = 1, 5 do buffer:addmsg(i, -i) end
    buffer:addmsg()
    local sum, count = 0, 0
    for id, a, b in source:messages(0) do
        eq(id, buffer:id())
        sum, count = sum + (a or 100), count + 1
        eq(b, a and -a)
    end
    eq(sum, 115)
    eq(count, 6)
    for _ in source:messages(0.001) do error("nothing is there") end
    source:settimeout(0)
    for _ in source:messages() do error("nothing is there") end
    source:settimeout()
    source:nonblock()
    for _ in source:messages() do error("nothing is there") end
end)

for_each_source("messages ends when the object is finished or closed", function(source, buffer)
    for i = 1, 3 do buffer:addmsg(i) end
    source:finish()
    local got = {}
    for _, i in source:messages() do got[#got + 1] = i end
    alike(got, {1, 2, 3})
    source:close()
    for _ in source:messages() do error("it is closed") end
end)

for_each_source("messages raises what ends it otherwise", function(source, buffer)
    buffer:addmsg(1)
    local env = {s = source}
    local count = 0
    spec.raises_like("operation_aborted$", "for _, x in s:messages(1) do f() end",
                     {s = source, f = function() count = count + 1 source:abort() end})
    eq(count, 1)
    for _, wrong in ipairs{"'1'", "{}", "0/0", "true"} do
        spec.raises_like("bad argument #1 to 'messages'", ("s:messages(%s)"):format(wrong), env)
    end
end)

test("messages ends without buffers", function()
    local listener = mtmsg.newlistener()
    for _ in listener:messages() do error("there is none") end
    local buffer = listener:newbuffer()
    buffer:addmsg("last")
    buffer:release()
    local got = {}
    for _, text in listener:messages() do got[#got + 1] = text end
    alike(got, {"last"})
end)

for_each_source("messages ends when its object is released inside", function(source, buffer)
    local other = mtmsg.buffer(buffer:id())
    other:addmsg(1)
    other:addmsg(2)
    local count = 0
    for _ in source:messages() do
        count = count + 1
        source:release()
    end
    eq(count, 1)
end)

test("two loops over one source share its messages", function()
    local buffer = mtmsg.newbuffer()
    for i = 1, 4 do buffer:addmsg(i) end
    local got = {}
    for _, a in buffer:messages(0) do
        local next_one, source, first = buffer:messages(0)
        local _, b = next_one(source, first)
        got[#got + 1] = a .. b
    end
    alike(got, {"12", "34"})
end)

-- ------------------------------------------------------------------------------------------------ settimeout, release

for_each_source("settimeout takes seconds or nil", function(source)
    for _, wrong in ipairs{"'1'", "{}", "true"} do
        spec.bad_argument(1, "settimeout", ("s:settimeout(%s)"):format(wrong), {s = source},
                          "timeout seconds expected")
    end
    gives({n = 0}, source:settimeout(math.huge))
    gives({n = 0}, source:settimeout())
end)

test("settimeout belongs to the reference object", function()
    local buffer = mtmsg.newbuffer()
    local other = mtmsg.buffer(buffer:id())
    other:settimeout(0)
    buffer:addmsg(1)
    gives(list(buffer:id(), 1), other:getmsg())
    gives(list(nil, e.timeout), other:getmsg())
    gives({n = 0}, other:nextmsg(0))
end)

for_each_source("what was released is closed for this reference", function(source, buffer)
    local id, name, kind = source:id(), source:name(), getmetatable(source)
    buffer:addmsg("kept")
    gives({n = 0}, source:release())
    gives({n = 0}, source:release())
    eq(source:id(), id)
    eq(source:name(), name)
    eq(mtmsg.type(source), kind)
    eq(source:isabort(), false)
    eq(source:isnonblock(), false)
    gives({n = 0}, source:close())
    gives({n = 0}, source:abort())
    gives(list(nil, e.object_closed), source:getmsg())
    gives(list(nil, e.object_closed), mtmsg.newreader():getmsg(source))
    for _ in source:messages() do error("it is closed") end
    local env = {s = source, r = mtmsg.newreader(), b = mtmsg.newbuffer()}
    local text = ("^mtmsg.error.object_closed: %s%%(id=%.0f%%) released$"):format(kind, id)
    for _, call in ipairs{"nextmsg()", "nextmsg(0)", "clear()", "nonblock()", "finish()"} do
        spec.raises_like(text, "s:" .. call, env)
    end
    spec.raises_like(text, "r:nextmsg(s)", env)
    spec.matches(tostring(source), ("^%s: 0?x?%%x+ %%(id=%.0f%%) released$"):format(kind, id))
end)

test("a buffer that was released takes nothing and gives nothing", function()
    local buffer = mtmsg.newbuffer('a "name"')
    local env = {b = buffer, w = mtmsg.newwriter(), bell = mtmsg.newbuffer()}
    buffer:release()
    eq(buffer:name(), 'a "name"')
    eq(buffer:msgcnt(), 0)
    gives(list(nil, e.object_closed), buffer:peekmsg())
    for _, call in ipairs{"b:addmsg(1)", "b:addmsg({})", "b:setmsg(1)", "w:addmsg(b)", "w:setmsg(b)",
                          "b:notifier(bell)", "b:notifier(nil)"} do
        spec.raises_like('^mtmsg.error.object_closed: mtmsg.buffer%(name="a \\"name\\"",id=%d+%) released$', call, env)
    end
    spec.raises_like("bad argument #1 to 'notifier'", "bell:notifier(b)", env)
end)

test("a listener that was released makes no buffers", function()
    local listener = mtmsg.newlistener()
    listener:release()
    for _, call in ipairs{"l:newbuffer()", "l:newbuffer{}"} do
        spec.raises_like("^mtmsg.error.object_closed: mtmsg.listener%(id=%d+%) released$", call, {l = listener})
    end
end)

test("release gives up this reference and no other", function()
    local buffer = mtmsg.newbuffer("shared")
    local other = mtmsg.buffer("shared")
    buffer:addmsg("kept")
    buffer:release()
    eq(other:msgcnt(), 1)
    eq(other:isabort(), false)
    gives(list(other:id(), "kept"), other:getmsg())
    other:release()
    spec.raises_like("^mtmsg.error.unknown_object", "mtmsg.buffer('shared')", {mtmsg = mtmsg})
end)

test("who waits for the replies of a released buffer learns it at once", function()
    local replies = mtmsg.newlistener()
    local buffer = replies:newbuffer()
    buffer:addmsg("the last word")
    buffer:release()
    gives(list("the last word"), replies:nextmsg())
    gives(list(nil, e.no_buffers), replies:getmsg())
end)

test("a variable with close releases at the end of its block", function()
    local close = debug.getmetatable(mtmsg.newbuffer()).__close
    ok(close ~= nil and close == debug.getmetatable(mtmsg.newbuffer()).__close)
    local code = (loadstring or load)([[
        local mtmsg = ...
        local name
        do
            local buffer <close> = mtmsg.newbuffer("scoped")
            assert(mtmsg.buffer("scoped"):id() == buffer:id())
            collectgarbage()
        end
        return pcall(mtmsg.buffer, "scoped")]])
    if not code then return end -- Lua before 5.4
    collectgarbage()
    local found, err = code(mtmsg)
    eq(found, false)
    spec.matches(err, "^mtmsg.error.unknown_object")
end)

-- A notifier, or a finalizer, of a program may release what is just in use.
test("what is in use may be released meanwhile", function()
    for _, call in ipairs{"addmsg", "getmsg", "nextmsg"} do
        local buffer, after = mtmsg.newbuffer("in use"), mtmsg.newbuffer()
        local id = buffer:id()
        buffer:addmsg("first")
        local finalizers = 0
        local function garbage()
            spec.finalizer(function()
                finalizers = finalizers + 1
                buffer:release()
            end)
        end
        for i = 1, 2000 do
            garbage()
            local done, err = pcall(buffer[call], buffer, call == "addmsg" and {("text"):rep(20) .. i} or 0)
            if not done then spec.matches(err, "^mtmsg.error.object_closed") end
            if finalizers > 0 then break end
        end
        spec.collect()
        eq(buffer:id(), id)
        eq(buffer:msgcnt(), 0)
        ok(finalizers > 0)
        after:addmsg(1)
    end
end)

test("the wrong self is a bad argument", function()
    local env = {b = mtmsg.newbuffer(), l = mtmsg.newlistener(), w = mtmsg.newwriter()}
    for _, name in ipairs{"getmsg", "messages", "settimeout", "release"} do
        for _, object in ipairs{"b", "l"} do
            spec.raises_like("bad argument #1", ("%s.%s(w)"):format(object, name), env)
            spec.raises_like("bad argument #1", ("%s.%s(%s)"):format(object, name, object == "b" and "l" or "b"), env)
        end
    end
    spec.raises_like("bad argument #1", "b.peekmsg(l)", env)
    eq(env.l.peekmsg, nil)
end)

spec.run()
