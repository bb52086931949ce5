-- Very large messages, messages of very many values, and names of any length and any bytes. What takes more than 3 GB
-- of memory is tried with BIG=1 alone.

local heap  = require("heap")
local mtmsg = require("mtmsg")
local tap   = require("tap")

local big = os.getenv("BIG") == "1"

local function collect()
    collectgarbage()
    collectgarbage()
end

-- Runs body if it may take so many GB and the machine has them.
local function with_memory(gigabytes, name, body)
    local available = heap.available()
    if gigabytes > 3 and not big then
        return tap.skip(name, ("BIG=1 is not set: it takes %d GB"):format(gigabytes))
    elseif available and available < gigabytes * 2 ^ 30 then
        return tap.skip(name, ("%.1f GB of memory are free, and it takes %d"):format(available / 2 ^ 30, gigabytes))
    end
    tap.test(name, body)
    collect()
end

-- The ends and a few places in between are enough to see whether a copy was cut or shifted.
local function same(a, b)
    if #a ~= #b then return false end
    for i = 0, 64 do
        local at = 1 + math.floor((#a - 16) / 64 * i)
        if a:sub(at, at + 15) ~= b:sub(at, at + 15) then return false end
    end
    return true
end

local function text(size)
    if size > 2 ^ 30 then -- string.rep goes no further than 2 GB
        local half = text(math.floor(size / 2))
        return size % 2 == 0 and half .. half or half .. half .. "x"
    end
    local part = {}
    for i = 1, 4096 do part[i] = ("%08x"):format(i * 2654435 % 2 ^ 32) end
    part = table.concat(part)
    return part:rep(math.floor(size / #part)) .. part:sub(1, math.floor(size % #part))
end

local function travels(size, new_buffer)
    local sent, buffer = text(size), new_buffer()
    tap.is(buffer:addmsg(1, sent, 2), true)
    local a, received, b = buffer:nextmsg(0)
    tap.is(a, 1)
    tap.is(b, 2)
    tap.ok(same(received, sent), "the string has changed")
    tap.is(buffer:msgcnt(), 0)
end

with_memory(2, "a string of 400 MB travels through a buffer", function()
    travels(400e6, mtmsg.newbuffer)
end)

with_memory(2, "a string of 400 MB travels through a buffer whose size was given", function()
    travels(400e6, function() return mtmsg.newbuffer(1000) end)
end)

local strings_of_2gb = _VERSION ~= "Lua 5.1" -- LuaJIT and 5.1 have smaller ones
if strings_of_2gb then
    with_memory(8, "a string of more than 2 GB travels through a buffer", function()
        travels(2 ^ 31 + 12345, mtmsg.newbuffer)
    end)
    with_memory(12, "a message of more than 4 GB travels through a buffer", function()
        local buffer, writer, sent = mtmsg.newbuffer(), mtmsg.newwriter(), text(2 ^ 30)
        for i = 1, 4 do writer:add(i, sent) end
        writer:add("end")
        tap.is(writer:addmsg(buffer), true)
        writer = nil
        collect()
        local reader = mtmsg.newreader()
        tap.is(reader:nextmsg(buffer, 0), true)
        for i = 1, 4 do
            local number, received = reader:next(2)
            tap.is(number, i)
            tap.ok(same(received, sent), "a string has changed")
            received = nil
            collect()
        end
        tap.is(reader:next(), "end")
    end)
end

-- ---- many values

local function message_of(count, buffer)
    local writer, chunk = mtmsg.newwriter(), {}
    for first = 1, count, 100 do
        local n = math.min(100, count - first + 1)
        for i = 1, n do chunk[i] = first + i - 1 end
        writer:add((table.unpack or unpack)(chunk, 1, n))
    end
    tap.is(writer:addmsg(buffer), true)
end

local function check_by_reader(count, buffer)
    local reader, number = mtmsg.newreader(), 0
    tap.is(reader:nextmsg(buffer, 0), true)
    while true do
        local values = { reader:next(100) }
        if #values == 0 then break end
        for _, value in ipairs(values) do
            number = number + 1
            tap.is(value, number)
        end
    end
    tap.is(number, count, "values")
end

tap.test("a message of a million values is taken by a reader, a hundred at a time", function()
    local buffer = mtmsg.newbuffer()
    message_of(1000000, buffer)
    tap.is(buffer:msgcnt(), 1)
    check_by_reader(1000000, buffer)
end)

for _, count in ipairs { 250, 7000, 8000, 60000, 200000, 900000, 999000, 1000000, 1100000, 3000000 } do
    local name = "a message of %d values comes as a whole, or stays in the buffer and an error is raised"
    tap.test(name:format(count), function()
        local buffer = mtmsg.newbuffer()
        buffer:addmsg("before")
        message_of(count, buffer)
        buffer:addmsg("after")
        tap.is(buffer:nextmsg(0), "before")
        local ok, values = pcall(function() return { buffer:nextmsg(0) } end)
        if ok then
            tap.is(#values, count)
            for i = 1, count do tap.is(values[i], i) end
        else
            tap.note("not on this stack: " .. tostring(values))
            tap.is(buffer:msgcnt(), 2)
            check_by_reader(count, buffer)
        end
        tap.is(buffer:nextmsg(0), "after")
    end)
end

-- ---- names

tap.test("names may have any bytes and any length, and are told apart by all of them", function()
    local all = {}
    for i = 0, 255 do all[i + 1] = string.char(i) end
    local every_byte = table.concat(all)
    local long = every_byte:rep(4096) -- a megabyte
    local names = { "", "\0", "\0\0", "a", "a\0", "a\0b", "\255", every_byte, long, long .. "x", long:sub(2) }
    for _, kind in ipairs { "buffer", "listener" } do
        local objects = {}
        for i, name in ipairs(names) do
            objects[i] = mtmsg["new" .. kind](name)
            tap.ok(objects[i]:name() == name, "the name has changed")
        end
        for i, name in ipairs(names) do
            tap.is(mtmsg[kind](name):id(), objects[i]:id())
            tap.ok(tostring(objects[i]):find(("id=%.0f"):format(objects[i]:id()), 1, true))
        end
        local twin = mtmsg["new" .. kind](long)
        tap.raises(mtmsg.error.ambiguous_name, mtmsg[kind], long)
        objects = { twin }
        collect()
        tap.is(mtmsg[kind](long):id(), twin:id())
        tap.raises(mtmsg.error.unknown_object, mtmsg[kind], "a\0b")
    end
end)

tap.done()
