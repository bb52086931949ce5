-- Readers: receiving messages, taking their values in portions, and what a reader holds after each
-- outcome. Timeouts are in timeouts.lua, sizes in accounting.lua, arrays in carray.lua.

local spec   = require("spec")
local mtmsg  = require("mtmsg")
local carray = require("carray")

local test, eq, gives, list = spec.test, spec.eq, spec.gives, spec.list
local raises, raises_like, bad_argument, label = spec.raises, spec.raises_like, spec.bad_argument, spec.label

local function holding(...)
    local b, r = mtmsg.newbuffer(), mtmsg.newreader()
    b:addmsg(...)
    eq(r:nextmsg(b), true)
    return r, b
end

test("values are taken one by one or several at once", function()
    local r = holding("a", 2, nil, false, "e", nil)
    gives(list("a"), r:next())
    gives(list(2, nil), r:next(2))
    gives(list(false), r:next(1))
    gives(list("e", nil), r:next(2))
    gives(list(), r:next())
    gives(list(), r:next(5))
end)

test("a count larger than what is left gives what is left", function()
    local r = holding(1, 2, 3)
    gives(list(1), r:next())
    gives(list(2, 3), r:next(1000000000))
    gives(list(), r:next(1))
end)

test("a count of 0 takes nothing", function()
    local r = holding(1, 2)
    gives(list(), r:next(0))
    gives(list(1, 2), r:next(2))
end)

test("a negative count gives all the rest", function()
    for _, count in ipairs{-1, -2, -100, -2^31} do
        local r = holding(1, "2", nil, 4)
        gives(list(1), r:next())
        gives(list("2", nil, 4), r:next(count))
        gives(list(), r:next(count))
    end
end)

test("nil as count is the default", function()
    local r = holding(1, 2)
    gives(list(1), r:next(nil))
    gives(list(2), r:next())
end)

test("a new reader holds nothing", function()
    local r = mtmsg.newreader()
    gives(list(), r:next())
    gives(list(), r:next(-1))
    r:clear()
    gives(list(), r:next())
end)

test("clear drops the values", function()
    local r, b = holding(1, 2, 3)
    r:next()
    r:clear()
    gives(list(), r:next(-1))
    b:addmsg("new")
    eq(r:nextmsg(b), true)
    gives(list("new"), r:next(-1))
end)

test("a received message leaves its buffer", function()
    local b, r = mtmsg.newbuffer(), mtmsg.newreader()
    b:addmsg("one")
    b:addmsg("two")
    eq(r:nextmsg(b), true)
    eq(b:msgcnt(), 1)
    gives(list("two"), b:nextmsg(0))
    gives(list("one"), r:next(-1))
end)

test("a message without values is received as one", function()
    local b, r = mtmsg.newbuffer(), mtmsg.newreader()
    b:addmsg()
    eq(r:nextmsg(b, 0), true)
    gives(list(), r:next())
    eq(r:nextmsg(b, 0), false)
end)

test("a new message replaces the old values", function()
    local r, b = holding("old", "old", "old")
    b:addmsg("new", 1)
    r:next()
    eq(r:nextmsg(b), true)
    gives(list("new", 1), r:next(-1))
end)

test("the old values go whatever comes of nextmsg", function()
    local empty, closed, aborted, large = mtmsg.newbuffer(), mtmsg.newbuffer(), mtmsg.newbuffer(), mtmsg.newbuffer()
    local lst, closed_lst, aborted_lst = mtmsg.newlistener(), mtmsg.newlistener(), mtmsg.newlistener()
    local lb = lst:newbuffer()
    local b, r = mtmsg.newbuffer(), mtmsg.newreader(10, 0)
    local function refill()
        b:addmsg("old")
        eq(r:nextmsg(b), true)
    end
    closed:close()
    closed_lst:close()
    aborted:abort()
    aborted_lst:abort()
    large:addmsg("larger than the reader")
    local env = {r = r, closed = closed, aborted = aborted, closed_lst = closed_lst, aborted_lst = aborted_lst,
                 large = large, no_buffers = mtmsg.newlistener()}
    for statement, expected in pairs{
        ["r:nextmsg(closed)"] = "^mtmsg%.error%.object_closed: ",
        ["r:nextmsg(closed_lst, 0)"] = "^mtmsg%.error%.object_closed: ",
        ["r:nextmsg(aborted)"] = "^mtmsg%.error%.operation_aborted$",
        ["r:nextmsg(aborted_lst, 0)"] = "^mtmsg%.error%.operation_aborted$",
        ["r:nextmsg(no_buffers)"] = "^mtmsg%.error%.no_buffers: ",
        ["r:nextmsg(large)"] = "^mtmsg%.error%.message_size: ",
    } do
        refill()
        raises_like(expected, statement, env)
        gives(list(), r:next(-1))
    end
    for _, source in ipairs{empty, lst} do
        refill()
        eq(r:nextmsg(source, 0), false)
        gives(list(), r:next(-1))
    end
    eq(large:msgcnt(), 1)
    eq(lb:msgcnt(), 0)
end)

