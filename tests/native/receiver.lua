-- The Receiver API of buffers, call by call and code by code, except what needs a lack of memory
-- (memory.lua) or other threads (threads.lua).

local native = dofile "tests/native/lib/native.lua"
local mtmsg = require "mtmsg"
local notifiers = require "notifiers"
local spec = require "spec"
local old, test, eq = native.old, native.test, native.eq

local function gives(expected, ...)
    spec.gives(spec.list((table.unpack or unpack)(expected)), ...)
end

-- The writer holds exactly these values: it is emptied into another buffer.
local function holds(writer, ...)
    local other = mtmsg.newbuffer()
    eq(writer:send(other, false, false), 0)
    spec.gives(spec.list(...), other:nextmsg(0))
end

---------------------------------------------------------------------------------- values

test("booleans, integers, numbers and strings arrive in order", function()
    local b = mtmsg.newbuffer()
    eq(native.send(b, true, false, 7, -1, 300, 1.5, "text", ""), 0)
    eq(b:msgcnt(), 1)
    gives({true, false, 7, -1, 300, 1.5, "text", ""}, b:nextmsg(0))
end)

test("any number that is not 0 is true", function()
    local b = mtmsg.newbuffer()
    local w = old.writer(b)
    for _, n in ipairs {0, 1, 2, -1, 256} do eq(w:boolean(n), 0) end
    w:send(b, false, false)
    gives({false, true, true, true, true}, b:nextmsg(0))
end)

