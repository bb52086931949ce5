-- Messages of every kind, as lists of values that are there before memory fails, and their comparison with what
-- arrives. It asks buffers for nothing.

local carray = require "carray"
local fault  = require "fault"

local messages = {}

-- Kept, so that making a message makes nothing else.
local long, large, larger = ("s"):rep(300), ("b"):rep(9000), ("c"):rep(2000)
local array, doubles, none = carray.new("int", {1, 2, 3}), carray.new("double", 700), carray.new("schar", 0)
local small_pointer, large_pointer = fault.pointer(64), fault.pointer(2 ^ 40 + 64)

-- The first value tells the messages of one kind apart.
messages.kinds = {
    plain = function(i) return {n = 6, i, 2.5, true, nil, false, -1e300} end,
    short = function(i) return {n = 3, i, "short" .. i, ""} end,
    text = function(i) return {n = 3, i, long, "after"} end,
    large = function(i) return {n = 4, i, large, larger, i} end,
    pointers = function(i) return {n = 3, i, small_pointer, large_pointer} end,
    functions = function(i) return {n = 2, i, fault.version} end,
    arrays = function(i) return {n = 4, i, array, doubles, none} end,
    many = function(i)
        local list = {n = 600, i}
        for k = 2, 600 do list[k] = k % 2 == 0 and k * 1000 or "text" .. k end
        return list
    end,
    tables = function(i)
        local shared, deep = {"shared", longkey = 1}, {i}
        for level = 1, 80 do deep = {level, inner = deep, longkey = shared} end
        return {n = 4, i, {1, 2, nil, 4, [-1] = "x", [2.5] = shared, longkey = {}}, shared, deep}
    end,
    code = function(i)
        local function count(n) return n == 0 and i or count(n - 1) end
        return {n = 3, i, count, {functions = {count, require}}}
    end,
    empty = function() return {n = 0} end,
}

if rawget(_G, "jit") then -- integers that are no numbers
    local wide = require("ffi").new("int64_t", 2 ^ 53) + 1
    local list = {wide, x = wide}
    messages.kinds["an integer of 64 bits"] = function(i) return {n = 1, wide + 2 * i} end
    messages.kinds["integers of 64 bits"] = function(i) return {n = 3, i, wide, list} end
end

messages.unpack = table.unpack or unpack

local carray_class = debug.getmetatable(array)

local function show(value)
    if type(value) == "table" then
        local texts = {}
        for k, v in pairs(value) do texts[#texts + 1] = tostring(k) .. "=" .. show(v) end
        table.sort(texts)
        return "{" .. table.concat(texts, " ") .. "}"
    end
    if value == require then return "require" end
    if type(value) == "userdata" and debug.getmetatable(value) == carray_class then
        return value:type() .. "[" .. table.concat({value:values()}, " ") .. "]"
    end
    if type(value) == "function" and debug.getinfo(value, "S").what ~= "C" then return "function of " .. value(3) end
    if type(value) == "function" then return "C function with the value " .. value() end -- it need not be the same
    return tostring(value)
end

-- The values as one text, of the first `most` only if that is given.
function messages.flat(list, most)
    local texts = {}
    for i = 1, most and math.min(most, list.n) or list.n do texts[i] = show(list[i]) end
    return table.concat(texts, ",")
end

function messages.pack(...)
    return {n = select("#", ...), ...}
end

-- The next messages of the buffer are those of the lists, and no more are there.
function messages.remain(buffer, lists, from)
    from = from or 1
    assert(buffer:msgcnt() == #lists - from + 1,
        ("%d messages where %d were expected"):format(buffer:msgcnt(), #lists - from + 1))
    for k = from, #lists do
        local got, expected = messages.flat(messages.pack(buffer:nextmsg(0))), messages.flat(lists[k])
        if got ~= expected then
            error(("message %d: %s where %s was expected"):format(k, got:sub(1, 200), expected:sub(1, 200)))
        end
    end
    assert(buffer:msgcnt() == 0)
    assert(buffer:addmsg("works") and buffer:nextmsg(0) == "works")
end

return messages
