-- story: a finalizer freed the bytes that the reader was reading
-- A finalizer that cleared or refilled a reader, while the reader's next looked at its arguments or made values,
-- freed the bytes that next was reading. Now next gives the values of one message or of the other, and never a
-- mixture.

local mtmsg      = require("mtmsg")
local carray     = require("carray")
local finalizers = require("finalizers")
local tap        = require("tap")

local long = ("x"):rep(10000)

local function loaded(array)
    local buffer, reader = mtmsg.newbuffer(), mtmsg.newreader()
    buffer:addmsg(long, carray.new("int", { 1, 2, 3 }), "last")
    reader:nextmsg(buffer)
    return reader, reader.next, reader, 9, array
end

local function is_first(text, array, last, more)
    tap.is(text, long)
    tap.gives({ 1, 2, 3 }, array:values())
    tap.is(last, "last")
    tap.is(more, nil)
end

local function check(array, act, is_second)
    local chances = finalizers.each(function(n)
        local reader, f, self, count, given = loaded(array)
        local results = { finalizers.during(n, function() act(reader) end, f, self, count, given) }
        local ran, acted, ok = results[1], results[2], results[3]
        tap.is(ok, true, tostring(results[4]))
        local is = ran and acted and is_second or is_first
        is((table.unpack or unpack)(results, 4))
        return ran
    end)
    tap.note(chances .. " chances for finalizers")
end

local other = mtmsg.newbuffer()

for name, new in pairs {
    ["without a given array"] = function() end,
    ["with a given array"] = function() return carray.new("int", 1) end,
    ["with a given array of another type"] = function() return carray.new("double", 1) end,
} do
    tap.test("a finalizer clears the reader, " .. name, function()
        check(new(), function(reader) reader:clear() end, function(...) tap.is(select("#", ...), 0) end)
    end)

    tap.test("a finalizer lets the reader receive another message, " .. name, function()
        check(new(), function(reader)
            other:setmsg("another", "message")
            assert(reader:nextmsg(other, 0))
        end, function(...) tap.gives({ "another", "message" }, ...) end)
    end)
end

-- What an array module calls while it makes an array may do the same.
for name, use in pairs {
    clear = function(reader) reader:clear() end,
    nextmsg = function(reader) reader:nextmsg(other, 0) end,
    next = function(reader) reader:next(9) end,
} do
    tap.test("the reader's " .. name .. " is refused while its next makes an array", function()
        local reader = loaded()
        other:setmsg("another")
        local ok, err
        carray.hook(function()
            carray.hook(nil)
            ok, err = pcall(use, reader)
        end)
        is_first(reader:next(9))
        tap.is(ok, false, "success of " .. name)
        tap.contains(err, "mtmsg.reader")
        tap.is(select("#", reader:next(9)), 0)
        tap.is(other:msgcnt(), 1)
    end)
end

tap.test("a next that raises leaves the reader usable, with all of its values", function()
    local reader = loaded()
    carray.hook(function()
        carray.hook(nil)
        error("no array today")
    end)
    tap.is(pcall(reader.next, reader, 9), false)
    is_first(reader:next(9))
end)

tap.done()
