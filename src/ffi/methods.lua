-- The hot path of LuaJIT: methods of buffers and listeners, and select, that its compiler can see. Each passes plain
-- values to functions of C, and leaves whatever is unusual to what it replaces. `make` makes methods.inc of this file.
local module, class, listener, scratch,
    add_number, add_text, add_values, look, take, id_of, take_number, take_number_through, first_with = ...
if jit.version_num < 20100 or not jit.status() then return false end
-- On ARM of 32 bits the compiler takes the address of one field of `message` from a register that has held another's,
-- and holds a value by then (LuaJIT 2.1.0-beta3).
if jit.arch == "arm" then return false end
local ffi, bit = require "ffi", require "bit"

local metatable_of, type, select, pcall, text_of = debug.getmetatable, type, select, pcall, ffi.string
local band, rshift = bit.band, bit.rshift
local methods = class.__index
local addmsg, nextmsg, getmsg = methods.addmsg, methods.nextmsg, methods.getmsg

-- the numbers and the layout of ffi.c
local NUMBER, STRING, TRUE, FALSE, NIL, KINDS = 1, 2, 3, 4, 5, 4096
local MOST = 248 -- bytes that strings may have, beside the rest
local MOST_ALONE = 4096 -- the same of a string that is the only value

local function from_address(ctype, number)
    return ffi.cast(ctype, ffi.cast("void *", ffi.cast("uintptr_t", number)))
end

add_number = from_address("int (*)(void *, double)", add_number)
add_text = from_address("int (*)(void *, const char *, uint32_t)", add_text)
add_values = from_address([[int (*)(void *, uint32_t, double, double, double, double, const char *, uint32_t,
    const char *, uint32_t, const char *, uint32_t, const char *, uint32_t)]], add_values)
look = from_address("double (*)(void *, void *)", look)
take = from_address("int (*)(void *, void *, uint32_t)", take)
id_of = from_address("double (*)(void *)", id_of)
take_number = from_address("double (*)(void *, void *)", take_number)
take_number_through = from_address("double (*)(void *, void *)", take_number_through)
first_with = from_address("double (*)(double, " .. ("void *, "):rep(7) .. "void *)", first_with)
-- Single fields for the numbers: where nothing is compiled, an array in a struct is an object, making it may run
-- finalizers.
local message = ffi.cast("struct { double a, b, c, d; const char *text[4]; uint32_t length[4]; } *", scratch)

-- Of what kind a value is, and what a number and a string in its place are.
local function parts(value)
    local kind = type(value)
    if kind == "number" then return NUMBER, value, "", 0 end
    if kind == "string" then return STRING, 0, value, #value end
    if kind == "boolean" then return value and TRUE or FALSE, 0, "", 0 end
    if kind == "nil" then return NIL, 0, "", 0 end -- not value == nil, which is what FFI's null pointers are, too
    return 0, 0, "", MOST
end

local function add(self, count, ...)
    local a, b, c, d = ...
    local kind1, number1, text1, length1 = parts(a)
    if count == 1 then
        if kind1 == NUMBER then return add_number(self, number1) ~= 0 end
        if kind1 == STRING then return length1 <= MOST_ALONE and add_text(self, text1, length1) ~= 0 end
        if length1 >= MOST then return false end
        return add_values(self, kind1, number1, 0, 0, 0, text1, length1, "", 0, "", 0, "", 0) ~= 0
    end
    local kind2, number2, text2, length2 = parts(b)
    local kind3, number3, text3, length3 = parts(c)
    local kind4, number4, text4, length4 = parts(d)
    if length1 + length2 + length3 + length4 >= MOST then return false end
    local kinds = kind1 + kind2 * 8
    if count > 2 then kinds = kinds + kind3 * 64 end
    if count > 3 then kinds = kinds + kind4 * 512 end
    return add_values(self, kinds, number1, number2, number3, number4,
        text1, length1, text2, length2, text3, length3, text4, length4) ~= 0
end

function methods.addmsg(self, ...)
    local count = select("#", ...)
    if metatable_of(self) == class and type(self) == "userdata" and count > 0 and count <= 4
        and add(self, count, ...) then
        return true
    end
    return addmsg(self, ...)
end

local function value(kinds, place)
    local kind = band(rshift(kinds, 3 * place), 7)
    if kind == NUMBER then
        if place < 2 then return place == 0 and message.a or message.b end
        return place == 2 and message.c or message.d
    end
    if kind == STRING then return text_of(message.text[place], message.length[place]) end
    if kind == NIL then return nil end
    return kind == TRUE
