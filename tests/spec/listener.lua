-- The order in which a listener serves its buffers, what becomes of buffers without references,
-- and when there are no buffers. Closing, aborting and waiting have specs of their own.

local spec   = require("spec")
local mtmsg  = require("mtmsg")
local carray = require("carray")

local test, eq, gives, list = spec.test, spec.eq, spec.gives, spec.list

local function new(count)
    local lst = mtmsg.newlistener()
    local buffers = {}
    for i = 1, count do
        buffers[i] = lst:newbuffer()
    end
    return lst, (table.unpack or unpack)(buffers)
end

local function check_empty(lst)
    gives(list(), lst:nextmsg(0))
end

-- The listener's messages, each of one value, come in this order and are all that there are.
local function check_order(lst, ...)
    for _, message in ipairs{...} do
        gives(list(message), lst:nextmsg(0))
    end
    check_empty(lst)
end

local function check_no_buffers(lst)
    local env = {lst = lst, r = mtmsg.newreader()}
    local id = ("id=%.0f"):format(lst:id())
    for _, statement in ipairs{"lst:nextmsg()", "lst:nextmsg(0)", "lst:nextmsg(10)", "r:nextmsg(lst)",
                               "r:nextmsg(lst, 0)", "r:nextmsg(lst, 10)"} do
        local err = spec.error_of(statement, env)
        spec.matches(err, "^mtmsg%.error%.no_buffers: ")
        spec.matches(err, id)
    end
end

---- order

test("b1, b1, b2 is served as b1, b2, b1", function()
    local lst, b1, b2 = new(2)
    b1:addmsg("m1")
    b1:addmsg("m2")
    b2:addmsg("m3")
    check_order(lst, "m1", "m3", "m2")
end)

test("buffers are served in the order in which they became non-empty", function()
    local lst, b1, b2, b3 = new(3)
    b3:addmsg("3")
    b1:addmsg("1")
    b2:addmsg("2")
    check_order(lst, "3", "1", "2")
    b2:addmsg("2")
    b3:addmsg("3")
    b1:addmsg("1")
    check_order(lst, "2", "3", "1")
end)

test("round robin over backlogs of different lengths", function()
    local lst, a, b, c = new(3)
    for i = 1, 4 do
        a:addmsg("a" .. i)
    end
    for i = 1, 2 do
        b:addmsg("b" .. i)
    end
    for i = 1, 3 do
        c:addmsg("c" .. i)
    end
    check_order(lst, "a1", "b1", "c1", "a2", "b2", "c2", "a3", "c3", "a4")
end)

test("a served buffer with more messages goes behind those that became ready meanwhile", function()
    local lst, a, b, c = new(3)
    a:addmsg("a1")
    a:addmsg("a2")
    b:addmsg("b1")
    gives(list("a1"), lst:nextmsg(0))
    c:addmsg("c1")
    a:addmsg("a3")
    check_order(lst, "b1", "a2", "c1", "a3")
end)

test("an emptied buffer enters again at the end", function()
    local lst, a, b = new(2)
    a:addmsg("a1")
    b:addmsg("b1")
    b:addmsg("b2")
    gives(list("a1"), lst:nextmsg(0))
    a:addmsg("a2")
    check_order(lst, "b1", "a2", "b2")
end)

test("setmsg on a ready buffer keeps its place", function()
    local lst, b1, b2 = new(2)
    b1:addmsg("old")
    b2:addmsg("b2")
    b1:setmsg("new")
    check_order(lst, "new", "b2")
    b1:addmsg("x")
    b2:addmsg("y")
    b2:setmsg("y set")
    b1:setmsg("x set")
    check_order(lst, "x set", "y set")
end)

test("setmsg on an empty buffer enters at the end", function()
    local lst, b1, b2 = new(2)
    b2:addmsg("b2")
    b1:setmsg("b1")
    check_order(lst, "b2", "b1")
end)

test("taking from a buffer directly is allowed, the listener skips what is empty", function()
    local lst, b1, b2 = new(2)
    b1:addmsg("b1")
    b2:addmsg("b2")
    gives(list("b1"), b1:nextmsg(0))
    check_order(lst, "b2")
    b1:addmsg("again")
    gives(list("again"), b1:nextmsg(0))
    check_empty(lst)
end)

