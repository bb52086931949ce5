-- The nonblocking mode of buffer and listener objects, as far as one thread can see: what it does
-- while other threads are busy is not told here.

local spec  = require("spec")
local mtmsg = require("mtmsg")

local test, eq, ok, gives, list = spec.test, spec.eq, spec.ok, spec.gives, spec.list

local kinds = {
    {name = "buffer", find = mtmsg.buffer, new = function()
        local b = mtmsg.newbuffer()
        return b, b
    end},
    {name = "listener", find = mtmsg.listener, new = function()
        local lst = mtmsg.newlistener()
        return lst, lst:newbuffer()
    end},
}

local function for_each_kind(name, body)
    for _, kind in ipairs(kinds) do
        test(kind.name .. ": " .. name, function() body(kind.new, kind.find) end)
    end
end

for_each_kind("the mode is off until it is switched on", function(new)
    local o = new()
    eq(o:isnonblock(), false)
    o:nonblock()
    eq(o:isnonblock(), true)
    o:nonblock(false)
    eq(o:isnonblock(), false)
    o:nonblock(true)
    eq(o:isnonblock(), true)
    o:nonblock(true)
    eq(o:isnonblock(), true)
end)

for_each_kind("the mode belongs to one reference alone", function(new, find)
    local o = new()
    local other = find(o:id())
    o:nonblock()
    eq(other:isnonblock(), false)
    eq(find(o:id()):isnonblock(), false)
    other:nonblock()
    o:nonblock(false)
    eq(other:isnonblock(), true)
end)

for_each_kind("without a timeout nextmsg returns at once", function(new)
    local o, b = new()
    local r = mtmsg.newreader()
    o:nonblock()
    for _ = 1, 2 do
        gives(list(), o:nextmsg())
        gives(list(), o:nextmsg(nil))
        eq(r:nextmsg(o), false)
        eq(r:nextmsg(o, nil), false)
        b:addmsg("one")
        b:addmsg("two")
        b:addmsg("three")
        gives(list("one"), o:nextmsg())
        gives(list("two"), o:nextmsg(nil))
        eq(r:nextmsg(o), true)
        gives(list("three"), r:next())
    end
end)

for_each_kind("with a timeout nextmsg still waits", function(new)
    local o, b = new()
    local r = mtmsg.newreader()
    o:nonblock()
    local before = mtmsg.time()
    gives(list(), o:nextmsg(0.03))
    local between = mtmsg.time()
    eq(r:nextmsg(o, 0.03), false)
    local after = mtmsg.time()
    ok(between - before >= 0.029)
    ok(after - between >= 0.029)
    b:addmsg("x")
    gives(list("x"), o:nextmsg(10))
end)

for_each_kind("clear succeeds where nobody interferes", function(new)
    local o, b = new()
    o:nonblock()
    b:addmsg("x")
    eq(o:clear(), true)
    eq(b:msgcnt(), 0)
end)

test("adding succeeds where nobody interferes", function()
    local b, w = mtmsg.newbuffer(), mtmsg.newwriter()
    b:nonblock()
    for i = 1, spec.many(500) do
        eq(b:addmsg(i, ("x"):rep(i * 50)), true)
    end
    eq(b:setmsg("set"), true)
    w:add("written")
    eq(w:addmsg(b), true)
    gives(list("set"), b:nextmsg())
    gives(list("written"), b:nextmsg())
    w:add("again")
    eq(w:setmsg(b), true)
    gives(list("again"), b:nextmsg())
end)

test("a listener without buffers raises in this mode, too", function()
    local lst = mtmsg.newlistener()
    lst:nonblock()
    spec.raises_like("^mtmsg%.error%.no_buffers", "lst:nextmsg()", {lst = lst})
end)

for_each_kind("switching it on raises on closed and aborted ones", function(new)
    local o = new()
    local env = {o = o}
    o:abort()
    spec.raises("mtmsg.error.operation_aborted", "o:nonblock()", env)
    spec.raises("mtmsg.error.operation_aborted", "o:nonblock(true)", env)
    o:abort(false)
    o:nonblock()
    o:close()
    spec.raises("mtmsg.error.object_closed: " .. spec.label(o), "o:nonblock()", env)
    spec.raises("mtmsg.error.object_closed: " .. spec.label(o), "o:nonblock(true)", env)
    eq(o:isnonblock(), true)
end)

spec.run()
