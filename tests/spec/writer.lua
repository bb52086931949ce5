-- Writers: building messages, sending them, and what a writer holds after each outcome. Which values
-- it takes is in values.lua, what they cost in accounting.lua.

local spec  = require("spec")
local mtmsg = require("mtmsg")

local test, eq, gives, list = spec.test, spec.eq, spec.gives, spec.list
local raises_like, bad_argument = spec.raises_like, spec.bad_argument

local too_large = "^mtmsg%.error%.message_size: "

test("values added one by one are one message", function()
    local b, w = mtmsg.newbuffer(), mtmsg.newwriter()
    w:add("a")
    w:add("b", 3)
    w:add()
    w:add(nil, true)
    eq(b:msgcnt(), 0)
    eq(w:addmsg(b), true)
    eq(b:msgcnt(), 1)
    gives(list("a", "b", 3, nil, true), b:nextmsg(0))
end)

test("after addmsg and setmsg the writer is empty and can be used again", function()
    local b, w = mtmsg.newbuffer(), mtmsg.newwriter()
    for i = 1, 5 do
        w:add(i, ("x"):rep(i * 1000))
        eq(w:addmsg(b), true)
    end
    for i = 1, 5 do
        gives(list(i, ("x"):rep(i * 1000)), b:nextmsg(0))
    end
    b:addmsg("replaced")
    for i = 1, 5 do
        w:add(i)
        eq(w:setmsg(b), true)
    end
    eq(b:msgcnt(), 1)
    gives(list(5), b:nextmsg(0))
    eq(w:addmsg(b), true)
    gives(list(), b:nextmsg(0))
end)

test("an empty writer sends a message without values", function()
    local b, w = mtmsg.newbuffer(), mtmsg.newwriter()
    eq(w:addmsg(b), true)
    eq(w:addmsg(b), true)
    eq(b:msgcnt(), 2)
    eq(w:setmsg(b), true)
    eq(b:msgcnt(), 1)
    gives(list(), b:nextmsg(0))
    eq(b:msgcnt(), 0)
end)

test("clear drops the values", function()
    local b, w = mtmsg.newbuffer(), mtmsg.newwriter()
    w:clear()
    w:add("dropped", ("x"):rep(10000))
    w:clear()
    w:add("sent")
    w:addmsg(b)
    gives(list("sent"), b:nextmsg(0))
end)

test("writers do not share values", function()
    local b, w1, w2 = mtmsg.newbuffer(), mtmsg.newwriter(), mtmsg.newwriter()
    w1:add(1)
    w2:add(2)
    w1:addmsg(b)
    gives(list(1), b:nextmsg(0))
    w2:addmsg(b)
    gives(list(2), b:nextmsg(0))
end)

test("a message can have very many values", function()
    local b, w, r = mtmsg.newbuffer(), mtmsg.newwriter(10), mtmsg.newreader()
    local count = spec.many(20000, 300)
    for i = 1, count do
        w:add(i, "x")
    end
    w:addmsg(b)
    eq(r:nextmsg(b, 0), true)
    for i = 1, count do
        gives(list(i, "x"), r:next(2))
    end
    gives(list(), r:next())
end)

test("every grow factor but 0 takes any number of bytes", function()
    local b = mtmsg.newbuffer()
    for _, size in ipairs{0, 1, 10, 5000, -1} do
        for _, grow in ipairs{2, 1, 0.5, 1e-9, 1.0001, 3.7, 100} do
            local w = mtmsg.newwriter(size, grow)
            for i = 1, 20 do
                w:add(("y"):rep(i * 37))
            end
            eq(w:addmsg(b), true)
            eq(select("#", b:nextmsg(0)), 20)
        end
    end
    mtmsg.newwriter(18):add(("x"):rep(100))
    mtmsg.newwriter(nil, nil):add(("x"):rep(10000))
    mtmsg.newwriter(18, 2, "ignored"):add(("x"):rep(100))
end)