test("a buffer emptied directly lines up again with its next message", function()
    local lst, b1, b2 = new(2)
    b1:addmsg("taken")
    b2:addmsg("b2")
    gives(list("taken"), b1:nextmsg(0))
    b1:addmsg("b1")
    check_order(lst, "b2", "b1")
end)

test("a cleared buffer lines up again with its next message", function()
    local lst, b1, b2 = new(2)
    b1:addmsg("cleared")
    b2:addmsg("b2")
    b1:clear()
    b1:addmsg("b1")
    check_order(lst, "b2", "b1")
    b1:addmsg("cleared")
    b2:addmsg("b2")
    b1:clear()
    b1:setmsg("b1")
    check_order(lst, "b2", "b1")
end)

test("an entry that was skipped is gone", function()
    local lst, b1, b2 = new(2)
    b1:addmsg("taken")
    b2:addmsg("b2, first")
    b2:addmsg("b2, second")
    gives(list("taken"), b1:nextmsg(0))
    gives(list("b2, first"), lst:nextmsg(0))
    b1:addmsg("b1")
    check_order(lst, "b2, second", "b1")
end)

test("whoever takes one of its messages sends a buffer to the end", function()
    local lst, b1, b2, b3 = new(3)
    for _, b in ipairs{b1, b2, b3} do
        b:addmsg(b:id(), 1)
        b:addmsg(b:id(), 2)
    end
    gives(list(b1:id(), 1), b1:nextmsg(0))
    local order = {{b2, 1}, {b3, 1}, {b1, 2}, {b2, 2}, {b3, 2}}
    for _, of in ipairs(order) do gives(list(of[1]:id(), of[2]), lst:nextmsg(0)) end
    check_empty(lst)
end)

test("an entry is used once, however often its buffer was emptied and filled", function()
    local lst, b1, b2 = new(2)
    for i = 1, 5 do
        b1:addmsg(i)
        gives(list(i), b1:nextmsg(0))
    end
    b2:addmsg("b2")
    b1:addmsg("b1, first")
    b1:addmsg("b1, second")
    check_order(lst, "b2", "b1, first", "b1, second")
end)

test("readers are served in the same order", function()
    local lst, b1, b2 = new(2)
    local r = mtmsg.newreader()
    b1:addmsg("m1")
    b1:addmsg("m2")
    b2:addmsg("m3")
    for _, message in ipairs{"m1", "m3", "m2"} do
        eq(r:nextmsg(lst, 0), true)
        gives(list(message), r:next(-1))
    end
    eq(r:nextmsg(lst, 0), false)
end)

test("all references to a listener see the same buffers", function()
    local lst = mtmsg.newlistener("shared listener")
    local same = mtmsg.listener("shared listener")
    local b1, b2 = lst:newbuffer(), same:newbuffer()
    b1:addmsg("b1")
    b2:addmsg("b2")
    gives(list("b1"), same:nextmsg(0))
    gives(list("b2"), lst:nextmsg(0))
end)

test("listeners do not share buffers", function()
    local l1, b1 = new(1)
    local l2, b2 = new(1)
    b2:addmsg("b2")
    check_empty(l1)
    b1:addmsg("b1")
    check_order(l2, "b2")
    check_order(l1, "b1")
end)

test("many buffers come and go", function()
    local lst, keep = new(1)
    for round = 1, spec.many(200, 5) do
        local buffers = {}
        for i = 1, 20 do
            buffers[i] = lst:newbuffer()
            buffers[i]:addmsg(round, i)
        end
        for i = 1, 20 do
            gives(list(round, i), lst:nextmsg(0))
        end
    end
    spec.collect()
    check_empty(lst)
    keep:addmsg("kept")
    check_order(lst, "kept")
end)

test("messages without values are served in their turn", function()
    local lst, b1, b2 = new(2)
    b1:addmsg()
    b2:addmsg("b2")
    b1:addmsg("b1")
    gives(list(), lst:nextmsg(0))
    check_order(lst, "b2", "b1")
end)

---- buffers without references

