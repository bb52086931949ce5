-- The Sender API of buffers, call by call and code by code, except what needs a lack of memory
-- (memory.lua) or other threads (threads.lua).

local native = dofile "tests/native/lib/native.lua"
local mtmsg = require "mtmsg"
local notifiers = require "notifiers"
local old, test, eq = native.old, native.test, native.eq

-- kind:value of all that is left, as a text
local function rest(reader)
    local texts = {}
    for i, v in ipairs(reader:all()) do
        texts[i] = v.kind .. ":" .. tostring(v.value)
    end
    return table.concat(texts, " ")
end

local function received(buffer, ...)
    local r = old.reader(buffer, ...)
    eq(r:receive(buffer, false, 0), 0)
    return r
end

local stale = "string:stale" -- what loaded() leaves in a reader

-- A reader with an unread value from an earlier message.
local function loaded()
    local b = mtmsg.newbuffer()
    b:addmsg("read", "stale")
    local r = received(b, 100, 0)
    eq(r:next().value, "read")
    return r
end

---------------------------------------------------------------------------------- values

test("each kind of Lua value has its type", function()
    local b = mtmsg.newbuffer()
    b:addmsg(nil, true, false, 17, -300, 0.5, "text", "", nil)
    eq(rest(received(b)), "nil:nil boolean:true boolean:false integer:17 integer:-300 number:0.5 "
        .. "string:text string: nil:nil")
end)

test("what this version does not know is one nil, with all that is in it", function()
    local b = mtmsg.newbuffer()
    local cycle, shared = {}, { longkey = 1 }
    cycle.me, cycle[1] = cycle, { shared, { shared, longkey = { longkey = shared } } }
    local function f() return cycle, mtmsg end
    local deep = {}
    for _ = 1, 10000 do deep = { deep } end
    b:addmsg("first", cycle, 1, shared, f, 2, {}, mtmsg, deep, _G, "last")
    eq(rest(received(b)), "string:first nil:nil integer:1 nil:nil nil:nil integer:2 nil:nil nil:nil nil:nil nil:nil " ..
       "string:last")
end)

test("a light userdata and a C function keep their addresses", function()
    local b = mtmsg.newbuffer()
    local p = old.pointer()
    b:addmsg(p, old.array_sizes)
    local values = received(b):all()
    eq(values[1].kind, "lightuserdata")
    assert(values[1].value == p)
    eq(values[2].kind, "cfunction")
    eq(select("#", values[2].value()), 12)
end)

test("integers and floats are told apart", function()
    local b = mtmsg.newbuffer()
    local past = 2 ^ (old.integer_bits - 1) -- the first number above the range of integers
    -- -1 / math.huge is -0.0, which LuaJIT on ARM reads as 0
    b:addmsg(3, past / 2, -past, past, -1 / math.huge, 1e300, 0.1)
    local kinds = {}
    for i, v in ipairs(received(b):all()) do kinds[i] = v.kind end
    -- where there are floats a power is one; elsewhere what is integral travels as an integer if it can
    local power = math.type and "number" or "integer"
    eq(table.concat(kinds, " "), ("integer %s %s number number number number"):format(power, power))
end)

test("strings of any length and any bytes arrive whole", function()
    local b = mtmsg.newbuffer()
    for _, length in ipairs {0, 1, 255, 256, 4096, 100000, 5000000} do
        local s = ("\0\255ab\n"):rep(math.ceil(length / 5)):sub(1, length)
        b:addmsg(1, s, 2)
        local values = received(b):all()
        assert(values[1].value == 1 and values[2].value == s and values[3].value == 2)
    end
end)

