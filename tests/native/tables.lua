-- Receiver 2.1 and Sender 1.1 of buffers: messages with tables that native code builds, walks through and passes on,
-- and messages that it puts back; code by code, except what needs a lack of memory (memory.lua).

local native = dofile "tests/native/lib/native.lua"
local mtmsg = require "mtmsg"
local tables = require "tables"
local old, test, eq = native.old, native.test, native.eq
local unpack = table.unpack or unpack
local nan = 0 / 0

local function received(buffer, ...)
    local r = tables.reader(buffer, ...)
    eq(r:receive(buffer), 0)
    return r
end

-- The walk through what is left, as a text.
local function walk(reader)
    local texts = {}
    while true do
        local kind, a, b, c, shared = reader:next()
        if kind == "none" then break end
        if kind == "table" then
            texts[#texts + 1] = ("%s%d(%d,%d"):format(shared and "shared" or "table", a, b, c)
        elseif kind == "end" then
            texts[#texts + 1] = ")"
        else
            texts[#texts + 1] = kind .. (a ~= nil and ":" .. tostring(a) or "")
        end
    end
    return table.concat(texts, " ")
end

local function walked(...)
    local b = mtmsg.newbuffer()
    b:addmsg(...)
    return walk(received(b))
end

-- Whether two values are alike, with all that is in them; tables that are one are one in both.
local function alike(a, b, seen)
    if type(a) ~= "table" or type(b) ~= "table" then
        return a == b or (a ~= a and b ~= b) or (type(a) == "function" and type(b) == "function")
    end
    seen = seen or {}
    if seen[a] then return seen[a] == b end
    seen[a] = b
    for k, v in pairs(a) do
        if type(k) ~= "table" and not alike(v, b[k], seen) then return false end
    end
    for k in pairs(b) do
        if type(k) ~= "table" and a[k] == nil then return false end
    end
    return true
end

---------------------------------------------------------------------------------- versions

test("clients made for 2.0 and 1.0 get these versions, new ones those behind them", function()
    local b = mtmsg.newbuffer()
    local receiver, sender, old_receiver, old_sender = tables.versions(b)
    eq(receiver, "2.1.0")
    eq(sender, "1.1.0")
    eq(old_receiver, "2.0.0")
    eq(old_sender, "1.0.0")
    local _, r, s = old.versions(b)
    eq(r, "2.0.0")
    eq(s, "1.0.0")
end)

---------------------------------------------------------------------------------- walking

test("what is in a table comes after it, and then its end", function()
    eq(walked("a", {1, {true}, "x"}, {}, 2), "string:a table1(3,0 integer:1 table2(1,0 boolean:true ) string:x ) " ..
        "table3(0,0 ) integer:2")
    eq(walked({name = "n"}), "table1(0,1 string:name string:n )")
    eq(walked({[true] = {}}), "table1(0,1 boolean:true table2(0,0 ) )")
    eq(walked({[{7}] = 8}), "table1(0,1 table2(1,0 integer:7 ) integer:8 )")
    eq(walked(), "")
end)

test("a table that was there before is a reference to its number", function()
    local t = {}
    t[1] = t
    eq(walked({t, {}}, t), "table1(2,0 shared2(1,0 reference:2 ) table3(0,0 ) ) reference:2")
end)

test("keys that come again are strings like others", function()
    eq(walked({{price = 1}, {price = 2}, {price = "price"}}), "table1(3,0 table2(0,1 string:price integer:1 ) " ..
        "table3(0,1 string:price integer:2 ) table4(0,1 string:price string:price ) )")
    local list, expected = {}, {}
    for i = 1, 300 do
        list[i] = {["key" .. i % 100] = i}
        expected[i] = ("table%d(0,1 string:key%d integer:%d )"):format(i + 1, i % 100, i)
    end
    eq(walked(list), "table1(300,0 " .. table.concat(expected, " ") .. " )")
end)

test("functions and modules are one value each, and what is in them counts", function()
    local inner = {}
    local function f() return inner end
    local text = walked({f}, f, {}, mtmsg, mtmsg.newbuffer, _G)
    -- a function has a table of globals as variable, or not; its own table counts as number 3
    eq((text:gsub("table%d", "table")), "table(1,0 function:2 ) reference:2 table(0,0 ) module:mtmsg " ..
        "module:mtmsg.newbuffer module:_G")
    eq(walked(f, inner, {inner}), walked(f, inner, {inner}))
    assert(walked(f, inner):find "^function:1 reference:2$", walked(f, inner))
end)

test("a table with a named metatable is a plain one", function()
    mtmsg.metatable("of these tests", {})
    eq(walked(setmetatable({5}, mtmsg.metatable "of these tests")), "table1(1,0 integer:5 )")
    mtmsg.metatable("of these tests", nil)
end)

test("a list that is nested 100,000 deep is walked through", function()
    local deep = {}
    for _ = 1, 100000 do deep = {deep} end
    local b = mtmsg.newbuffer()
    b:addmsg(deep, "end")
    local r, level, most = received(b), 0, 0
    for kind in r.next, r do
        if kind == "table" then level = level + 1 elseif kind == "end" then level = level - 1 else break end
        most = math.max(most, level)
    end
    eq(most, 100001)
    eq(level, 0)
    eq(r:next(), "none")
end)

test("arrays are aligned wherever they are", function()
    local b, w = mtmsg.newbuffer(), tables.writer(mtmsg.newbuffer())
    eq(w:begin(), 0)
    for i = 1, 20 do
        eq(w:string(("x"):rep(i)), 0)
        eq(w:array(i), true)
    end
    eq(w:finish(), 0)
    eq(w:send(b), 0)
    local r = received(b)
    eq(r:next(), "table")
    for i = 1, 20 do
        eq(r:next(), "string")
        local kind, sum = r:next()
        eq(kind, "array")
        eq(sum, i * (i - 1) / 2)
    end
    eq(r:back(), 0)
    eq(select(2, received(b):next()), 1)
end)

test("a reader that was filled by version 1.0 walks all the same", function()
    local b = mtmsg.newbuffer()
    b:addmsg({{1}}, 2)
    local r = tables.reader(b)
    eq(r:receive_as_before(b), 0)
    eq(walk(r), "table1(1,0 table2(1,0 integer:1 ) ) integer:2")
    eq(r:next(), "none")
    r:clear()
    eq(r:next(), "none")
end)

test("code 4: a fixed reader takes 32 levels and 32 repeated keys, not more", function()
    local b, deep, list = mtmsg.newbuffer(), {}, {}
    for _ = 2, 32 do deep = {deep} end
    b:addmsg(deep)
    local r = tables.reader(b, 10000, 0)
    eq(r:receive(b), 0)
    b:addmsg({deep})
    eq(r:receive(b), 4)
    eq(b:msgcnt(), 1)
    eq(r:next(), "none")
    b:clear()
    for i = 1, 32 do list["key" .. i] = {["key" .. i] = 1} end
    b:addmsg(list)
    eq(r:receive(b), 0)
    list.key33 = {key33 = 1}
    b:addmsg(list)
    eq(r:receive(b), 4)
    eq(received(b):next(), "table") -- the message stayed
end)

---------------------------------------------------------------------------------- objects

test("buffers, listeners and topics are objects of their kinds, and count among the tables", function()
    local b, l, t = mtmsg.newbuffer(), mtmsg.newlistener(), mtmsg.newtopic()
    eq(walked(b, {l}, t, b), "object:1 table2(1,0 object:2 ) object:3 reference:1")
    local carrier = mtmsg.newbuffer()
    carrier:addmsg(1, b, {x = l}, 2)
    local r = old.reader(carrier)
    eq(r:receive(carrier, false, 0), 0)
    eq(table.concat(native.values(r), " "), "1 nil nil 2") -- one nil each for who does not know them
end)

test("native code answers to the buffer that came in a message, and keeps it while it does", function()
    local jobs, reply = mtmsg.newbuffer(), mtmsg.newbuffer()
    local news = mtmsg.newtopic()
    local heard = news:subscribe()
    jobs:addmsg(20, {reply, {deep = 22}}, news)
    local id = reply:id()
    reply = nil -- luacheck: ignore
    native.collect()
    reply = mtmsg.buffer(id) -- the message keeps it
    local count, failures = tables.answer(jobs)
    eq(count, 2)
    eq(failures, 0)
    eq(reply:nextmsg(0), 42)
    eq(heard:nextmsg(0), 42)
end)

test("native code sends objects, in tables, too, and once more by their numbers", function()
    local b, reply, t = mtmsg.newbuffer(), mtmsg.newbuffer("reply"), mtmsg.newtopic("topic")
    local w = tables.writer(b)
    eq(select(2, w:object(reply, true)), 1)
    eq(w:begin(), 0)
    eq(w:object(t), 0)
    eq(w:refer(1), 0)
    eq(w:finish(), 0)
    eq(w:refer(3), -3) -- it was not asked for
    eq(w:send(b), 0)
    local one, list = b:nextmsg(0)
    eq(one:id(), reply:id())
    eq(list[1]:id(), t:id())
    assert(rawequal(list[2], one))
end)

test("what is cleared, freed or too large lets go of its objects", function()
    local b = mtmsg.newbuffer("small", 30, 0)
    local function gone(id)
        native.collect()
        return not pcall(mtmsg.buffer, id)
    end
    for _, how in ipairs {"clear", "free", "send"} do
        local object = mtmsg.newbuffer()
        local id, w = object:id(), tables.writer(b)
        eq(w:object(object), 0)
        if how == "send" then eq(w:send(b), 0) end
        object = nil -- luacheck: ignore
        native.collect()
        assert(mtmsg.buffer(id))
        if how == "send" then
            local r = received(b)
            eq(r:next(), "object")
            eq(r:back(), 0)
            assert(mtmsg.buffer(id))
            b:clear()
        else
            w[how](w)
        end
        assert(gone(id), how)
    end
    local w = tables.writer(b, 16, 0)
    eq(w:object(mtmsg.newbuffer()), -1)
    eq(w:integer(1), 0)
end)

---------------------------------------------------------------------------------- putting back

test("code 0 of putting back: the message is first in line again, whole", function()
    local b = mtmsg.newbuffer()
    for i = 1, 3 do b:addmsg(i, {i}, "rest") end
    local r = received(b)
    eq(r:source(), b:id())
    eq(r:next(), "integer")
    eq(r:next(), "table")
    eq(r:back(), 0)
    eq(r:next(), "none")
    eq(r:source(), 0)
    eq(b:msgcnt(), 3)
    local n, t, rest = b:nextmsg(0)
    eq(n, 1)
    eq(t[1], 1)
    eq(rest, "rest")
end)

test("code 1 of putting back: who has cleared or closed the buffer wants it no more", function()
    local b = mtmsg.newbuffer()
    for _, change in ipairs {"clear", "setmsg", "close"} do
        b:addmsg("old")
        local r = received(b)
        b[change](b)
        eq(r:back(), 1)
        eq(r:next(), "none")
        if change ~= "close" then b:clear() end
    end
end)

test("code 2 of putting back: everything is aborted", function()
    local b = mtmsg.newbuffer()
    b:addmsg("kept")
    local r = received(b)
    mtmsg.abort()
    local rc = r:back()
    mtmsg.abort(false)
    eq(rc, 2)
    eq(r:back(), 0)
    eq(b:nextmsg(0), "kept")
end)

test("code 4 of putting back: the buffer is gone", function()
    local b = mtmsg.newbuffer()
    b:addmsg("kept")
    local r = received(b)
    b = nil -- luacheck: ignore
    native.collect()
    eq(r:back(), 4)
    eq(select(2, r:next()), "kept")
end)

test("code 3 of putting back: there is no message, or it is done", function()
    local b = mtmsg.newbuffer()
    local r = tables.reader(b)
    eq(r:back(), 3)
    b:addmsg(1)
    b:addmsg(2)
    eq(r:receive(b), 0)
    r:done()
    eq(r:back(), 3)
    eq(select(2, r:next()), 1)
    eq(r:receive(b), 0)
    eq(r:back(), 0)
    eq(r:back(), 3)
    eq(r:receive(b), 0)
    r:clear()
    eq(r:back(), 3)
    eq(b:msgcnt(), 0)
end)

test("code 5 of putting back: too many arrays of a fixed reader had to be moved", function()
    local b, w = mtmsg.newbuffer(), tables.writer(mtmsg.newbuffer())
    for _ = 1, 12 do eq(w:array(3), true) end
    eq(w:send(b), 0)
    local r = received(b, 1000, 0)
    for _ = 1, 12 do eq(r:next(), "array") end
    eq(r:back(), 5)
    eq(r:next(), "none")
    local free = tables.writer(b)
    for _ = 1, 12 do eq(free:array(3), true) end
    eq(free:send(b), 0)
    r = received(b)
    for _ = 1, 12 do eq(r:next(), "array") end
    eq(r:back(), 0)
    r = received(b)
    for _ = 1, 12 do eq(select(2, r:next()), 3) end
    eq(r:next(), "none")
end)

test("a lease goes back with its reader, unless it is done", function()
    local b = mtmsg.newbuffer()
    for _, ends in ipairs {"free", "done", "clear", "receive"} do
        b:addmsg(ends)
        local r = tables.reader(b)
        r:lease()
        eq(r:receive(b), 0)
        eq(b:msgcnt(), 0)
        if ends == "receive" then eq(r:receive(b), 3) else r[ends](r) end
        r:free()
        eq(b:msgcnt(), ends == "free" and 1 or 0)
        b:clear()
    end
end)

test("a message is read again from its beginning", function()
    local b, w = mtmsg.newbuffer(), tables.writer(mtmsg.newbuffer())
    local r = tables.reader(b)
    eq(r:rewind(), 3)
    for i = 1, 12 do
        eq(w:string(("x"):rep(i)), 0)
        eq(w:array(i), true)
    end
    eq(w:send(b), 0)
    b:addmsg({{price = 1}, {price = 2}})
    eq(r:receive(b), 0)
    local text = walk(r)
    eq(r:rewind(), 0)
    eq(walk(r), text)
    eq(r:rewind(), 0)
    eq(r:back(), 0)
    eq(walk(received(b)), text)
    r = received(b)
    eq(r:next(), "table")
    eq(r:next(), "table")
    eq(r:rewind(), 0)
    eq(walk(r), "table1(2,0 table2(0,1 string:price integer:1 ) table3(0,1 string:price integer:2 ) )")
    r:clear()
    eq(r:rewind(), 3)
    eq(w:send(b), 0)
    eq(received(b, 1000, 0):rewind(), 0)
end)

test("a message that was begun by 1.0 is read again from its beginning by 1.1", function()
    local b = mtmsg.newbuffer()
    local r = tables.reader(b)
    b:addmsg({10, 20, k = 5}, 7, 8)
    eq(r:receive_as_before(b), 0)
    r:next_as_before(b)
    eq(walk(r), "integer:7 integer:8")
    eq(r:rewind(), 0)
    eq(walk(r), "table1(2,1 integer:10 integer:20 string:k integer:5 ) integer:7 integer:8")
end)

test("a number that is none arrives as such, whatever its bits", function()
    local b, w = mtmsg.newbuffer(), tables.writer(mtmsg.newbuffer())
    b:addmsg(0) -- the first ring is made
    b:nextmsg()
    for _, high in ipairs {0xffffffff, 0xffff8000, 0xfffe0000, 0xfffd8000, 0xfffa0000, 0x7ff80000} do
        for _, more in ipairs {false, true} do
            eq(w:number_of(high, 0x41414141), 0)
            if more then eq(w:number(1), 0) end
            eq(w:send(b), 0)
            local number = b:nextmsg()
            eq(type(number), "number")
            assert(number ~= number)
        end
    end
end)

test("no notifier is called for what is put back", function()
    local b, bell = mtmsg.newbuffer(), mtmsg.newbuffer()
    b:addmsg "x"
    b:notifier(bell, ">")
    eq(received(b):back(), 0)
    eq(bell:msgcnt(), 0)
end)

---------------------------------------------------------------------------------- building

-- What Lua gets of it.
local function built(f, ...)
    local b = mtmsg.newbuffer()
    local w = tables.writer(b, ...)
    f(w)
    eq(w:send(b), 0)
    return b:nextmsg(0)
end

test("tables that native code builds are what it says", function()
    local t, last = built(function(w)
        eq(w:begin(2), 0)
        eq(w:string "one", 0)
        eq(w:begin(), 0)
        eq(w:bytes "abc", 0)
        eq(w:finish(), 0)
        for i = 1, 3 do
            eq(w:string("key" .. i), 0)
            eq(w:begin(0), 0)
            eq(w:integer(i), 0)
            eq(w:boolean(true), 0)
            eq(w:finish(), 0)
        end
        eq(w:finish(), 0)
        eq(w:number(0.5), 0)
    end)
    assert(alike(t, {"one", {97, 98, 99}, key1 = {true}, key2 = {[2] = true}, key3 = {[3] = true}}))
    eq(last, 0.5)
end)

test("nil, light userdata and C functions are added", function()
    local a, p, f, t = built(function(w)
        eq(w["nil"](w), 0)
        eq(w:pointer(old.pointer()), 0)
        eq(w:func(tables.versions), 0)
        eq(w:begin(3), 0)
        eq(w["nil"](w), 0)
        eq(w:integer(2), 0)
        eq(w["nil"](w), 0)
        eq(w:string "absent", 0)
        eq(w["nil"](w), 0)
        eq(w:finish(), 0)
    end)
    eq(a, nil)
    eq(p, old.pointer())
    eq((f(mtmsg.newbuffer())), "2.1.0") -- some Luas make a value anew
    assert(alike(t, {nil, 2}))
end)

test("a number leads to the same table, in itself, too", function()
    local list, again = built(function(w)
        local code, number = w:begin(2, true)
        eq(code, 0)
        eq(number, 1)
        eq(w:refer(number), 0)
        eq(w:begin(0), 0)
        eq(w:refer(number), 0)
        eq(w:refer(number), 0)
        eq(w:finish(), 0)
        eq(w:finish(), 0)
        eq(w:refer(number), 0)
    end)
    eq(list, again)
    eq(list[1], list)
    eq(list[2][list], list)
end)

test("returns -3 for what may not stand there, and changes nothing", function()
    local t = built(function(w)
        eq(w:finish(), -3) -- nothing was begun
        eq(w:refer(1), -3)
        eq(w:refer(0), -3)
        eq(w:begin(0), 0)
        eq(w["nil"](w), -3)
        eq(w:number(nan), -3)
        eq(w:refer(1), -3) -- it has no number
        eq(w:string "key", 0)
        eq(w:finish(), -3) -- the key lacks its value
        eq(w:number(nan), 0)
        eq(w:finish(), 0)
        eq(w:finish(), -3)
        eq(w:value(tables.reader(mtmsg.newbuffer())), -3)
    end)
    assert(t.key ~= t.key)
end)

test("code 7 of sending: a table has not been ended", function()
    local b = mtmsg.newbuffer()
    local w = tables.writer(b)
    eq(w:begin(), 0)
    eq(w:integer(1), 0)
    eq(w:send(b), 7)
    eq(b:msgcnt(), 0)
    eq(w:finish(), 0)
    eq(w:send(b), 0)
    assert(alike(b:nextmsg(0), {1}))
    eq(w:begin(), 0)
    w:clear()
    eq(w:finish(), -3)
    eq(w:send(b), 0)
    eq(select("#", b:nextmsg(0)), 0)
end)

test("a number of one message is none of the next", function()
    local b = mtmsg.newbuffer()
    local w = tables.writer(b)
    eq(select(2, w:begin(0, true)), 1)
    eq(w:finish(), 0)
    eq(w:send(b), 0)
    eq(w:refer(1), -3)
end)

test("a fixed writer has room for 32 open tables and 32 numbers", function()
    local b = mtmsg.newbuffer()
    local w = tables.writer(b, 10000, 0)
    for _ = 1, 32 do eq(w:begin(), 0) end
    eq(w:begin(), -1)
    for _ = 1, 32 do eq(w:finish(), 0) end
    for _ = 1, 32 do
        eq(w:begin(0, true), 0)
        eq(w:finish(), 0)
    end
    eq(w:begin(0, true), -1)
    eq(w:begin(0), 0)
    eq(w:finish(), 0)
    w:clear()
    w = tables.writer(b, 20, 0)
    eq(w:begin(), 0)
    eq(w:begin(), 0)
    eq(w:begin(), -1)
    eq(w:finish(), 0)
    eq(w:finish(), 0)
    eq(w:send(b), 0)
    assert(alike(b:nextmsg(0), {{}}))
end)

test("a list that native code nests 100,000 deep is built", function()
    local deep = built(function(w)
        for _ = 1, 100000 do eq(w:begin(), 0) end
        for _ = 1, 100000 do eq(w:finish(), 0) end
    end)
    local level = 0
    while deep do
        level, deep = level + 1, deep[1]
    end
    eq(level, 100000)
end)

test("a table accounts for what Lua's would: 9 bytes and its values", function()
    local b = mtmsg.newbuffer("", 1 + 9 + 2 + 5 + 2, 0)
    local w = tables.writer(b, 18, 0)
    eq(w:begin(), 0)
    eq(w:integer(1), 0)
    eq(w:string "abc", 0)
    eq(w:boolean(true), 0)
    eq(w:finish(), 0)
    eq(w:send(b), 0)
    b:clear()
    eq(b:addmsg({1, "abc", true}), true)
end)

---------------------------------------------------------------------------------- waiting for room

local function filled(b, text)
    local w = tables.writer(b)
    eq(w:string(text or "x"), 0)
    return w
end

test("codes 0 and 4 of putting: what fits is in; what does not, in no time, is kept", function()
    local b = mtmsg.newbuffer{limit = 1}
    local w = filled(b)
    eq(w:put(b, 0), 0)
    eq(w:string "second", 0)
    eq(w:put(b, 0), 4)
    eq(w:put(b, 0.05), 4)
    eq(b:nextmsg(0), "x")
    eq(w:put(b, -1), 0)
    eq(b:nextmsg(0), "second")
end)

test("codes 1, 2, 5 and 7 of putting", function()
    local b = mtmsg.newbuffer("", 10, 0)
    eq(filled(b, "more than fits"):put(b, 0), 5)
    local w = filled(b)
    b:abort()
    eq(w:put(b, 1), 2)
    b:abort(false)
    eq(w:begin(), 0)
    eq(w:put(b, 0), 7)
    eq(w:finish(), 0)
    tables.finish(b)
    eq(w:put(b, 1), 1)
    eq(w:send(b), 1)
    b:close()
    eq(w:put(b, 1), 1)
end)

test("code 999 of putting: the notifier failed", function()
    local b, w = mtmsg.newbuffer(), tables.writer(mtmsg.newbuffer())
    local full = mtmsg.newbuffer("", 0, 0)
    b:notifier(full)
    eq(w:put(b, 0), 999)
    eq(b:msgcnt(), 1)
    eq(w:put(b, 0), 999)
end)

test("a finished buffer gives what it has, and then it is as if closed", function()
    local b = mtmsg.newbuffer()
    b:addmsg "last"
    tables.finish(b)
    local r = tables.reader(b)
    eq(r:receive(b), 0)
    eq(select(2, r:next()), "last")
    eq(r:receive(b), 1)
end)

---------------------------------------------------------------------------------- passing on

local function relayed(how, skip, ...)
    local from, to = mtmsg.newbuffer(), mtmsg.newbuffer()
    from:addmsg(...)
    local receiving, adding, sending = tables.relay(from, to, how, skip)
    eq(receiving, 0)
    eq(adding, 0)
    eq(sending, 0)
    return to:nextmsg(0)
end

local function count(...) return select("#", ...), ... end

for _, how in ipairs {"build", "pass"} do
    test("all that Lua sends arrives as it was: " .. how, function()
        local shared = {"s"}
        local cycle = {shared, {shared}, name = "cycle", other = {name = "again", other = 1}}
        cycle.me = cycle
        cycle[cycle] = shared
        local deep = {}
        for _ = 1, 1000 do deep = {deep, value = deep} end
        local n, a, b, c, d, e, f, g, h, i = count(relayed(how, 0, nil, true, 17, 2 ^ 40, "text", cycle, shared, deep,
            mtmsg.newbuffer))
        eq(n, 9)
        eq(a, nil)
        eq(b, true)
        eq(c, 17)
        eq(d, 2 ^ 40)
        eq(e, "text")
        assert(alike(f, cycle))
        eq(f.me, f)
        eq(f[f], g)
        eq(f[2][1], g)
        eq(h[1], h.value)
        eq(i, mtmsg.newbuffer)
        local object, listener = mtmsg.newbuffer(), mtmsg.newlistener()
        local one, two, list = relayed(how, 0, object, listener, {object, x = {1}})
        eq(one:id(), object:id())
        eq(two:id(), listener:id())
        assert(rawequal(list[1], one))
    end)

    test("keys that come again arrive, whatever came before: " .. how, function()
        local list = {}
        for i = 1, 200 do list[i] = {number = i, ["key" .. i % 7] = {number = i}, same = "same"} end
        for skip = 0, 1 do
            local first = relayed(how == "build" and skip > 0 and "pass" or how, skip, {number = 0, same = 1}, list)
            assert(alike(first, skip == 0 and {number = 0, same = 1} or list))
        end
    end)
end

test("functions are passed on with their variables, and stay one", function()
    local n = 0
    local function up() n = n + 1 return n end
    local function fib(k) return k < 2 and k or fib(k - 1) + fib(k - 2) end
    for skip = 0, 1 do
        local a, t, f
        if skip == 0 then
            local first
            first, a, t, f = relayed("pass", skip, "first", up, {up}, fib)
            eq(first, "first")
        else
            a, t, f = relayed("pass", skip, "first", up, {up}, fib)
        end
        eq(a, t[1])
        eq(a(), 1)
        eq(t[1](), 2)
        eq(f(10), 55)
    end
end)

test("a table goes on with the name of its metatable", function()
    local mt = {__index = {class = "c"}}
    mtmsg.metatable("passed", mt)
    local t = relayed("pass", 0, setmetatable({1}, mt))
    eq(t.class, "c")
    mtmsg.metatable("passed", nil)
end)

test("a value that refers to what was not passed on is refused, and nothing has changed", function()
    local from, to = mtmsg.newbuffer(), mtmsg.newbuffer()
    local t = {"t"}
    from:addmsg(t, {1, t, name = "x"}, "after")
    local r, w = received(from), tables.writer(to)
    eq(r:next(), "table")
    eq(r:next(), "string")
    eq(r:next(), "end")
    eq(w:value(r), -3) -- an end is none
    eq(r:next(), "table")
    eq(w:value(r), -3)
    eq(walk(r), "integer:1 reference:1 string:name string:x ) string:after")
    eq(r:next(), "none")
    eq(w:value(r), -3)
    eq(w:send(to), 0)
    eq(select("#", to:nextmsg(0)), 0)
end)

test("one value goes to several writers, and into tables that are built", function()
    local from, a, b = mtmsg.newbuffer(), mtmsg.newbuffer(), mtmsg.newbuffer()
    local t = {key = "value", list = {1, 2, 3}}
    from:addmsg(t, 5, "name", nil)
    local r, v, w = received(from), tables.writer(a), tables.writer(b)
    eq(w:begin(0), 0)
    eq(r:next(), "table")
    eq(v:value(r), 0)
    eq(w:value(r), 0) -- as key
    eq(r:next(), "integer")
    eq(v:value(r), 0)
    eq(w:value(r), 0)
    eq(r:next(), "string")
    eq(w:value(r), 0)
    eq(w:value(r), 0)
    eq(r:next(), "nil")
    eq(w:value(r), -3)
    eq(v:value(r), 0)
    eq(w:finish(), 0)
    eq(v:send(a), 0)
    eq(w:send(b), 0)
    local n, one, two, three = count(a:nextmsg(0))
    eq(n, 3)
    assert(alike(one, t))
    eq(two, 5)
    eq(three, nil)
    local built_here = b:nextmsg(0)
    eq(built_here.name, "name")
    local key = next(built_here)
    if key == "name" then key = next(built_here, key) end
    assert(alike(key, t))
    eq(built_here[key], 5)
end)

test("a value that does not fit into a fixed writer changes neither", function()
    local from, to = mtmsg.newbuffer(), mtmsg.newbuffer()
    local t = {name = ("x"):rep(50), other = {name = 1}}
    from:addmsg(t, t)
    local r, w = received(from), tables.writer(to, 60, 0)
    eq(r:next(), "table")
    eq(w:value(r), -1)
    eq(w:string "fits", 0)
    eq(w:send(to), 0)
    eq(to:nextmsg(0), "fits")
    local free = tables.writer(to)
    eq(free:value(r), 0)
    eq(r:next(), "reference")
    eq(free:value(r), 0)
    eq(r:next(), "none")
    eq(free:send(to), 0)
    local one, two = to:nextmsg(0)
    assert(alike(one, t))
    eq(one, two)
end)

test("arrays are passed on, those that were read and those inside of tables", function()
    local from, to = mtmsg.newbuffer(), mtmsg.newbuffer()
    local w = tables.writer(from)
    eq(w:array(3), true)
    eq(w:begin(), 0)
    eq(w:array(4), true)
    eq(w:finish(), 0)
    eq(w:send(from), 0)
    eq(select(3, tables.relay(from, to, "pass")), 0)
    local r = received(to)
    eq(select(2, r:next()), 3)
    eq(r:next(), "table")
    eq(select(2, r:next()), 6)
end)

test("random graphs arrive, built anew and passed on", function()
    local random = math.random
    local function graph(known, depth)
        local kind = random(10)
        if kind <= 2 and #known > 0 then return known[random(#known)] end
        if kind <= 6 or depth > 6 then
            return ({17, "text", true, 1.5, ("long"):rep(random(100)), -1})[random(6)]
        end
        local t = {}
        known[#known + 1] = t
        for i = 1, random(0, 4) do t[i] = graph(known, depth + 1) end
        for _ = 1, random(0, 4) do t["key" .. random(12)] = graph(known, depth + 1) end
        if random(5) == 1 then t[graph(known, depth + 1)] = graph(known, depth + 1) end
        return t
    end
    for round = 1, 200 do
        math.randomseed(round)
        local values, known = {}, {}
        for i = 1, random(5) do values[i] = graph(known, 0) end
        local how = round % 2 == 0 and "build" or "pass"
        local arrived = {relayed(how, 0, unpack(values))}
        assert(alike(values, arrived), "seed " .. round)
    end
end)

native.run()