test("no buffer was ever connected", function()
    check_no_buffers(mtmsg.newlistener())
    check_no_buffers(mtmsg.newlistener("named listener"))
end)

test("the last empty buffer has gone", function()
    local lst, b = new(1)
    b:addmsg("taken")
    check_order(lst, "taken")
    b = nil
    spec.collect()
    check_no_buffers(lst)
    b = lst:newbuffer()
    check_empty(lst)
    eq(b:msgcnt(), 0)
end)

test("a found reference keeps a buffer connected", function()
    local lst, b = new(1)
    local same = mtmsg.buffer(b:id())
    b = nil
    spec.collect()
    check_empty(lst)
    same:addmsg("here")
    check_order(lst, "here")
    same = nil
    spec.collect()
    check_no_buffers(lst)
end)

test("a buffer without references is drained, then there are no buffers", function()
    local lst, b = new(1)
    local long = ("x"):rep(50000)
    b:addmsg("first")
    b:addmsg(long)
    b:addmsg("third")
    b = nil
    spec.collect()
    gives(list("first"), lst:nextmsg(0))
    gives(list(long), lst:nextmsg(0))
    gives(list("third"), spec.take(lst))
    check_no_buffers(lst)
end)

test("a buffer without references is drained through readers and empty messages, too", function()
    local lst, b = new(1)
    local r = mtmsg.newreader()
    b:addmsg("first")
    b:addmsg()
    b:addmsg("third")
    b = nil
    spec.collect()
    eq(r:nextmsg(lst), true)
    gives(list("first"), r:next(-1))
    gives(list(), lst:nextmsg(0))
    eq(r:nextmsg(lst, 0), true)
    gives(list("third"), r:next(-1))
    check_no_buffers(lst)
end)

test("buffers without references take turns with the others", function()
    local lst, a, b, c = new(3)
    for i = 1, 2 do
        a:addmsg("a" .. i)
        b:addmsg("b" .. i)
        c:addmsg("c" .. i)
    end
    b = nil
    spec.collect()
    for _, message in ipairs{"a1", "b1", "c1", "a2", "b2", "c2"} do
        gives(list(message), lst:nextmsg(0))
    end
    check_empty(lst)
    a, c = nil, nil
    spec.collect()
    check_no_buffers(lst)
end)

test("a buffer that is drained is not found by id or name", function()
    local lst = mtmsg.newlistener()
    local b = lst:newbuffer("drained")
    local env = {mtmsg = mtmsg, id = b:id()}
    b:addmsg("first")
    b:addmsg("second")
    b = nil
    spec.collect()
    for _, message in ipairs{"first", "second"} do
        spec.raises('mtmsg.error.unknown_object: buffer name "drained"', "mtmsg.buffer('drained')", env)
        spec.raises(("mtmsg.error.unknown_object: buffer id %.0f"):format(env.id), "mtmsg.buffer(id)", env)
        gives(list(message), lst:nextmsg(0))
    end
    local again = lst:newbuffer("drained")
    eq(mtmsg.buffer("drained"):id(), again:id())
end)

test("a buffer whose messages were all taken directly has nothing to drain", function()
    local lst, b = new(1)
    b:addmsg("taken")
    gives(list("taken"), b:nextmsg(0))
    b = nil
    spec.collect()
    check_no_buffers(lst)
end)

test("clearing the listener ends the draining", function()
    local lst, b = new(1)
    b:addmsg("cleared")
    b:addmsg("cleared, too")
    b = nil
    spec.collect()
    eq(lst:clear(), true)
    check_no_buffers(lst)
end)

test("closing the listener ends the draining", function()
    local lst, b = new(1)
    b:addmsg("dropped")
    b = nil
    spec.collect()
    lst:close()
    spec.raises("mtmsg.error.object_closed: " .. spec.label(lst), "lst:nextmsg(0)", {lst = lst})
end)

test("an aborted listener drains after abort(false)", function()
    local lst, b = new(1)
    b:addmsg("first")
    b:addmsg("second")
    b = nil
    spec.collect()
    lst:abort()
    spec.raises("mtmsg.error.operation_aborted", "lst:nextmsg(0)", {lst = lst})
    lst:abort(false)
    gives(list("first"), lst:nextmsg(0))
    gives(list("second"), lst:nextmsg(0))
    check_no_buffers(lst)
end)