test("arrays from Lua are aligned for their type", function()
    local carray = require "carray"
    local b = mtmsg.newbuffer()
    local names = {"uchar", "schar", "short", "ushort", "int", "uint", "long", "ulong", "float",
                   "double", "llong", "ullong"}
    for type, name in ipairs(names) do
        for shift = 0, 9 do
            b:addmsg(("x"):rep(shift), carray.new(name, 3), carray.new(name, 0), true, carray.new(name, 1))
            local values = received(b):all()
            for i, count in pairs {[2] = 3, [3] = 0, [5] = 1} do
                eq(values[i].kind, "array")
                eq(values[i].value.type, type)
                eq(#values[i].value, count)
                eq(values[i].value.aligned, true)
            end
            eq(values[4].value, true)
        end
    end
end)

test("values stay valid while further ones are taken", function()
    local b = mtmsg.newbuffer()
    local strings = {}
    for i = 1, 100 do strings[i] = ("%d,"):format(i):rep(i) end
    b:addmsg((table.unpack or unpack)(strings))
    for i, v in ipairs(received(b, 0, 1):all()) do -- takes all before it looks at the first
        eq(v.value, strings[i])
    end
end)

test("after the last value comes type NONE, again and again", function()
    local b = mtmsg.newbuffer()
    b:addmsg(1)
    local r = received(b)
    eq(r:next().kind, "integer")
    for _ = 1, 3 do eq(r:next().kind, "none") end
    b:addmsg()
    eq(r:receive(b, false, 0), 0)
    eq(r:next().kind, "none")
end)

test("a new reader is empty, and so is a cleared one", function()
    local r = old.reader(mtmsg.newbuffer())
    eq(r:next().kind, "none")
    r = loaded()
    r:clear()
    eq(r:next().kind, "none")
end)

test("a reader can be freed with values in it", function()
    loaded():free()
end)

test("a size for which there is no memory gives no reader", function()
    local b = mtmsg.newbuffer()
    for _, size in ipairs(native.endless) do
        eq(old.reader(b, size, 0), nil)
        eq(old.reader(b, size, 2), nil)
    end
end)

---------------------------------------------------------------------------------- codes

test("code 0: the first message is in the reader and out of the buffer", function()
    local b = mtmsg.newbuffer()
    b:addmsg("m1")
    b:addmsg("m2")
    local r = loaded()
    local code, text, calls = r:receive(b, false, 0)
    eq(code, 0)
    eq(text, nil)
    eq(calls, 0)
    eq(b:msgcnt(), 1)
    eq(rest(r), "string:m1")
end)

test("code 0 however the call may wait", function()
    local b = mtmsg.newbuffer()
    for _, how in ipairs {{false, 0}, {false, -1}, {false, 5}, {true, 0}, {true, -1}, {true, 5}} do
        b:addmsg("m")
        local r = old.reader(b)
        eq(r:receive(b, how[1], how[2]), 0)
        eq(rest(r), "string:m")
    end
end)

test("code 1: the buffer is closed", function()
    local b = mtmsg.newbuffer()
    b:addmsg("gone")
    b:close()
    for _, how in ipairs {{false, 0}, {false, -1}, {true, -1}} do
        local r = loaded()
        local code, text = r:receive(b, how[1], how[2])
        eq(code, 1)
        eq(text, nil)
        eq(rest(r), "")
    end
end)

test("code 2: the buffer is aborted; the message stays", function()
    local b = mtmsg.newbuffer()
    b:addmsg("kept")
    b:abort()
    for _, how in ipairs {{false, 0}, {false, -1}, {true, -1}} do
        local r = loaded()
        eq(r:receive(b, how[1], how[2]), 2)
        eq(rest(r), "")
    end
    b:abort(false)
    eq(rest(received(b)), "string:kept")
end)

test("code 2: everything is aborted", function()
    local b = mtmsg.newbuffer()
    local r = loaded()
    mtmsg.abort()
    local code = r:receive(b, false, -1)
    mtmsg.abort(false)
    eq(code, 2)
    eq(rest(r), "")
end)

test("code 3: there is no message", function()
    local b = mtmsg.newbuffer()
    for _, how in ipairs {{false, 0}, {true, 0}, {true, 5}, {true, -1}, {false, 0.001}} do
        local r = loaded()
        local code, text = r:receive(b, how[1], how[2])
        eq(code, 3)
        eq(text, nil)
        eq(rest(r), "")
    end
end)

test("nonblock ignores the timeout", function()
    local b = mtmsg.newbuffer()
    eq(old.reader(b):receive(b, true, 3600), 3)
    eq(old.reader(b):receive(b, true, -1), 3)
end)

test("the timeout is in seconds", function()
    local b = mtmsg.newbuffer()
    local start = mtmsg.time()
    eq(old.reader(b):receive(b, false, 0.05), 3)
    local waited = mtmsg.time() - start
    assert(waited > 0.04, waited)
end)

test("code 4: the message is larger than the reader's fixed size, and stays", function()
    local b = mtmsg.newbuffer()
    b:addmsg("12345")
    b:addmsg("next")
    for _, how in ipairs {{false, 0}, {false, -1}, {true, -1}} do
        local r = old.reader(b, 6, 0)
        b:setmsg(true)
        b:addmsg("12345")
        b:addmsg("next")
        eq(r:receive(b, false, 0), 0) -- unread: a boolean
        local code, text = r:receive(b, how[1], how[2])
        eq(code, 4)
        eq(text, nil)
        eq(rest(r), "")
        eq(b:msgcnt(), 2)
        eq(rest(received(b, 7, 0)), "string:12345")
    end
end)

local sizes = { -- values and the bytes for which they account
    {"nil", 1, function(b) b:addmsg(nil) end},
    {"boolean", 2, function(b) b:addmsg(true) end},
    {"small integer", 2, function(b) b:addmsg(255) end},
    {"integer", 9, function(b) b:addmsg(256) end},
    {"number", 9, function(b) b:addmsg(0.5) end},
    {"string", 7, function(b) b:addmsg("12345") end},
    {"longer string", 9 + 256, function(b) b:addmsg(("s"):rep(256)) end},
    {"light userdata", 9, function(b) b:addmsg(old.pointer()) end},
    {"C function", 9, function(b) b:addmsg(old.array_sizes) end},
    {"array", 11 + 24, function(b)
        local w = old.writer(b)
        w:array(10, {1, 2, 3})
        w:send(b, false, false)
    end},
    {"nothing", 0, function(b) b:addmsg() end},
}
for _, entry in ipairs(sizes) do
    local name, bytes, add = entry[1], entry[2], entry[3]
    test("a fixed reader of " .. bytes .. " bytes holds " .. name, function()
        local b = mtmsg.newbuffer()
        add(b)
        if bytes > 0 then eq(old.reader(b, bytes - 1, 0):receive(b, false, 0), 4) end
        local r = received(b, bytes, 0)
        eq(#r:all(), bytes > 0 and 1 or 0)
    end)
end

test("a reader grows, whatever its factor above 0", function()
    local b = mtmsg.newbuffer()
    for _, grow in ipairs {0.5, 1, 1.5, 100} do
        b:addmsg(("x"):rep(10000), 1)
        eq(#received(b, 1, grow):all(), 2)
    end
end)

test("code 999: the notifier failed, the text is Lua's, the message is in the reader", function()
    local b = mtmsg.newbuffer()
    b:notifier(notifiers.new {code = 5, text = "no\0luck"}, "<")
    b:addmsg("m1")
    local r = loaded()
    local code, text, calls = r:receive(b, false, 0)
    eq(code, 999)
    eq(text, "Error while calling notifier: no\0luck")
    eq(calls, 1)
    eq(b:msgcnt(), 0)
    eq(rest(r), "string:m1")
end)

test("code 999 with a text although the notifier gave none", function()
    local b = mtmsg.newbuffer()
    b:notifier(notifiers.new {code = 42}, "<")
    b:addmsg("m1")
    local r = old.reader(b)
    local code, text = r:receive(b, true, 0)
    eq(code, 999)
    eq(text, "Unknown error while calling notifier. (rc=42)")
    eq(rest(r), "string:m1")
end)

test("code 999 without an error handler", function()
    local b = mtmsg.newbuffer()
    b:notifier(notifiers.new {code = 42, text = "no luck"}, "<")
    b:addmsg("m1")
    local r = old.reader(b)
    local code, text, calls = r:receive(b, false, 0, "no handler")
    eq(code, 999)
    eq(text, nil)
    eq(calls, 0)
    eq(rest(r), "string:m1")
end)

test("stale values never come back after a failed call", function()
    local r = loaded()
    local b = mtmsg.newbuffer()
    eq(r:receive(b, false, 0), 3)
    b:addmsg("fresh")
    eq(r:receive(b, false, 0), 0)
    local got = rest(r)
    eq(got, "string:fresh")
    assert(not got:find(stale, 1, true))
end)

test("a native receive takes from a listener's buffer", function()
    local lst = mtmsg.newlistener()
    local b1, b2 = lst:newbuffer(), lst:newbuffer()
    b1:addmsg("m1")
    b2:addmsg("m2")
    eq(rest(received(b1)), "string:m1")
    eq((lst:nextmsg(0)), "m2")
    eq(lst:nextmsg(0), nil)
end)

test("a native reference keeps the buffer and its messages when Lua has dropped it", function()
    local b = mtmsg.newbuffer()
    b:addmsg("m1")
    local id = b:id()
    local hold = old.hold(b, "sender")
    local r = old.reader(b)
    b = nil
    native.collect()
    eq(r:receive(hold, false, 0), 0)
    eq(rest(r), "string:m1")
    hold:release()
    native.raises(mtmsg.error.unknown_object, mtmsg.buffer, id)
end)

native.run()
