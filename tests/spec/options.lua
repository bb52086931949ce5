-- Options in a table as the only argument: what each field does, what it may be, and that nothing else is taken. How
-- bounds are kept between threads is told elsewhere.

local spec  = require("spec")
local mtmsg = require("mtmsg")

local test, eq, ok, gives, list = spec.test, spec.eq, spec.ok, spec.gives, spec.list

-- Each way to make a buffer, with what keeps its listener.
local ways = {
    {name = "mtmsg.newbuffer", new = function(options) return mtmsg.newbuffer(options) end},
    {name = "listener:newbuffer", new = function(options)
        local listener = mtmsg.newlistener()
        local buffer, created = listener:newbuffer(options)
        return buffer, created, listener
    end},
}

local function for_each_way(name, body)
    for _, way in ipairs(ways) do
        test(way.name .. ": " .. name, function() body(way.new) end)
    end
end

local function refused(text, options)
    local env = {mtmsg = mtmsg, listener = mtmsg.newlistener(), options = options}
    for _, call in ipairs{"mtmsg.newbuffer(options)", "listener:newbuffer(options)"} do
        spec.raises(("case:1: bad argument #1 to 'newbuffer' (%s)"):format(text), call, env)
    end
end

for_each_way("without fields a buffer is as ever", function(new)
    local buffer, more = new{}
    eq(buffer:name(), nil)
    eq(more, nil)
    eq(buffer:addmsg(("x"):rep(10000)), true)
end)

for_each_way("name, size and grow are those of the arguments", function(new)
    local buffer = new{name = "jobs", size = 4, grow = 0}
    eq(buffer:name(), "jobs")
    eq(buffer:addmsg("1"), true)
    eq(buffer:addmsg("2"), false)
    spec.raises_like("^mtmsg.error.message_size: message size 5 exceeds limit of 4 bytes", "b:addmsg('m2')",
                     {b = buffer})
    eq(new{size = 100.7, grow = 1.5}:addmsg(("x"):rep(200)), true)
    spec.raises_like("^mtmsg.error.message_size: message size 1 exceeds limit of 0 bytes", "b:addmsg()",
                     {b = new{size = -1, grow = -1}})
end)

for_each_way("limit is the most messages", function(new)
    local buffer = new{limit = 2}
    eq(buffer:addmsg(1), true)
    eq(buffer:addmsg(("x"):rep(100000)), true)
    eq(buffer:addmsg(3), false)
    eq(buffer:msgcnt(), 2)
    gives(list(1), buffer:nextmsg(0))
    eq(buffer:addmsg(4), true)
    eq(buffer:addmsg(5), false)
    eq(buffer:setmsg("alone"), true)
    gives(list("alone"), buffer:nextmsg(0))
end)

for_each_way("maxbytes is the most bytes, allocated as needed", function(new)
    local buffer = new{maxbytes = 8}
    eq(buffer:addmsg("1"), true)
    eq(buffer:addmsg("2"), true)
    eq(buffer:addmsg(), false)
    spec.raises_like("^mtmsg.error.message_size: message size 9 exceeds limit of 8 bytes for mtmsg.buffer",
                     "b:addmsg('123456')", {b = buffer})
    eq(buffer:msgcnt(), 2)
    eq(new{maxbytes = 2^40}:addmsg("cheap"), true)
end)

for_each_way("the smaller of maxbytes and a fixed size counts", function(new)
    for _, options in ipairs{{size = 100, grow = 0, maxbytes = 4}, {size = 4, grow = 0, maxbytes = 100}} do
        local buffer = new(options)
        eq(buffer:addmsg("1"), true)
        eq(buffer:addmsg("2"), false)
        spec.raises_like("^mtmsg.error.message_size", "b:addmsg('m2')", {b = buffer})
    end
end)

for_each_way("overflow says what gives way", function(new)
    local buffer = new{limit = 2, overflow = "refuse"}
    eq(buffer:addmsg(1) and buffer:addmsg(2), true)
    eq(buffer:addmsg(3), false)
    buffer = new{limit = 2, overflow = "oldest"}
    for i = 1, 5 do eq(buffer:addmsg(i), true) end
    eq(buffer:msgcnt(), 2)
    gives(list(4), buffer:nextmsg(0))
    gives(list(5), buffer:nextmsg(0))
    buffer = new{maxbytes = 8, overflow = "oldest"}
    for _, text in ipairs{"a", "b", "four5"} do eq(buffer:addmsg(text), true) end
    eq(buffer:msgcnt(), 1)
    spec.raises_like("^mtmsg.error.message_size", "b:addmsg('123456')", {b = buffer})
    gives(list("four5"), buffer:nextmsg(0))
end)

test("a listener takes a name", function()
    local listener, more = mtmsg.newlistener{name = "inbox"}
    eq(listener:name(), "inbox")
    eq(more, nil)
    eq(mtmsg.newlistener{}:name(), nil)
    local env = {mtmsg = mtmsg}
    for _, field in ipairs{"size", "grow", "limit", "maxbytes", "overflow", "last"} do
        env.options = {[field] = 1}
        spec.raises(("case:1: bad argument #1 to 'newlistener' (unknown field '%s'; known are: name, create)"):format(
            field), "mtmsg.newlistener(options)", env)
    end
    env.options = {create = true}
    spec.raises("case:1: bad argument #1 to 'newlistener' (field 'create': needs field 'name')",
                "mtmsg.newlistener(options)", env)
end)