test("a full writer raises and stays as it was", function()
    local b, w = mtmsg.newbuffer(), mtmsg.newwriter(10, 0)
    local env = {w = w}
    w:add("123")
    raises_like("^mtmsg%.error%.message_size: message size %d+ exceeds limit of 10 bytes for ", "w:add('4567')", env)
    raises_like(too_large, "w:add('4', 5, '6')", env)
    w:add("456")
    raises_like(too_large, "w:add(nil)", env)
    w:add()
    eq(w:addmsg(b), true)
    gives(list("123", "456"), b:nextmsg(0))
    w:add("12345678")
    raises_like(too_large, "w:add(nil)", env)
    w:clear()
    w:add("87654321")
    eq(w:addmsg(b), true)
    gives(list("87654321"), b:nextmsg(0))
end)

test("a writer of the default size with grow factor 0 holds 1024 bytes", function()
    local w = mtmsg.newwriter(nil, 0)
    w:add(("x"):rep(1015))
    raises_like(too_large, "w:add(nil)", {w = w})
end)

test("a full buffer leaves the values in the writer", function()
    local b, w = mtmsg.newbuffer(8, 0), mtmsg.newwriter()
    b:addmsg("1")
    b:addmsg("2")
    w:add("3")
    eq(w:addmsg(b), false)
    eq(w:addmsg(b), false)
    gives(list("1"), b:nextmsg(0))
    eq(w:addmsg(b), true)
    gives(list("2"), b:nextmsg(0))
    gives(list("3"), b:nextmsg(0))
end)

test("a message larger than the buffer raises and leaves the values in the writer", function()
    local small, large, w = mtmsg.newbuffer(8, 0), mtmsg.newbuffer(), mtmsg.newwriter()
    small:addmsg("old")
    w:add("123456")
    for _, statement in ipairs{"w:addmsg(b)", "w:setmsg(b)"} do
        spec.raises("mtmsg.error.message_size: message size 9 exceeds limit of 8 bytes for " .. spec.label(small),
                    statement, {w = w, b = small})
        eq(small:msgcnt(), 1)
    end
    gives(list("old"), small:nextmsg(0))
    eq(w:addmsg(large), true)
    gives(list("123456"), large:nextmsg(0))
end)

test("setmsg replaces what does not fit together", function()
    local b, w = mtmsg.newbuffer(8, 0), mtmsg.newwriter()
    b:addmsg("1")
    b:addmsg("2")
    w:add("12345")
    eq(w:setmsg(b), true)
    eq(b:msgcnt(), 1)
    gives(list("12345"), b:nextmsg(0))
end)

test("a writer sends to listeners' buffers in turn", function()
    local lst, w = mtmsg.newlistener(), mtmsg.newwriter()
    local b1, b2 = lst:newbuffer(), lst:newbuffer()
    for _, b in ipairs{b1, b1, b2} do
        w:add(b:id())
        w:addmsg(b)
    end
    gives(list(b1:id()), lst:nextmsg(0))
    gives(list(b2:id()), lst:nextmsg(0))
    gives(list(b1:id()), lst:nextmsg(0))
end)

test("a writer sends to buffers only, and keeps its values otherwise", function()
    local b, w = mtmsg.newbuffer(), mtmsg.newwriter()
    local env = {w = w, lst = mtmsg.newlistener(), r = mtmsg.newreader()}
    w:add("kept")
    for _, name in ipairs{"addmsg", "setmsg"} do
        for _, argument in ipairs{"", "nil", "1", "'text'", "true", "{}", "print", "io.stdout", "lst", "w", "r"} do
            bad_argument(1, name, ("w:%s(%s)"):format(name, argument), env)
        end
    end
    eq(w:addmsg(b, "extra arguments are ignored"), true)
    gives(list("kept"), b:nextmsg(0))
end)

spec.run()
