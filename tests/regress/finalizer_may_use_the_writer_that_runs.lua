-- story: a finalizer got its values between those that the writer was adding
-- A finalizer that used a writer, while the writer's add looked at its arguments, got its values between those of the
-- add, or had them thrown away with it. The values of each add stay together, and none is lost.

local mtmsg      = require("mtmsg")
local carray     = require("carray")
local finalizers = require("finalizers")
local tap        = require("tap")

local function flat(...)
    local texts = {}
    for i = 1, select("#", ...) do
        local value = select(i, ...)
        texts[i] = type(value) == "userdata" and "array" or tostring(value)
    end
    return table.concat(texts, " ")
end

local function sent(writer)
    local buffer = mtmsg.newbuffer()
    writer:addmsg(buffer)
    return flat(buffer:nextmsg(0))
end

-- expected(ran) are the possible messages.
local function check(act, expected, last)
    local chances = finalizers.each(function(n)
        local writer, others = mtmsg.newwriter(), mtmsg.newbuffer()
        writer:add("before")
        local ran, acted, ok, err = finalizers.during(n, function() act(writer, others) end, writer.add, writer,
            "one", "two", carray.new("uchar", { 7 }), last)
        tap.is(ok, type(last) ~= "table", tostring(err))
        tap.is(acted, ran or nil)
        local text = sent(writer)
        if others:msgcnt() > 0 then text = flat(others:nextmsg(0)) .. "; " .. text end
        for _, possible in ipairs(ran and expected or { type(last) == "table" and "before" or
            "before one two array " .. last }) do
            if text == possible then return ran end
        end
        error("got: " .. text)
    end)
    tap.note(chances .. " chances for finalizers")
end

local function add(writer) writer:add("nested") end
local function add_in_vain(writer) pcall(writer.add, writer, "vain", carray.new("int", 1), { io.stdout }) end
local function send(writer, others) writer:addmsg(others) end
local function clear(writer) writer:clear() end

for name, last in pairs { ["add"] = "three", ["long add"] = ("long "):rep(3000) } do
    local all = "one two array " .. last
    tap.test("a finalizer adds during an " .. name, function()
        check(add, { "before nested " .. all, "before " .. all .. " nested" }, last)
    end)

    tap.test("a finalizer's add that raises leaves nothing in an " .. name, function()
        check(add_in_vain, { "before " .. all }, last)
    end)

    tap.test("a finalizer sends during an " .. name, function()
        check(send, { "before; " .. all, "before " .. all .. "; " }, last)
    end)

    tap.test("a finalizer clears during an " .. name, function()
        check(clear, { all, "" }, last)
    end)
end

tap.test("a finalizer adds during an add that raises", function()
    check(add, { "before nested" }, { io.stdout })
end)

tap.test("a finalizer sends during an add that raises", function()
    check(send, { "before; " }, { io.stdout })
end)

tap.test("what is added in the metamethod of a collected array follows an add, or comes before it", function()
    local writer = mtmsg.newwriter(100, 0) -- of a fixed size: it never moves
    local full = 0
    local chances = finalizers.each(function(n)
        writer:clear()
        local ran, acted, ok, err = finalizers.during(n, function() writer:add(("y"):rep(60)) end, writer.add, writer,
            carray.new("uchar", 10), ("x"):rep(40))
        if ran and acted then
            full = full + 1
            tap.is(ok, false, "an add to a full writer")
            tap.begins(err, mtmsg.error.message_size)
            tap.is(sent(writer), ("y"):rep(60))
        else
            tap.is(ok, true, tostring(err))
            tap.is(sent(writer), "array " .. ("x"):rep(40))
        end
        return ran
    end)
    tap.note(chances .. " chances for finalizers")
    tap.is(full, chances, "adds that met a full writer")
end)

tap.done()