test("a buffer keeps its listener alive and findable", function()
    local lst = mtmsg.newlistener("kept by its buffer")
    local id = lst:id()
    local b = lst:newbuffer()
    lst = nil
    spec.collect()
    b:addmsg("m1")
    eq(mtmsg.listener("kept by its buffer"):id(), id)
    gives(list("m1"), mtmsg.listener(id):nextmsg(0))
    b = nil
    spec.collect()
    spec.raises('mtmsg.error.unknown_object: listener name "kept by its buffer"',
                "mtmsg.listener('kept by its buffer')", {mtmsg = mtmsg})
end)

test("messages wait in a listener that nobody references but its buffer", function()
    local lst = mtmsg.newlistener("found again")
    local b1, b2 = lst:newbuffer(), lst:newbuffer()
    b1:addmsg("b1")
    b2:addmsg("b2")
    lst = nil
    b1 = nil
    spec.collect()
    lst = mtmsg.listener("found again")
    check_order(lst, "b1", "b2")
    eq(b2:msgcnt(), 0)
end)

test("listener and buffers may go together with messages left", function()
    for count = 1, spec.many(100) do
        local lst = mtmsg.newlistener("temporary")
        for _ = 1, count % 5 do
            local b = lst:newbuffer()
            b:addmsg("never taken", ("x"):rep(count * 100))
        end
    end
    spec.collect()
    spec.raises('mtmsg.error.unknown_object: listener name "temporary"', "mtmsg.listener('temporary')",
                {mtmsg = mtmsg})
end)

---- receives that fail or are interrupted while they decode

local function array_of(n)
    return carray.new("int", {n})
end

test("after a receive that fails the other buffers have their turn first", function()
    local lst, b1, b2 = new(2)
    b1:addmsg(array_of(1))
    b1:addmsg("b1, second")
    b2:addmsg("b2")
    carray.fail("raise", 1)
    spec.error_of("lst:nextmsg(0)", {lst = lst})
    eq(b1:msgcnt(), 2)
    gives(list("b2"), lst:nextmsg(0))
    eq(lst:nextmsg(0):get(1), 1)
    check_order(lst, "b1, second")
end)

test("a failing message does not hold up the others, even where its buffer is drained", function()
    local lst, b1, b2 = new(2)
    b1:addmsg(array_of(1))
    b2:addmsg("b2")
    b1 = nil
    spec.collect()
    carray.fail("raise", 1)
    spec.error_of("lst:nextmsg(0)", {lst = lst})
    gives(list("b2"), lst:nextmsg(0))
    for _ = 1, 3 do
        carray.fail("raise", 1)
        spec.error_of("lst:nextmsg(0)", {lst = lst})
    end
    eq(lst:nextmsg(0):get(1), 1)
    b2 = nil
    spec.collect()
    check_no_buffers(lst)
end)

test("a buffer counts as left to drain while its last message is decoded", function()
    local lst, b = new(1)
    b:addmsg(array_of(5))
    b = nil
    spec.collect()
    local hooked
    carray.hook(function()
        carray.hook(nil)
        gives(list(), lst:nextmsg(0))
        hooked = true
    end)
    eq(lst:nextmsg(0):get(1), 5)
    eq(hooked, true)
    check_no_buffers(lst)
end)

test("others receive the next messages while one is decoded", function()
    local lst, b1, b2 = new(2)
    b1:addmsg(array_of(1))
    b1:addmsg("b1, second")
    b2:addmsg("b2")
    local got = {}
    carray.hook(function()
        carray.hook(nil)
        got[1], got[2], got[3] = lst:nextmsg(0), lst:nextmsg(0), lst:nextmsg(0)
        error("put it back")
    end)
    spec.raises_like("put it back", "lst:nextmsg(0)", {lst = lst})
    table.sort(got)
    eq(table.concat(got, "; "), "b1, second; b2")
    eq(lst:nextmsg(0):get(1), 1)
    check_empty(lst)
end)

spec.run()
