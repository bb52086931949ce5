-- Leases and giving back: a reader's message is done, or goes back to its place. What becomes of those of threads that
-- die is in tests/thread/leases_outlive_their_workers.lua.

local spec  = require("spec")
local mtmsg = require("mtmsg")

local test, eq, gives, list = spec.test, spec.eq, spec.gives, spec.list
local bad_argument, raises_like = spec.bad_argument, spec.raises_like

local function lease(options)
    options = options or {}
    options.lease = true
    return mtmsg.newreader(options)
end

-- A buffer with the messages 1, 2, 3.
local function three(buffer)
    buffer = buffer or mtmsg.newbuffer()
    for i = 1, 3 do
        buffer:addmsg(i, "number " .. i)
    end
    return buffer
end

local function all_of(source)
    local numbers = {}
    while true do
        local number = source:nextmsg(0)
        if not number then break end
        numbers[#numbers + 1] = number
    end
    return table.concat(numbers, " ")
end

test("a table gives a reader's options", function()
    local b = mtmsg.newbuffer()
    local r = mtmsg.newreader{size = 10, grow = 0, lease = false}
    b:addmsg("123456789")
    raises_like("^mtmsg%.error%.message_size: ", "r:nextmsg(b)", {r = r, b = b})
    r = mtmsg.newreader{}
    eq(r:nextmsg(b), true)
    gives(list("123456789"), r:next(-1))
    for _, options in ipairs{"{lease = 1}", "{lease = 'yes'}", "{limit = 1}", "{name = 'r'}", "{1}", "{size = 'x'}"} do
        bad_argument(1, "newreader", ("mtmsg.newreader(%s)"):format(options), {mtmsg = mtmsg})
    end
end)

test("a lease goes back, first in line, when its reader is collected", function()
    local b = three()
    do
        local r = lease()
        eq(r:nextmsg(b), true)
        gives(list(1), r:next())
        eq(b:msgcnt(), 2)
    end
    spec.collect()
    eq(b:msgcnt(), 3)
    eq(all_of(b), "1 2 3")
end)

test("what is done does not go back", function()
    local b = three()
    do
        local r = lease()
        eq(r:nextmsg(b), true)
        gives(list(), r:done())
        gives(list(1, "number 1"), r:next(-1)) -- the values stay
        eq(r:putback(), false)
        r:done()
    end
    spec.collect()
    eq(all_of(b), "2 3")
end)

test("the next receive counts as done, whatever comes of it", function()
    local b, empty, closed = three(), mtmsg.newbuffer(), mtmsg.newbuffer()
    closed:close()
    do
        local r = lease()
        eq(r:nextmsg(b), true)
        eq(r:nextmsg(b), true)
        gives(list(2), r:next())
        eq(r:nextmsg(empty, 0), false)
        eq(r:nextmsg(b), true)
        raises_like("^mtmsg%.error%.object_closed: ", "r:nextmsg(closed)", {r = r, closed = closed})
    end
    spec.collect()
    eq(b:msgcnt(), 0)
end)

test("a wrong argument is no receive", function()
    local b, r = three(), lease()
    eq(r:nextmsg(b), true)
    bad_argument(1, "nextmsg", "r:nextmsg(1)", {r = r})
    bad_argument(2, "nextmsg", "r:nextmsg(b, 'x')", {r = r, b = b})
    eq(r:putback(), true)
    eq(all_of(b), "1 2 3")
end)

test("clear counts as done", function()
    local b, r = three(), lease()
    eq(r:nextmsg(b), true)
    r:clear()
    eq(r:putback(), false)
    eq(all_of(b), "2 3")
end)

test("every reader gives back, however much of the message was read", function()
    for _, r in ipairs{mtmsg.newreader(), lease(), mtmsg.newreader(100, 0), lease{size = 100, grow = 0}} do
        local b = three()
        eq(r:putback(), false)
        for count = 0, 2 do
            eq(r:nextmsg(b), true)
            r:next(count)
            eq(r:putback(), true)
            gives(list(), r:next(-1))
            eq(r:putback(), false)
        end
        eq(r:nextmsg(b), true)
        gives(list(1, "number 1"), r:next(-1))
        eq(all_of(b), "2 3")
    end
end)

test("what comes back has its place among others that did", function()
    local b, readers = three(), {}
    b:addmsg(4)
    for i = 1, 3 do
        readers[i] = i % 2 == 0 and mtmsg.newreader() or lease()
        eq(readers[i]:nextmsg(b), true)
    end
    for _, i in ipairs{2, 3, 1} do
        eq(readers[i]:putback(), true)
    end
    eq(all_of(b), "1 2 3 4")
end)

test("large messages and tables come back as they were", function()
    local b, r = mtmsg.newbuffer(), lease()
    local text = ("x"):rep(100000)
    b:addmsg(text, {text, {1, 2}}, "end")
    for count = 0, 3 do
        eq(r:nextmsg(b), true)
        r:next(count)
        eq(r:putback(), true)
    end
    eq(r:nextmsg(b), true)
    local first, second, third = r:next(-1)
    eq(first, text)
    eq(second[1], text)
    eq(second[2][2], 2)
    eq(third, "end")
    r:done()
end)

test("the messages of its time may have been thrown away", function()
    for _, throw in ipairs{function(b) b:clear() end, function(b) b:setmsg("new") end} do
        for _, r in ipairs{mtmsg.newreader(), lease()} do
            local b = three()
            eq(r:nextmsg(b), true)
            throw(b)
            eq(r:putback(), false)
            gives(list(), r:next(-1))
            b:clear()
            eq(b:msgcnt(), 0)
        end
    end
end)

test("the buffer may be closed, or gone", function()
    for _, r in ipairs{mtmsg.newreader(), lease()} do
        local b = three()
        eq(r:nextmsg(b), true)
        b:close()
        gives(list(nil, "mtmsg.error.object_closed"), r:putback())
        eq(r:putback(), false)
    end
    local r = mtmsg.newreader()
    do
        local b = three()
        eq(r:nextmsg(b), true)
    end
    spec.collect()
    gives(list(nil, "mtmsg.error.object_closed"), r:putback())
    gives(list(1, "number 1"), r:next(-1)) -- it is still there
end)

test("a lease keeps its buffer, which is found", function()
    local r, id = lease()
    do
        local b = three()
        id = b:id()
        eq(r:nextmsg(b), true)
    end
    spec.collect()
    eq(mtmsg.buffer(id):msgcnt(), 2)
    eq(r:putback(), true)
    spec.collect()
    raises_like("^mtmsg%.error%.unknown_object: ", "mtmsg.buffer(id)", {mtmsg = mtmsg, id = id})
end)

test("a message goes back to an aborted buffer", function()
    local b, r, plain = three(), lease(), mtmsg.newreader()
    eq(r:nextmsg(b), true)
    eq(plain:nextmsg(b), true)
    b:abort()
    eq(r:putback(), true)
    eq(plain:putback(), true)
    eq(b:msgcnt(), 3)
    b:abort(false)
    eq(r:nextmsg(b), true)
    eq(plain:nextmsg(b), true)
    mtmsg.abort()
    eq(r:putback(), true)
    gives(list(nil, "mtmsg.error.operation_aborted"), plain:putback()) -- its buffer must be found
    mtmsg.abort(false)
    eq(plain:putback(), true)
    eq(all_of(b), "1 2 3")
end)

test("a message goes back into a buffer that is full", function()
    local b, r = mtmsg.newbuffer(4, 0), lease()
    eq(b:addmsg("1"), true)
    eq(r:nextmsg(b), true)
    eq(b:addmsg("2"), true)
    eq(r:putback(), true)
    eq(b:msgcnt(), 2)
    eq(b:addmsg("3"), false)
    eq(all_of(b), "1 2")
    b = mtmsg.newbuffer{limit = 1}
    eq(b:addmsg(1), true)
    eq(r:nextmsg(b), true)
    eq(b:addmsg(2), true)
    eq(r:putback(), true)
    eq(b:addmsg(3), false)
    eq(all_of(b), "1 2")
end)

test("a listener's message goes back to its buffer", function()
    local lst = mtmsg.newlistener()
    local b1, b2 = lst:newbuffer(), lst:newbuffer()
    for _, r in ipairs{mtmsg.newreader(), lease()} do
        b1:addmsg("b1")
        b2:addmsg("b2")
        eq(r:nextmsg(lst), true)
        gives(list("b1"), r:next(-1))
        eq(r:putback(), true)
        gives(list("b2"), lst:nextmsg(0)) -- b1 has had its turn
        gives(list("b1"), lst:nextmsg(0))
        gives(list(), lst:nextmsg(0))
    end
end)

test("a buffer of a listener is left to drain while there is a lease of its", function()
    local lst, r = mtmsg.newlistener(), lease()
    do
        lst:newbuffer():addmsg("job")
    end
    spec.collect()
    eq(r:nextmsg(lst), true)
    gives(list(), lst:nextmsg(0)) -- no no_buffers yet
    eq(r:putback(), true)
    eq(r:nextmsg(lst), true)
    gives(list("job"), r:next(-1))
    r:done()
    raises_like("^mtmsg%.error%.no_buffers: ", "lst:nextmsg(0)", {lst = lst})
end)

test("a finished buffer is drained while there is a lease, and not any more when it comes back", function()
    local b, r = mtmsg.newbuffer(), lease()
    b:addmsg("last")
    b:finish()
    eq(r:nextmsg(b), true)
    raises_like("^mtmsg%.error%.object_closed: ", "b:nextmsg(0)", {b = b})
    eq(r:putback(), true)
    gives(list("last"), b:nextmsg(0))
    raises_like("^mtmsg%.error%.object_closed: ", "b:nextmsg(0)", {b = b})

    local lst = mtmsg.newlistener()
    b = lst:newbuffer()
    b:addmsg("last")
    lst:finish()
    eq(r:nextmsg(lst), true)
    raises_like("^mtmsg%.error%.object_closed: ", "lst:nextmsg(0)", {lst = lst})
    eq(r:putback(), true)
    gives(list("last"), lst:nextmsg(0))
    raises_like("^mtmsg%.error%.object_closed: ", "lst:nextmsg(0)", {lst = lst})
end)

test("the notifier of the removal fails: the message is in the reader, and a lease", function()
    local b, broken = three(), mtmsg.newbuffer(1, 0)
    b:notifier(broken, "<")
    broken:addmsg() -- now it is full
    do
        local r = lease()
        spec.error_of("r:nextmsg(b)", {r = r, b = b})
        gives(list(1), r:next())
        b:notifier(nil, "<")
    end
    spec.collect()
    eq(all_of(b), "1 2 3")
end)

test("self must be a reader", function()
    for _, method in ipairs{"done", "putback"} do
        for _, self in ipairs{"", "mtmsg.newbuffer()", "mtmsg.newwriter()", "{}"} do
            spec.matches(spec.error_of(("mtmsg.newreader().%s(%s)"):format(method, self), {mtmsg = mtmsg}),
                         "bad argument #1 to '.*' %(mtmsg%.reader expected, got ")
        end
    end
end)

spec.run()