end

local function values(kinds)
    local a = value(kinds, 0)
    if kinds < 8 then return a end
    local b = value(kinds, 1)
    if kinds < 64 then return a, b end
    local c = value(kinds, 2)
    if kinds < 512 then return a, b, c end
    return a, b, c, value(kinds, 3)
end

-- The latest message was no number: then it is not worth to ask for one first.
local several = false

-- Whether a receive has no arguments, or nothing but a valid timeout: so, while there is a message, it need not look at
-- them.
local function is_plain(count, timeout)
    return count == 0 or count == 1 and type(timeout) == "number" and timeout == timeout
end

-- Finalizers may run at any time, not only where strings are made, and they may receive, too: then the look is not the
-- latest any more, what was read counts for nothing, and the message is still there.
local function receive(self, looked, id, ...)
    local kinds = band(looked, KINDS - 1)
    local a, b, c, d = values(kinds)
    several = kinds ~= NUMBER
    if take(self, scratch, (looked - kinds) / KINDS) == 0 then
        if id then return getmsg(self, ...) end
        return nextmsg(self, ...)
    end
    if id then
        if kinds < 8 then return id, a end
        if kinds < 64 then return id, a, b end
        if kinds < 512 then return id, a, b, c end
        return id, a, b, c, d
    end
    if kinds < 8 then return a end
    if kinds < 64 then return a, b end
    if kinds < 512 then return a, b, c end
    return a, b, c, d
end

function methods.nextmsg(self, ...)
    if metatable_of(self) == class and type(self) == "userdata" and is_plain(select("#", ...), ...) then
        if not several then
            local number = take_number(self, scratch)
            if number == number then return number end
        end
        local looked = look(self, scratch)
        if looked ~= 0 then return receive(self, looked, nil, ...) end
    end
    return nextmsg(self, ...)
end

function methods.getmsg(self, ...)
    if metatable_of(self) == class and type(self) == "userdata" and is_plain(select("#", ...), ...) then
        local id = id_of(self)
        if not several then
            local number = take_number(self, scratch)
            if number == number then return id, number end
        end
        local looked = look(self, scratch)
        if looked ~= 0 then return receive(self, looked, id, ...) end
    end
    return getmsg(self, ...)
end

-- ---- listeners: a number

methods = listener.__index
local nextmsg_through = methods.nextmsg

function methods.nextmsg(self, ...)
    if metatable_of(self) == listener and type(self) == "userdata" and is_plain(select("#", ...), ...) then
        local number = take_number_through(self, scratch)
        if number == number then return number end
    end
    return nextmsg_through(self, ...)
end

-- ---- select: a number of one of several buffers

local choose = module.select

-- The buffers that were found to have a message, by their addresses: so whatever is found takes the same way.
local found = setmetatable({}, { __mode = "v" })

local function may_be_asked(source)
    return type(source) == "nil" or metatable_of(source) == class and type(source) == "userdata"
end

local function are_asked(a, b, c, d, e, f, g, h)
    return may_be_asked(a) and may_be_asked(b) and may_be_asked(c) and may_be_asked(d)
        and may_be_asked(e) and may_be_asked(f) and may_be_asked(g) and may_be_asked(h)
end

local function may_be_waited(timeout)
    return type(timeout) == "nil" or type(timeout) == "number" and timeout >= 0
end

local function address_of(source)
    return tonumber(ffi.cast("uintptr_t", ffi.cast("void *", source)))
end

local function remember(address, ...)
    for i = 1, select("#", ...) do
        local source = select(i, ...)
        if source and address_of(source) == address then found[address] = source end
    end
end

-- The address of the first one that seems to have a message; 0: none has, or one is to be told of.
local function first_of(...)
    local s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13, s14, s15, s16 = ...
    local count = select("#", ...)
    if count > 16 or not are_asked(s1, s2, s3, s4, s5, s6, s7, s8) then return 0 end
    local address = first_with(0, s1, s2, s3, s4, s5, s6, s7, s8)
    if count <= 8 then return address end
    return are_asked(s9, s10, s11, s12, s13, s14, s15, s16)
        and first_with(address, s9, s10, s11, s12, s13, s14, s15, s16) or 0
end

function module.select(timeout, ...)
    if may_be_waited(timeout) then
        local address = first_of(...)
        local source = found[address]
        if source then
            local number = take_number(source, scratch)
            if number == number then return source, number end
        elseif address > 0 then
            pcall(remember, address, ...) -- without memory it is asked for again
        end
    end
    return choose(timeout, ...)
end

return true