test("an unknown field is named, and so are those that are known", function()
    local known = "; known are: name, size, grow, limit, maxbytes, overflow, create"
    refused("unknown field 'limt'" .. known, {limt = 1})
    refused("unknown field 'Limit'" .. known, {Limit = 1})
    refused("unknown field 'last'" .. known, {last = true})
    refused("unknown field '1'" .. known, {"jobs"})
    refused("unknown field 'boolean'" .. known, {[true] = 1})
    local env = {mtmsg = mtmsg, options = {["limit\0"] = 1}}
    spec.raises_like("^case:1: bad argument #1 to 'newbuffer' %(unknown field 'limit", "mtmsg.newbuffer(options)", env)
end)

test("a colon after the module is told", function()
    for _, name in ipairs{"newbuffer", "newlistener", "newtopic", "newreader"} do
        spec.raises(("case:1: calling '%s' on bad self (the module's functions are called with a dot)"):format(name),
                    ("mtmsg:%s{}"):format(name), {mtmsg = mtmsg})
    end
end)

test("options behind a name are refused", function()
    local env = {mtmsg = mtmsg, listener = mtmsg.newlistener()}
    for _, way in ipairs{"mtmsg.", "listener:"} do
        spec.raises("case:1: bad argument #2 to 'newbuffer' " ..
            "(number expected, got table; options are the only argument)", way .. "newbuffer('log', {limit = 5})", env)
    end
    spec.raises("case:1: bad argument #2 to 'newtopic' (options are the only argument)",
                "mtmsg.newtopic('log', {last = true})", env)
end)

test("what may overflow has a bound", function()
    local text = "field 'overflow': needs field 'limit', 'maxbytes' or a fixed size (grow = 0)"
    refused(text, {overflow = "oldest"})
    refused(text, {overflow = "oldest", size = 100, grow = 1})
    spec.raises("case:1: bad argument #1 to 'subscribe' (" .. text .. ")", "topic:subscribe{overflow = 'oldest'}",
                {topic = mtmsg.newtopic()})
    for _, bound in ipairs{{limit = 1}, {maxbytes = 1}, {grow = 0}, {size = 10, grow = -1}} do
        bound.overflow = "oldest"
        mtmsg.newbuffer(bound)
    end
    mtmsg.newbuffer{overflow = "refuse"}
end)

test("a wrong type is named, and the field", function()
    for field, expected in pairs{name = "string", size = "number", grow = "number", limit = "integer",
                                 maxbytes = "integer", create = "boolean"} do
        for _, value in ipairs{{}, print} do
            refused(("field '%s': %s expected, got %s"):format(field, expected, type(value)), {[field] = value})
        end
    end
    for _, field in ipairs{"size", "grow", "limit", "maxbytes"} do
        local expected = field:find("^[sg]") and "number" or "integer"
        refused(("field '%s': %s expected, got string"):format(field, expected), {[field] = "1"})
    end
    refused("field 'name': string expected, got number", {name = 1})
    refused("field 'create': boolean expected, got string", {name = "x", create = "true"})
    refused("field 'overflow': \"refuse\" or \"oldest\" expected, got boolean", {overflow = true})
    refused("field 'overflow': \"refuse\" or \"oldest\" expected, got \"newest\"", {overflow = "newest"})
    refused("field 'size': number expected, got mtmsg.buffer", {size = mtmsg.newbuffer()})
end)

test("what is out of range is named, and the field", function()
    for _, field in ipairs{"limit", "maxbytes"} do
        refused(("field '%s': must be at least 1"):format(field), {[field] = 0})
        refused(("field '%s': must be at least 1"):format(field), {[field] = -1})
        refused(("field '%s': integer expected"):format(field), {[field] = 1.5})
        refused(("field '%s': integer expected"):format(field), {[field] = 0/0})
        refused(("field '%s': integer expected"):format(field), {[field] = math.huge})
    end
    refused("field 'size': size must not be NaN", {size = 0/0})
    refused("field 'size': size is too large", {size = math.huge})
    refused("field 'grow': grow factor must not be NaN", {grow = 0/0})
    refused("field 'create': needs field 'name'", {create = true})
    local ok, err = pcall(mtmsg.newbuffer, {size = 2^60}) -- more than memory has, or, with 32 bits, than a size can be
    eq(ok, false)
    local text = err:find("^bad") and "field 'size': size is too large" or "out_of_memory: failed to allocate"
    spec.matches(err, text)
end)

test("the table is read raw, and stays as it is", function()
    local options = setmetatable({limit = 1}, {__index = {name = "not this"}, __pairs = error, __newindex = error})
    local buffer = mtmsg.newbuffer(options)
    eq(buffer:name(), nil)
    eq(options.limit, 1)
    eq(rawget(options, "name"), nil)
end)