test("integers keep their value at the ends of the range", function()
    local b = mtmsg.newbuffer()
    local ends = {0, -1, 256}
    for bits = 8, math.min(old.integer_bits - 1, 53) do -- doubles are exact up to 53
        ends[#ends + 1], ends[#ends + 2] = 2 ^ bits - 1, -2 ^ bits
    end
    if math.mininteger then
        ends[#ends + 1], ends[#ends + 2] = math.mininteger, math.maxinteger
    end
    local w = old.writer(b)
    for _, n in ipairs(ends) do eq(w:integer(n), 0) end
    w:send(b, false, false)
    local got = {b:nextmsg(0)}
    for i, n in ipairs(ends) do
        eq(got[i] == n, true)
        if math.type then eq(math.type(got[i]), "integer") end
    end
end)

test("integers that are no numbers arrive in LuaJIT as its integers of 64 bits", function()
    local b = mtmsg.newbuffer()
    local w = old.writer(b)
    if old.integer_bits < 64 then return end
    if not rawget(_G, "jit") then
        w:integer(2 ^ 53, math.type and 0 or 1) -- in Lua 5.1 and 5.2 as the number next to it
        w:send(b, false, false)
        eq(b:nextmsg(0) == 2 ^ 53, true)
        return
    end
    local near = require("ffi").new("int64_t", 2 ^ 53)
    w:integer(2 ^ 53, 1)
    w:send(b, false, false)
    eq(b:nextmsg(0) == near + 1, true)
    w:integer(-2 ^ 53, -1)
    w:integer(2 ^ 60)
    w:send(b, false, false)
    local first, second = b:nextmsg(0)
    eq(first == -near - 1, true)
    eq(second, 2 ^ 60)
end)

test("numbers keep their bits", function()
    local b = mtmsg.newbuffer()
    local w = old.writer(b)
    -- -1 / math.huge is -0.0, which LuaJIT on ARM reads as 0
    local numbers = {0.1, -1 / math.huge, math.huge, -math.huge, 0 / 0, 5e-324, 1.7e308, 2 ^ 60}
    for _, n in ipairs(numbers) do eq(w:number(n), 0) end
    w:send(b, false, false)
    local got = {b:nextmsg(0)}
    for i, n in ipairs(numbers) do
        assert(got[i] == n or n ~= n and got[i] ~= got[i])
        if n == 0 then eq(1 / got[i], 1 / n) end
    end
end)

test("strings of any length and any bytes arrive whole", function()
    local b = mtmsg.newbuffer()
    for _, length in ipairs {0, 1, 254, 255, 256, 257, 4096, 100000, 5000000} do
        local s = ("\0\255ab\n"):rep(math.ceil(length / 5)):sub(1, length)
        eq(native.send(b, "before", s, "after"), 0)
        local before, got, after = b:nextmsg(0)
        assert(before == "before" and after == "after" and got == s)
    end
end)

test("each byte of addBytesToWriter is one integer", function()
    local b = mtmsg.newbuffer()
    local w = old.writer(b)
    eq(w:bytes("\0\1\127\128\255"), 0)
    eq(w:bytes(""), 0)
    w:send(b, false, false)
    gives({0, 1, 127, 128, 255}, b:nextmsg(0))
end)

test("a writer without values makes an empty message", function()
    local b = mtmsg.newbuffer()
    local w = old.writer(b)
    eq(w:send(b, false, false), 0)
    eq(b:msgcnt(), 1)
    gives({}, b:nextmsg(0))
    eq(b:msgcnt(), 0)
end)

test("many values fit into one message", function()
    local b = mtmsg.newbuffer()
    local w = old.writer(b, 0, 1)
    for i = 1, 100 do eq(w:integer(i), 0) end
    w:send(b, false, false)
    eq(select("#", b:nextmsg(0)), 100)
end)

---------------------------------------------------------------------------------- arrays

test("arrays of all twelve types are aligned and arrive in a native reader", function()
    local b = mtmsg.newbuffer()
    local sizes = {old.array_sizes()}
    for type = 1, 12 do
        for shift = 0, 9 do -- strings of this length before it, so that it starts anywhere
            local w, r = old.writer(b), old.reader(b)
            eq(w:string(("x"):rep(shift)), 0)
            eq(w:array(type, {1, 2, 3, 100}), true)
            eq(w:boolean(true), 0)
            eq(w:array(type, {5}), true)
            eq(w:send(b, false, false), 0)
            eq(r:receive(b, false, 0), 0)
            local values = r:all()
            eq(#values, 4)
            for _, place in ipairs {2, 4} do
                local array = values[place].value
                eq(values[place].kind, "array")
                eq(array.type, type)
                eq(array.size, sizes[type])
                eq(array.aligned, true)
            end
            eq(table.concat(values[2].value, " "):gsub("%.0", ""), "1 2 3 100")
            eq(values[4].value[1] == 5, true)
        end
    end
end)

test("arrays keep signs, fractions and sizes", function()
    local b = mtmsg.newbuffer()
    local w, r = old.writer(b), old.reader(b)
    w:array(2, {-128, 127})
    w:array(9, {0.5, -0.25})
    w:array(10, {0.1})
    w:array(11, {-2 ^ 53})
    w:array(12, {2 ^ 53})
    w:send(b, false, false)
    r:receive(b, false, 0)
    local got = native.values(r)
    eq(got[1][1] == -128 and got[1][2] == 127, true)
    eq(got[2][1] == 0.5 and got[2][2] == -0.25, true)
    eq(got[3][1] == 0.1, true)
    eq(got[4][1] == -2 ^ 53, true)
    eq(got[5][1] == 2 ^ 53, true)
end)

test("an array of no elements is no failure and arrives as an array", function()
    local b = mtmsg.newbuffer()
    for type = 1, 12 do
        local w, r = old.writer(b), old.reader(b)
        eq(w:array(type, {}), true)
        eq(w:integer(1), 0)
        w:send(b, false, false)
        r:receive(b, false, 0)
        local values = r:all()
        eq(values[1].kind, "array")
        eq(values[1].value.type, type)
        eq(#values[1].value, 0)
        eq(values[2].value, 1)
    end
end)

test("a large array arrives", function()
    local b = mtmsg.newbuffer()
    local w, r = old.writer(b), old.reader(b)
    local numbers = {}
    for i = 1, 200000 do numbers[i] = i end
    eq(w:array(10, numbers), true)
    eq(w:send(b, false, false), 0)
    eq(r:receive(b, false, 0), 0)
    local got = r:next().value
    eq(#got, #numbers)
    for i = 1, #numbers, 1000 do eq(got[i] == i, true) end
    eq(got.aligned, true)
end)

test("an array whose size overflows, or of an unknown type, is refused", function()
    local b = mtmsg.newbuffer()
    local w = old.writer(b)
    local wrap = 2 ^ old.size_bits
    w:integer(1)
    eq(w:array(10, wrap / 8), nil) -- of 8 bytes each, so their size wraps to 0
    eq(w:array(10, wrap - 2048), nil)
    eq(w:array(12, wrap / 16), nil) -- more than the difference of two pointers can say
    eq(w:array(0, 1), nil)
    eq(w:array(13, 1), nil)
    eq(w:array(-1, 1), nil)
    holds(w, 1)
end)

test("arrays from a native writer arrive in Lua as carrays", function()
    require "carray"
    local b = mtmsg.newbuffer()
    local w = old.writer(b)
    w:string("x")
    w:array(9, {1, 2.5})
    w:array(1, {})
    w:send(b, false, false)
    local s, floats, none = b:nextmsg(0)
    eq(s, "x")
    eq(type(floats), "userdata")
    eq(type(none), "userdata")
    local r = old.reader(b) -- and back
    b:addmsg(s, floats, none)
    r:receive(b, false, 0)
    local values = r:all()
    eq(values[2].value.type, 9)
    eq(values[2].value[2], 2.5)
    eq(values[2].value.aligned, true)
    eq(values[3].value.type, 1)
    eq(#values[3].value, 0)
end)

---------------------------------------------------------------------------------- add: codes

local function array_code(w, type, list) -- the code that the other add functions would return
    return w:array(type, list) == nil and -1 or 0
end

local adds = { -- name, bytes it accounts for, add
    {"addBooleanToWriter", 2, function(w) return w:boolean(true) end},
    {"addIntegerToWriter, 0 to 255", 2, function(w) return w:integer(255) end},
    {"addIntegerToWriter", 9, function(w) return w:integer(256) end},
    {"addNumberToWriter", 9, function(w) return w:number(0.5) end},
    {"addStringToWriter", 7, function(w) return w:string("12345") end},
    {"addStringToWriter, longer", 9 + 256, function(w) return w:string(("s"):rep(256)) end},
    {"addBytesToWriter", 6, function(w) return w:bytes("\1\2\3") end},
    {"addArrayToWriter, double", 11 + 24, function(w) return array_code(w, 10, {1, 2, 3}) end},
    {"addArrayToWriter, uchar", 11 + 3, function(w) return array_code(w, 1, {1, 2, 3}) end},
    {"addArrayToWriter, empty", 11, function(w) return array_code(w, 10, {}) end},
}

for _, entry in ipairs(adds) do
    local name, bytes, add = entry[1], entry[2], entry[3]

    test(name .. " returns 0 as long as the fixed capacity lasts, then -1", function()
        local b = mtmsg.newbuffer()
        local w = old.writer(b, 3 * bytes, 0)
        for _ = 1, 3 do eq(add(w), 0) end
        eq(add(w), -1)
        eq(w:send(b, false, false), 0)
        eq(add(w), 0) -- the capacity is there again
        local short = old.writer(b, bytes - 1, 0)
        eq(add(short), -1)
    end)

    test(name .. " changes nothing when it returns -1", function()
        local b = mtmsg.newbuffer()
        local w = old.writer(b, 2 + bytes - 1, 0)
        eq(w:boolean(true), 0)
        eq(add(w), -1)
        holds(w, true)
    end)

    test(name .. " makes a writer grow, whatever its factor above 0", function()
        local b = mtmsg.newbuffer()
        for _, grow in ipairs {0.5, 1, 1.5, 100} do
            local w = old.writer(b, 1, grow)
            for _ = 1, 50 do eq(add(w), 0) end
            eq(w:send(b, false, false), 0)
        end
        eq(b:msgcnt(), 4)
    end)
end

test("addBytesToWriter adds all of the bytes or none", function()
    local b = mtmsg.newbuffer()
    local w = old.writer(b, 10, 0)
    eq(w:bytes("123456"), -1)
    holds(w)
    eq(w:bytes("12345"), 0)
end)

test("a writer of capacity 0 takes nothing, and its message is empty", function()
    local b = mtmsg.newbuffer()
    local w = old.writer(b, 0, 0)
    eq(w:boolean(true), -1)
    eq(w:string(""), -1)
    eq(w:bytes(""), 0)
    holds(w)
end)

test("a size for which there is no memory gives no writer", function()
    local b = mtmsg.newbuffer()
    for _, size in ipairs(native.endless) do
        eq(old.writer(b, size, 0), nil)
        eq(old.writer(b, size, 2), nil)
    end
end)

test("clearWriter drops the values, and the writer can be used again", function()
    local b = mtmsg.newbuffer()
    local w = old.writer(b, 4, 0)
    w:string("ab")
    w:clear()
    eq(w:string("cd"), 0)
    w:clear()
    w:clear()
    holds(w)
end)

test("a writer that is freed with values in it sends nothing", function()
    local b = mtmsg.newbuffer()
    local w = native.writer(b, "x", 1)
    w:free()
    eq(b:msgcnt(), 0)
end)

---------------------------------------------------------------------------------- send: codes

test("code 0: the message is in, the writer empty", function()
    local b = mtmsg.newbuffer()
    local w = native.writer(b, "m1")
    local code, text, calls = w:send(b, false, false)
    eq(code, 0)
    eq(text, nil)
    eq(calls, 0)
    w:send(b, false, false)
    gives({"m1"}, b:nextmsg(0))
    eq(select("#", b:nextmsg(0)), 0)
end)

test("code 0 with nonblock where nobody else is at work", function()
    local b = mtmsg.newbuffer()
    eq(native.writer(b, "m1"):send(b, false, true), 0)
    eq(native.writer(b, "m2"):send(b, true, true), 0)
    gives({"m2"}, b:nextmsg(0))
end)

test("clear replaces all messages that are queued", function()
    local b = mtmsg.newbuffer()
    for i = 1, 10 do b:addmsg(i) end
    eq(native.writer(b, "only"):send(b, true, false), 0)
    eq(b:msgcnt(), 1)
    gives({"only"}, b:nextmsg(0))
end)

test("code 1: the buffer is closed", function()
    local b = mtmsg.newbuffer()
    local w = native.writer(b, "kept", 1)
    b:close()
    for _, nonblock in ipairs {false, true} do
        for _, clear in ipairs {false, true} do
            local code, text = w:send(b, clear, nonblock)
            eq(code, 1)
            eq(text, nil)
        end
    end
    holds(w, "kept", 1)
end)

test("code 2: the buffer is aborted, until the abort is taken back", function()
    local b = mtmsg.newbuffer()
    b:addmsg("first")
    local w = native.writer(b, "kept")
    b:abort()
    eq(w:send(b, false, false), 2)
    eq(w:send(b, true, true), 2)
    b:abort(false)
    eq(b:msgcnt(), 1)
    eq(w:send(b, false, false), 0)
    gives({"first"}, b:nextmsg(0))
    gives({"kept"}, b:nextmsg(0))
end)

test("code 2: everything is aborted", function()
    local b = mtmsg.newbuffer()
    local w = native.writer(b, "kept")
    mtmsg.abort()
    local code = w:send(b, false, false)
    mtmsg.abort(false)
    eq(code, 2)
    holds(w, "kept")
end)

test("code 1 wins over code 2", function()
    local b = mtmsg.newbuffer()
    b:abort()
    b:close()
    eq(native.writer(b, "x"):send(b, false, false), 1)
end)

test("code 4: a fixed buffer is full, and the message fits after another one has been taken", function()
    local b = mtmsg.newbuffer(4, 0)
    local w = native.writer(b, "2")
    eq(native.send(b, "1"), 0)
    local code, text = w:send(b, false, false)
    eq(code, 4)
    eq(text, nil)
    eq(w:send(b, false, true), 4)
    gives({"1"}, b:nextmsg(0))
    eq(w:send(b, false, false), 0)
    gives({"2"}, b:nextmsg(0))
end)

test("clear makes room in a full buffer of fixed size", function()
    local b = mtmsg.newbuffer(4, 0)
    native.send(b, "1")
    eq(native.writer(b, "2"):send(b, true, false), 0)
    gives({"2"}, b:nextmsg(0))
end)

test("code 5: the message is larger than the fixed size", function()
    local b = mtmsg.newbuffer(4, 0)
    native.send(b, "1")
    local w = native.writer(b, "m2")
    for _, clear in ipairs {false, true} do
        local code, text = w:send(b, clear, false)
        eq(code, 5)
        eq(text, nil)
        eq(w:send(b, clear, true), 5)
    end
    eq(b:msgcnt(), 1) -- clear has not cleared
    gives({"1"}, b:nextmsg(0))
    eq(w:send(b, false, false), 5) -- not even now
    holds(w, "m2")
end)

test("code 5: nothing fits into a size of 0, not even an empty message", function()
    local b = mtmsg.newbuffer(0, 0)
    eq(old.writer(b):send(b, false, false), 5)
    eq(old.writer(b):send(b, true, false), 5)
end)

test("code 999: the notifier failed, the text is Lua's, the message is in, the writer empty", function()
    for _, clear in ipairs {false, true} do
        local b = mtmsg.newbuffer()
        b:notifier(notifiers.new {code = 5, text = "no luck"})
        local w = native.writer(b, "m1")
        local code, text, calls = w:send(b, clear, false)
        eq(code, 999)
        eq(text, "Error while calling notifier: no luck")
        eq(calls, 1)
        gives({"m1"}, b:nextmsg(0))
        holds(w)
    end
end)

test("code 999 with a text although the notifier gave none", function()
    local b = mtmsg.newbuffer()
    b:notifier(notifiers.new {code = -3})
    local code, text, calls = native.send(b, "m1")
    eq(code, 999)
    eq(text, "Unknown error while calling notifier. (rc=-3)")
    eq(calls, 1)
end)

test("code 999 without an error handler", function()
    local b = mtmsg.newbuffer()
    b:notifier(notifiers.new {code = 5, text = "no luck"})
    local code, text, calls = native.writer(b, "m1"):send(b, false, false, "no handler")
    eq(code, 999)
    eq(text, nil)
    eq(calls, 0)
    eq(b:msgcnt(), 1)
end)

test("the text of code 999 keeps NULs and its length", function()
    local b = mtmsg.newbuffer()
    b:notifier(notifiers.new {code = 2, text = "a\0b\0"})
    local code, text = native.send(b, "m1")
    eq(code, 999)
    eq(text, "Error while calling notifier: a\0b\0")
end)

---------------------------------------------------------------------------------- references

test("a native reference keeps the buffer when Lua has dropped it", function()
    local b = mtmsg.newbuffer("native")
    local id = b:id()
    local hold = old.hold(b, "receiver")
    local w = native.writer(b, "m1")
    b = nil
    native.collect()
    eq(w:send(hold, false, false), 0)
    b = mtmsg.buffer(id)
    gives({"m1"}, b:nextmsg(0))
    b = nil
    native.collect()
    hold:release()
    native.raises(mtmsg.error.unknown_object, mtmsg.buffer, id)
end)

test("a native reference keeps a listener's buffer connected", function()
    local lst = mtmsg.newlistener()
    local hold = old.hold(lst:newbuffer(), "receiver")
    local w = native.writer(mtmsg.newbuffer(), "m1")
    native.collect()
    eq(w:send(hold, false, false), 0)
    gives({"m1"}, lst:nextmsg(0))
    hold:release()
    native.raises(mtmsg.error.no_buffers, lst.nextmsg, lst, 0)
end)

test("several references are counted, of all three APIs together", function()
    local b = mtmsg.newbuffer()
    local id = b:id()
    local holds = {old.hold(b, "receiver"), old.hold(b, "sender"), old.hold(b, "notify"), old.hold(b, "receiver")}
    b = nil
    native.collect()
    for _, hold in ipairs(holds) do
        assert(mtmsg.buffer(id))
        native.collect()
        hold:release()
    end
    native.raises(mtmsg.error.unknown_object, mtmsg.buffer, id)
end)

native.run()
