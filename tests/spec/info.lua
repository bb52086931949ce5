-- What can be seen of objects: the fields of info, and mtmsg.objects. Who waits is told by tests with threads.

local lu    = require("luaunit")
local spec  = require("spec")
local mtmsg = require("mtmsg")

local test, eq, ok = spec.test, spec.eq, spec.ok

-- Those of the table that are named here are as here; false: not there.
local function has(info, fields)
    for key, value in pairs(fields) do
        if value == false and type(info[key]) ~= "boolean" then
            eq(info[key], nil)
        else
            lu.assertEquals(info[key], value, key)
        end
    end
end

test("a new buffer has nothing", function()
    local buffer = mtmsg.newbuffer()
    has(buffer:info(), {kind = "buffer", id = buffer:id(), name = false, messages = 0, bytes = 0, limit = false,
                        maxbytes = false, added = 0, taken = 0, replaced = 0, dropped = 0, receivers = 0, selects = 0,
                        senders = 0, finished = false, closed = false, aborted = false, references = 1,
                        listener = false, topic = false})
end)

test("the numbers of a buffer are what has happened to it", function()
    local buffer = mtmsg.newbuffer{name = "jobs", limit = 4, maxbytes = 1000, overflow = "oldest"}
    for i = 1, 6 do buffer:addmsg(i) end
    has(buffer:info(), {name = "jobs", messages = 4, bytes = 12, limit = 4, maxbytes = 1000, added = 6, taken = 0,
                        dropped = 2, replaced = 0})
    buffer:nextmsg()
    buffer:peekmsg()
    has(buffer:info(), {messages = 3, bytes = 9, added = 6, taken = 1, dropped = 2})
    buffer:setmsg("text")
    has(buffer:info(), {messages = 1, bytes = 7, added = 7, taken = 1, dropped = 2, replaced = 3})
    buffer:clear()
    has(buffer:info(), {messages = 0, bytes = 0, added = 7, taken = 1, dropped = 2, replaced = 3})
    eq(buffer:msgcnt(), 0)
end)

test("a fixed size is a bound in bytes", function()
    eq(mtmsg.newbuffer(100, 0):info().maxbytes, 100)
    eq(mtmsg.newbuffer{size = 100, grow = 0, maxbytes = 50}:info().maxbytes, 50)
    eq(mtmsg.newbuffer(100):info().maxbytes, nil)
end)

test("states are told", function()
    local buffer = mtmsg.newbuffer()
    buffer:abort()
    has(buffer:info(), {aborted = true, finished = false, closed = false})
    buffer:abort(false)
    buffer:finish()
    has(buffer:info(), {aborted = false, finished = true, closed = false})
    buffer:close()
    has(buffer:info(), {closed = true, messages = 0})
    local listener = mtmsg.newlistener()
    has(listener:info(), {aborted = false, finished = false, closed = false})
    listener:finish()
    listener:abort()
    has(listener:info(), {aborted = true, finished = true, closed = false})
    listener:close()
    eq(listener:info().closed, true)
end)

test("references are counted, and go", function()
    local buffer = mtmsg.newbuffer()
    local other = mtmsg.buffer(buffer:id())
    eq(buffer:info().references, 2)
    other:release()
    eq(buffer:info().references, 1)
    mtmsg.newbuffer():notifier(buffer)
    spec.collect()
    eq(buffer:info().references, 1)
end)

test("a listener sums up its buffers", function()
    local listener = mtmsg.newlistener("inbox")
    has(listener:info(), {kind = "listener", id = listener:id(), name = "inbox", messages = 0, bytes = 0, buffers = 0,
                          receivers = 0, selects = 0, added = false, limit = false, senders = false})
    local a, b = listener:newbuffer(), listener:newbuffer()
    a:addmsg("12")
    a:addmsg("12")
    b:addmsg()
    has(listener:info(), {messages = 3, bytes = 11, buffers = 2})
    eq(a:info().listener, listener:id())
    eq(b:info().listener, listener:id())
    a:release()
    has(listener:info(), {messages = 3, buffers = 2}) -- left to drain
    for _ = 1, 3 do listener:getmsg(0) end
    has(listener:info(), {messages = 0, bytes = 0, buffers = 1})
end)

test("a topic tells its subscribers", function()
    local topic = mtmsg.newtopic("news")
    local buffer = topic:subscribe()
    has(topic:info(), {kind = "topic", id = topic:id(), name = "news", subscribers = 1, messages = false,
                       receivers = false, selects = false, closed = false})
    eq(buffer:info().topic, topic:id())
    eq(buffer:info().listener, nil)
end)

-- The page says which fields there are; tests/docs compares it with what editors are told.
test("the fields are those of the reference", function()
    local file = io.open("docs/reference.md")
    local page = file:read("*a")
    file:close()
    local topic, listener = mtmsg.newtopic("t"), mtmsg.newlistener("l")
    local objects = {topic = topic, listener = listener,
                     buffer = topic:subscribe{name = "b", limit = 1, maxbytes = 1, listener = listener}}
    for kind, object in pairs(objects) do
        local expected, found = {}, {}
        for names, kinds in page:match("\n### Looking in\n(.-)\n### "):gmatch("\n| (`[%w`, ]+) | ([%w, ]+) |") do
            for name in names:gmatch("%w+") do
                if kinds:find(kind, 1, true) then expected[#expected + 1] = name end
            end
        end
        for name in pairs(object:info()) do found[#found + 1] = name end
        table.sort(expected)
        table.sort(found)
        lu.assertEquals(found, expected)
    end
end)

test("objects are all that there are", function()
    local before = #mtmsg.objects()
    local listener, topic = mtmsg.newlistener("the listener"), mtmsg.newtopic("the topic")
    local buffers = {}
    for i = 1, spec.many(300) do
        buffers[i] = listener:newbuffer("number " .. i)
        buffers[i]:addmsg(i)
    end
    local all, seen = mtmsg.objects(), {}
    eq(#all, before + #buffers + 2)
    for _, info in ipairs(all) do
        ok(not seen[info.id])
        seen[info.id] = info
    end
    for i, buffer in ipairs(buffers) do
        lu.assertEquals(seen[buffer:id()], buffer:info())
        eq(seen[buffer:id()].name, "number " .. i)
        eq(seen[buffer:id()].messages, 1)
    end
    lu.assertEquals(seen[listener:id()], listener:info())
    lu.assertEquals(seen[topic:id()], topic:info())
    for i = 1, #buffers do buffers[i]:release() end
    eq(#mtmsg.objects(), before + 2)
end)

test("objects work while everything is aborted", function()
    local buffer = mtmsg.newbuffer()
    mtmsg.abort()
    for _, info in ipairs(mtmsg.objects()) do eq(info.aborted, true) end
    eq(buffer:info().aborted, true)
    mtmsg.abort(false)
end)

test("what was released has no info", function()
    local env = {b = mtmsg.newbuffer(), l = mtmsg.newlistener()}
    for _, name in ipairs{"b", "l"} do
        env[name]:release()
        spec.raises_like("^mtmsg.error.object_closed", name .. ":info()", env)
    end
    spec.raises_like("bad argument #1", "b.info(l)", env)
end)

spec.run()
