-- putmsg: what it returns and raises, as far as one thread can see. Who waits for room in other
-- threads is in tests/thread.

local spec  = require("spec")
local mtmsg = require("mtmsg")

local test, eq, gives, list = spec.test, spec.eq, spec.gives, spec.list
local errors = mtmsg.error

test("with room it adds, and returns true", function()
    for _, b in ipairs{mtmsg.newbuffer(), mtmsg.newbuffer{limit = 4}, mtmsg.newbuffer(1000, 0)} do
        gives(list(true), b:putmsg())
        gives(list(true), b:putmsg(1, "two", nil, {3}))
        gives(list(true), b:putmsg(("x"):rep(300)))
        gives(list(), b:nextmsg())
        local one, two, three, four = b:nextmsg()
        gives(list(1, "two", nil, 3), one, two, three, four[1])
        gives(list(("x"):rep(300)), b:nextmsg())
    end
end)

test("it waits as long as its reference object allows", function()
    local b = mtmsg.newbuffer{limit = 1}
    eq(b:putmsg(1), true)
    b:settimeout(0)
    gives(list(nil, errors.timeout), b:putmsg(2))
    local begun = mtmsg.time()
    b:settimeout(0.05)
    gives(list(nil, errors.timeout), b:putmsg(2))
    eq(mtmsg.time() - begun > 0.04, true)
    b:settimeout(nil)
    b:nonblock()
    gives(list(nil, errors.timeout), b:putmsg(2))
    gives(list(nil, errors.timeout), b:putmsg({2}, ("x"):rep(100000)))
    eq(b:msgcnt(), 1)
    gives(list(1), b:nextmsg())
    eq(b:putmsg(2), true)
end)

test("an end is a result", function()
    local b = mtmsg.newbuffer{limit = 1}
    b:abort()
    gives(list(nil, errors.operation_aborted), b:putmsg(1))
    b:abort(false)
    b:finish()
    gives(list(nil, errors.object_closed), b:putmsg(1))
    b:close()
    gives(list(nil, errors.object_closed), b:putmsg({}))
    local released = mtmsg.newbuffer()
    released:release()
    gives(list(nil, errors.object_closed), released:putmsg(1))
end)

test("where the oldest make room it never waits", function()
    local b = mtmsg.newbuffer{limit = 2, overflow = "oldest"}
    for i = 1, 5 do eq(b:putmsg(i), true) end
    gives(list(4), b:nextmsg())
    gives(list(5), b:nextmsg())
end)

test("what is wrong is raised", function()
    local b = mtmsg.newbuffer{maxbytes = 20}
    spec.raises_like("^mtmsg%.error%.message_size", "b:putmsg(('x'):rep(20))", {b = b})
    spec.bad_argument(1, "putmsg", "b:putmsg(coroutine.create(function() end))", {b = b},
                      "parameter type not supported")
    eq(b:msgcnt(), 0)
end)

test("a writer puts what it has, and is empty after that alone", function()
    local b, w = mtmsg.newbuffer{limit = 1}, mtmsg.newwriter()
    b:settimeout(0)
    w:add(1, "two")
    gives(list(true), w:putmsg(b))
    w:add(3)
    gives(list(nil, errors.timeout), w:putmsg(b))
    gives(list(1, "two"), b:nextmsg())
    gives(list(true), w:putmsg(b))
    gives(list(3), b:nextmsg())
    gives(list(true), w:putmsg(b))
    gives(list(), b:nextmsg())
    b:close()
    gives(list(nil, errors.object_closed), w:putmsg(b))
end)

spec.run()