test("wrong arguments leave the old values", function()
    local r, b = holding("old", "values")
    local env = {r = r, b = b, w = mtmsg.newwriter()}
    b:addmsg("new")
    for _, argument in ipairs{"", "nil", "1", "'text'", "{}", "print", "io.stdout", "w", "r"} do
        bad_argument(1, "nextmsg", ("r:nextmsg(%s)"):format(argument), env)
    end
    for _, argument in ipairs{"'text'", "{}", "true", "print", "b"} do
        bad_argument(2, "nextmsg", ("r:nextmsg(b, %s)"):format(argument), env, "timeout seconds expected")
    end
    bad_argument(2, "nextmsg", "r:nextmsg(b, 0/0)", env)
    eq(b:msgcnt(), 1)
    gives(list("old", "values"), r:next(-1))
end)

test("wrong arguments of next consume nothing", function()
    local r = holding("first", "second")
    local env = {r = r, c = carray.new("int", {1, 2})}
    for _, argument in ipairs{"'text'", "{}", "true", "print", "io.stdout"} do
        bad_argument(1, "next", ("r:next(%s)"):format(argument), env, "integer or carray expected")
        for i, before in ipairs{"1", "2, c", "c, nil, c"} do
            bad_argument(i + 1, "next", ("r:next(%s, %s)"):format(before, argument), env,
                         "carray expected")
        end
    end
    eq(env.c:len(), 2)
    gives(list("first", "second"), r:next(-1))
end)

test("next that cannot deliver consumes nothing", function()
    local r = holding("before", carray.new("int", {7}), "after")
    for _, count in ipairs{2, 3, -1} do
        carray.fail("raise", 1)
        spec.error_of("r:next(count)", {r = r, count = count})
    end
    gives(list("before"), r:next())
    carray.fail("new", 1)
    spec.error_of("r:next(2)", {r = r})
    local array, after, more = r:next(-1)
    eq(array:get(1), 7)
    eq(after, "after")
    eq(more, nil)
end)

test("more values than the stack takes are left for smaller portions", function()
    local b, w, r = mtmsg.newbuffer(), mtmsg.newwriter(), mtmsg.newreader()
    local unpack = table.unpack or unpack
    local thousand = {}
    for i = 1, 1000 do
        thousand[i] = i
    end
    for _ = 1, 1001 do
        w:add(unpack(thousand))
    end
    w:addmsg(b)
    eq(r:nextmsg(b), true)
    spec.error_of("r:next(-1)", {r = r})
    spec.error_of("r:next(1001000)", {r = r})
    gives(list(1, 2, 3), r:next(3))
    gives(list(4), r:next())
end)

test("a fixed reader refuses what is larger and leaves it first in line", function()
    local b, small, large = mtmsg.newbuffer(), mtmsg.newreader(10, 0), mtmsg.newreader()
    b:addmsg("123456789")
    b:addmsg("second")
    for _ = 1, 3 do
        raises_like("^mtmsg%.error%.message_size: message size 11 exceeds limit of 10 bytes for ",
                    "r:nextmsg(b)", {r = small, b = b})
        eq(b:msgcnt(), 2)
    end
    eq(large:nextmsg(b), true)
    gives(list("123456789"), large:next(-1))
    eq(small:nextmsg(b), true)
    gives(list("second"), small:next(-1))
end)

test("a listener's message too large for a reader stays, and the others have their turn", function()
    local lst, small = mtmsg.newlistener(), mtmsg.newreader(10, 0)
    local b1, b2 = lst:newbuffer(), lst:newbuffer()
    b1:addmsg("123456789")
    b2:addmsg("b2")
    raises_like("^mtmsg%.error%.message_size: ", "r:nextmsg(lst)", {r = small, lst = lst})
    eq(b1:msgcnt() + b2:msgcnt(), 2)
    eq(small:nextmsg(lst), true)
    gives(list("b2"), small:next(-1))
    for _ = 1, 3 do
        raises_like("^mtmsg%.error%.message_size: ", "r:nextmsg(lst)", {r = small, lst = lst})
    end
    gives(list("123456789"), lst:nextmsg(0))
end)

test("every grow factor but 0 takes any number of bytes", function()
    local b = mtmsg.newbuffer()
    for _, size in ipairs{0, 1, 10, 5000, -1} do
        for _, grow in ipairs{2, 1, 0.5, 1e-9, 1.0001, 3.7, 100} do
            local r = mtmsg.newreader(size, grow)
            for i = 1, 5 do
                b:addmsg(("y"):rep(i * i * i * 37))
                eq(r:nextmsg(b), true)
                gives(list(("y"):rep(i * i * i * 37)), r:next())
            end
        end
    end
end)

test("a reader of the default size with grow factor 0 holds 1024 bytes", function()
    local b, r = mtmsg.newbuffer(), mtmsg.newreader(nil, 0)
    b:addmsg(("x"):rep(1015))
    b:addmsg(("x"):rep(1016))
    eq(r:nextmsg(b), true)
    raises_like("^mtmsg%.error%.message_size: message size 1025 exceeds limit of 1024 ", "r:nextmsg(b)", {r = r, b = b})
    eq(b:msgcnt(), 1)
end)

test("errors name the object that was received from", function()
    local b, lst, r = mtmsg.newbuffer("the buffer"), mtmsg.newlistener("the listener"), mtmsg.newreader()
    b:close()
    lst:close()
    raises("mtmsg.error.object_closed: " .. label(b), "r:nextmsg(b)", {r = r, b = b})
    raises("mtmsg.error.object_closed: " .. label(lst), "r:nextmsg(lst)", {r = r, lst = lst})
end)

spec.run()
