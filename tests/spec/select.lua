-- select: the first message of several sources in the order given, what has ended if there is no
-- message, and places that are left out. Waiting threads are in tests/thread.

local spec  = require("spec")
local mtmsg = require("mtmsg")

local test, eq, gives, list = spec.test, spec.eq, spec.gives, spec.list
local select_ = mtmsg.select
local errors = mtmsg.error
local unpack_ = rawget(_G, "unpack") or table.unpack

test("messages come first, in the order given, with the source they came from", function()
    local a, b = mtmsg.newbuffer(), mtmsg.newbuffer()
    local l = mtmsg.newlistener()
    local c = l:newbuffer()
    gives(list(nil, errors.timeout), select_(0, a, b, l))
    b:addmsg("b1", 1, nil)
    b:addmsg("b2")
    c:addmsg({c = 1})
    gives(list(b, "b1", 1, nil), select_(0, a, b, l))
    a:addmsg()
    gives(list(a), select_(nil, a, b, l))
    local source, value = select_(0, l, b, a)
    eq(source, l)
    eq(value.c, 1)
    gives(list(b, "b2"), select_(math.huge, l, b, a))
    gives(list(nil, errors.timeout), select_(0.001, l, b, a))
end)

test("short messages of each kind, whichever source they are in", function()
    local a, b, l = mtmsg.newbuffer(), mtmsg.newbuffer(), mtmsg.newlistener()
    local into = {[a] = a, [b] = b, [l] = l:newbuffer()}
    local text = ("x"):rep(255)
    local messages = {
        list(true), list(false), list(nil), list(0), list(255), list(-1), list(2 ^ 53), list(0.5), list(""),
        list(text), list(text, text), list("a", nil, 1, false, 2.5, text), list(),
    }
    for first, to in pairs(into) do
        for _, message in ipairs(messages) do to:addmsg(unpack_(message, 1, message.n)) end
        for i, message in ipairs(messages) do
            gives(list(first, unpack_(message, 1, message.n)), select_(i % 2 == 0 and 0 or nil, a, nil, l, b))
        end
        gives(list(nil, errors.timeout), select_(0, a, nil, l, b))
    end
end)

test("nil and false are passed over and keep their places", function()
    local a, b = mtmsg.newbuffer(), mtmsg.newbuffer()
    b:addmsg(7)
    gives(list(b, 7), select_(0, nil, a, false, b, nil))
    gives(list(nil, errors.timeout), select_(0, nil, a, false, b, nil))
    gives(list(nil, errors.no_buffers), select_(0))
    gives(list(nil, errors.no_buffers), select_(nil, nil, false))
end)

test("what has ended is told, and which, if no source has a message", function()
    local a, b, c = mtmsg.newbuffer(), mtmsg.newbuffer(), mtmsg.newbuffer()
    b:close()
    c:addmsg(1)
    gives(list(c, 1), select_(nil, a, b, c))
    gives(list(nil, errors.object_closed, b), select_(nil, a, b, c))
    c:addmsg(2)
    c:finish()
    gives(list(c, 2), select_(nil, c))
    gives(list(nil, errors.object_closed, c), select_(nil, c, a))
    a:abort()
    gives(list(nil, errors.operation_aborted, a), select_(nil, a, b, c))
    local l = mtmsg.newlistener()
    gives(list(nil, errors.no_buffers, l), select_(nil, l))
    a:abort(false)
    a:release()
    gives(list(nil, errors.object_closed, a), select_(nil, mtmsg.newbuffer(), a))
    local d = mtmsg.newbuffer()
    d:addmsg(3)
    gives(list(d, 3), select_(nil, a, b, d))
end)

test("the same source twice counts at its first place, and a listener may stand beside its buffer", function()
    local l = mtmsg.newlistener()
    local a, b = l:newbuffer(), mtmsg.newbuffer()
    local same = mtmsg.buffer(b:id())
    b:addmsg(1)
    b:addmsg(2)
    gives(list(b, 1), select_(nil, b, same))
    gives(list(same, 2), select_(nil, same, b, b))
    a:addmsg(3)
    a:addmsg(4)
    gives(list(l, 3), select_(nil, l, a))
    gives(list(a, 4), select_(nil, a, l))
end)

test("nonblocking mode is ignored", function()
    local a = mtmsg.newbuffer()
    a:nonblock()
    gives(list(nil, errors.timeout), select_(0.001, a))
    a:addmsg(1)
    gives(list(a, 1), select_(nil, a))
end)

test("long messages, many values, and a notifier", function()
    local a, bell = mtmsg.newbuffer(), mtmsg.newbuffer()
    local text = ("x"):rep(100000)
    a:addmsg(text)
    gives(list(a, text), select_(nil, a))
    a:addmsg(1, 2, 3, 4, 5, 6, 7, 8, nil)
    gives(list(a, 1, 2, 3, 4, 5, 6, 7, 8, nil), select_(nil, a))
    a:notifier(bell, "<")
    a:addmsg(5)
    gives(list(a, 5), select_(nil, a))
    eq(bell:msgcnt(), 1)
end)

test("wrong arguments are found before anything is taken", function()
    local a = mtmsg.newbuffer()
    a:addmsg(1)
    local env = {s = select_, a = a, many = {}}
    spec.raises_like("bad argument #1 to 's' %(timeout seconds expected", "s(a, a)", env)
    spec.raises_like("bad argument #3 to 's' %(mtmsg.buffer or mtmsg.listener expected, got string",
                     "s(0, a, 'x')", env)
    spec.raises_like("bad argument #2 to 's' %(", "s(0, true)", env)
    for i = 1, 65 do env.many[i] = a end
    env.unpack = rawget(_G, "unpack") or table.unpack
    spec.raises_like("bad argument #66 to 's' %(too many sources%)", "s(0, unpack(many))", env)
    env.many[65] = nil
    gives(list(a, 1), select_(0, env.unpack(env.many)))
end)

spec.run()
