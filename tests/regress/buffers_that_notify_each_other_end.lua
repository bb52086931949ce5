-- story: two buffers that were each other's notifier called each other without end
-- Two buffers that were each other's notifier called each other until the stack was used up. A walk over notifiers ends
-- at the first buffer that it meets twice, and needs no stack however long it is.

local mtmsg = require("mtmsg")
local tap   = require("tap")

local function ring(n, kind)
    local buffers = {}
    for i = 1, n do buffers[i] = mtmsg.newbuffer() end
    for i = 1, n do buffers[i]:notifier(buffers[i % n + 1], kind) end
    return buffers
end

local function counts(buffers)
    local list = {}
    for i, buffer in ipairs(buffers) do list[i] = buffer:msgcnt() end
    return table.concat(list, " ")
end

for n = 1, 5 do
    tap.test("an add ends after one round in a ring of " .. n, function()
        local buffers = ring(n)
        buffers[1]:addmsg("start")
        tap.is(counts(buffers), ("1 "):rep(n):sub(1, -2))
        tap.gives({ "start" }, buffers[1]:nextmsg(0))
        buffers[n]:setmsg("again")
        tap.ok(buffers[1]:msgcnt() >= (n == 1 and 1 or 0))
    end)

    tap.test("a take ends after one round in a ring of " .. n, function()
        local buffers = ring(n, "<")
        buffers[1]:addmsg("start")
        tap.gives({ "start" }, buffers[1]:nextmsg(0))
        tap.ok(buffers[1]:msgcnt() <= 1)
    end)
end

tap.test("a walk that enters a ring from outside ends too", function()
    local buffers = ring(3)
    local outside = mtmsg.newbuffer()
    outside:notifier(buffers[1])
    outside:addmsg("start")
    tap.is(outside:msgcnt(), 1)
    tap.is(counts(buffers), "1 1 1")
end)

tap.test("rings of both directions at once end", function()
    local a, b = mtmsg.newbuffer(), mtmsg.newbuffer()
    a:notifier(b, ">")
    a:notifier(b, "<")
    b:notifier(a, ">")
    b:notifier(a, "<")
    for i = 1, 100 do
        a:addmsg(i)
        b:addmsg(i)
        a:nextmsg(0)
        b:nextmsg(0)
    end
    tap.ok(a:msgcnt() <= 400 and b:msgcnt() <= 400)
end)

tap.test("a row of 100000 buffers is walked to its end", function()
    local n = 100000
    local row = {}
    for i = 1, n do row[i] = mtmsg.newbuffer() end
    for i = 1, n - 1 do row[i]:notifier(row[i + 1]) end
    row[1]:addmsg("start")
    for i = 1, n do tap.is(row[i]:msgcnt(), 1) end
    tap.gives({ "start" }, row[1]:nextmsg(0))
    tap.is(select("#", row[n]:nextmsg(0)), 0)
    tap.is(row[n]:msgcnt(), 0)
end)

tap.test("a long row of notifiers may become garbage at once", function()
    local first = mtmsg.newbuffer()
    local at = first
    for _ = 1, 100000 do
        local after = mtmsg.newbuffer()
        at:notifier(after)
        at = after
    end
    local last = at:id()
    first, at = nil, nil
    collectgarbage()
    collectgarbage()
    tap.raises(mtmsg.error.unknown_object, mtmsg.buffer, last)
end)

tap.done()