test("what follows the table is ignored", function()
    eq(mtmsg.newbuffer({name = "first"}, 17):name(), "first")
end)

-- ------------------------------------------------------------------------------------------------ create

local kinds = {
    {name = "buffer", new = mtmsg.newbuffer, find = mtmsg.buffer},
    {name = "listener", new = mtmsg.newlistener, find = mtmsg.listener},
}

local function for_each_kind(name, body)
    for _, kind in ipairs(kinds) do
        test(kind.name .. ": " .. name, function() body(kind) end)
    end
end

for_each_kind("create finds what is open, or makes it", function(kind)
    local first, created = kind.new{name = "log", create = true}
    eq(created, true)
    eq(first:name(), "log")
    local second, again = kind.new{name = "log", create = true}
    eq(again, false)
    eq(second:id(), first:id())
    ok(not rawequal(first, second))
    eq(kind.find("log"):id(), first:id())
    eq(kind.new(""):id() ~= kind.new{name = "other", create = true}:id(), true)
end)

for_each_kind("create makes a new one when all of the name are closed", function(kind)
    local old = {kind.new("log"), kind.new("log"), kind.new("log")}
    local env = {new = kind.new, find = kind.find}
    spec.raises(('mtmsg.error.ambiguous_name: %s name "log"'):format(kind.name), "new{name='log', create=true}", env)
    for _, object in ipairs(old) do object:close() end
    spec.raises(('mtmsg.error.ambiguous_name: %s name "log"'):format(kind.name), "find('log')", env)
    local new, created = kind.new{name = "log", create = true}
    eq(created, true)
    eq(kind.find("log"):id(), new:id())
    new:close()
    spec.raises_like("^mtmsg.error.ambiguous_name", "find('log')", env)
end)

for_each_kind("an aborted one is open", function(kind)
    local object = kind.new("log")
    object:abort()
    local found, created = kind.new{name = "log", create = true}
    eq(found:id(), object:id())
    eq(created, false)
end)

for_each_kind("create counts as creating while everything is aborted", function(kind)
    local object = kind.new("log")
    mtmsg.abort()
    for _, name in ipairs{"log", "other"} do
        spec.raises("mtmsg.error.operation_aborted", "new{name = name, create = true}", {new = kind.new, name = name})
    end
    mtmsg.abort(false)
    eq(kind.find("log"):id(), object:id())
end)

for_each_kind("finding prefers what is open", function(kind)
    local objects = {}
    for i = 1, 7 do objects[i] = kind.new("seven") end
    local env = {find = kind.find}
    for _, i in ipairs{3, 1, 7, 2, 6} do -- the first, the last, and those between
        spec.raises_like("^mtmsg.error.ambiguous_name", "find('seven')", env)
        objects[i]:close()
    end
    spec.raises_like("^mtmsg.error.ambiguous_name", "find('seven')", env)
    objects[5]:close()
    eq(kind.find("seven"):id(), objects[4]:id())
    objects[4]:close()
    spec.raises_like("^mtmsg.error.ambiguous_name", "find('seven')", env)
    local id = objects[2]:id()
    for _, i in ipairs{7, 4, 1, 6, 3, 5} do
        objects[i] = nil
        spec.collect()
    end
    eq(kind.find("seven"):id(), id)
    local new = kind.new("seven")
    eq(kind.find("seven"):id(), new:id())
end)

test("other options count at creation only", function()
    local buffer = mtmsg.newbuffer{name = "log", create = true, limit = 1}
    local found = mtmsg.newbuffer{name = "log", create = true, limit = 5, size = 2^30}
    eq(found:id(), buffer:id())
    eq(found:addmsg(1), true)
    eq(found:addmsg(2), false)
end)

test("create = false makes a new one", function()
    local buffer = mtmsg.newbuffer("log")
    local other, more = mtmsg.newbuffer{name = "log", create = false}
    ok(buffer:id() ~= other:id())
    eq(more, nil)
end)

test("a listener finds its own buffers alone", function()
    local listener, other = mtmsg.newlistener(), mtmsg.newlistener()
    local buffer, created = listener:newbuffer{name = "log", create = true}
    eq(created, true)
    local found, again = listener:newbuffer{name = "log", create = true}
    eq(again, false)
    eq(found:id(), buffer:id())
    eq(mtmsg.newbuffer{name = "log", create = true}:id(), buffer:id())
    spec.raises('mtmsg.error.ambiguous_name: buffer name "log"', "other:newbuffer{name = 'log', create = true}",
                {other = other})
    buffer:addmsg("one")
    gives(list("one"), listener:nextmsg(0))
    listener:close()
    spec.raises_like("^mtmsg.error.object_closed: mtmsg.listener", "listener:newbuffer{name='log', create=true}",
                     {listener = listener})
    eq(select(2, other:newbuffer{name = "log", create = true}), true)
end)

test("a buffer that was closed before it was known is not found first", function()
    local listener = mtmsg.newlistener()
    local closed = listener:newbuffer("name")
    listener:close()
    local open = mtmsg.newbuffer("name")
    eq(mtmsg.buffer("name"):id(), open:id())
    ok(closed:id() ~= open:id())
end)

spec.run()
