-- Names and ids: what they are, how objects are found by them, and how they are shown. Which
-- objects are collected when is told in lifetime.lua.

local spec  = require("spec")
local mtmsg = require("mtmsg")

local test, eq, ok, no = spec.test, spec.eq, spec.ok, spec.no
local raises, bad_argument, gives, list = spec.raises, spec.bad_argument, spec.gives, spec.list

-- the same for buffers and listeners
local kinds = {
    {name = "buffer", new = mtmsg.newbuffer, find = mtmsg.buffer},
    {name = "listener", new = mtmsg.newlistener, find = mtmsg.listener},
}

local function for_each_kind(name, body)
    for _, kind in ipairs(kinds) do
        test(kind.name .. ": " .. name, function() body(kind) end)
    end
end

local function id_text(object)
    return ("%.0f"):format(object:id())
end

for_each_kind("an id is a large positive integer that a double can hold", function(kind)
    for _ = 1, 10 do
        local id = kind.new():id()
        eq(type(id), "number")
        ok(id > 1000000)
        ok(id % 1 == 0)
        ok(id <= 2^53)
        if math.type then
            eq(math.type(id), "integer")
        end
    end
end)

test("ids are unique over buffers and listeners and never used again", function()
    local seen = {}
    local lst = mtmsg.newlistener()
    for _ = 1, spec.many(2000) do
        for _, object in ipairs{mtmsg.newbuffer(), mtmsg.newlistener(), lst:newbuffer()} do
            eq(seen[object:id()], nil)
            seen[object:id()] = true
        end
    end
end)

for_each_kind("a small integer is no id", function(kind)
    local env = {find = kind.find}
    for id = 1, 100 do
        env.id = id
        raises(("mtmsg.error.unknown_object: %s id %d"):format(kind.name, id), "find(id)", env)
    end
end)

for_each_kind("the name is what was given, byte for byte", function(kind)
    eq(kind.new():name(), nil)
    for _, name in ipairs{"jobs", "", "with spaces", "\0", "a\0b", "\255\254", 'quote " and \\', "17",
                          ("long"):rep(1000)} do
        local object = kind.new(name)
        eq(object:name(), name)
        eq(kind.find(name):id(), object:id())
    end
end)

for_each_kind("names that differ only after a zero byte are different", function(kind)
    local a, b = kind.new("same\0a"), kind.new("same\0b")
    eq(kind.find("same\0a"):id(), a:id())
    eq(kind.find("same\0b"):id(), b:id())
    raises(('mtmsg.error.unknown_object: %s name "same"'):format(kind.name), "find('same')", {find = kind.find})
end)

for_each_kind("finding gives another reference to the same thing", function(kind)
    local object = kind.new("shared")
    local by_id, by_name = kind.find(object:id()), kind.find("shared")
    for _, found in ipairs{by_id, by_name} do
        no(rawequal(found, object))
        eq(found:id(), object:id())
        eq(found:name(), "shared")
        eq(mtmsg.type(found), "mtmsg." .. kind.name)
    end
    by_id:abort()
    eq(by_name:isabort(), true)
    eq(object:isabort(), true)
end)

for_each_kind("a float with an integral value is accepted as id", function(kind)
    local object = kind.new()
    eq(kind.find(object:id() + 0.0):id(), object:id())
end)

for_each_kind("a string is a name, even one of digits", function(kind)
    local object = kind.new()
    local text = id_text(object)
    raises(('mtmsg.error.unknown_object: %s name "%s"'):format(kind.name, text), "find(text)",
           {find = kind.find, text = text})
end)

for_each_kind("unknown ids and names raise unknown_object", function(kind)
    local env = {find = kind.find, id = kind.new():id() + 2^40}
    raises(('mtmsg.error.unknown_object: %s name "nobody"'):format(kind.name), "find('nobody')", env)
    raises(('mtmsg.error.unknown_object: %s id %.0f'):format(kind.name, env.id), "find(id)", env)
    raises(('mtmsg.error.unknown_object: %s id 17'):format(kind.name), "find(17)", env)
    for _, id in ipairs{"0.5", "-1", "2^53", "2^60", "1e300", "-1e300", "1/0", "-1/0", "0/0"} do
        spec.error_of(("find(%s)"):format(id), env)
    end
end)

for_each_kind("finding wants an id or a name", function(kind)
    local env = {mtmsg = mtmsg}
    for _, argument in ipairs{"", "nil", "true", "{}", "print", "io.stdout"} do
        bad_argument(1, kind.name, ("mtmsg.%s(%s)"):format(kind.name, argument), env)
    end
end)

for_each_kind("a name used twice is ambiguous, ids are not", function(kind)
    local env = {find = kind.find}
    local a, b = kind.new("twice"), kind.new("twice")
    raises(('mtmsg.error.ambiguous_name: %s name "twice"'):format(kind.name), "find('twice')", env)
    eq(kind.find(a:id()):id(), a:id())
    eq(kind.find(b:id()):id(), b:id())
    a:close()
    eq(kind.find("twice"):id(), b:id()) -- open ones come first
    b:close()
    raises(('mtmsg.error.ambiguous_name: %s name "twice"'):format(kind.name), "find('twice')", env)
    a = nil
    spec.collect()
    eq(kind.find("twice"):id(), b:id())
end)

for_each_kind("a closed one is still found", function(kind)
    local object = kind.new("closed")
    object:close()
    eq(kind.find("closed"):id(), object:id())
    eq(kind.find(object:id()):name(), "closed")
end)

for_each_kind("an aborted one is still found", function(kind)
    local object = kind.new("aborted")
    object:abort()
    eq(kind.find("aborted"):id(), object:id())
    eq(kind.find(object:id()):isabort(), true)
end)

for_each_kind("one without any reference is not found any more", function(kind)
    local object = kind.new("gone")
    local env = {find = kind.find, id = object:id()}
    object = nil
    spec.collect()
    raises(('mtmsg.error.unknown_object: %s name "gone"'):format(kind.name), "find('gone')", env)
    raises(('mtmsg.error.unknown_object: %s id %.0f'):format(kind.name, env.id), "find(id)", env)
end)

test("buffers and listeners are not found as the other kind", function()
    local env = {mtmsg = mtmsg, b = mtmsg.newbuffer("only buffer"), lst = mtmsg.newlistener("only listener")}
    raises("mtmsg.error.unknown_object: listener id " .. id_text(env.b), "mtmsg.listener(b:id())", env)
    raises("mtmsg.error.unknown_object: buffer id " .. id_text(env.lst), "mtmsg.buffer(lst:id())", env)
    raises('mtmsg.error.unknown_object: listener name "only buffer"', "mtmsg.listener('only buffer')", env)
    raises('mtmsg.error.unknown_object: buffer name "only listener"', "mtmsg.buffer('only listener')", env)
end)

test("a buffer and a listener may have the same name", function()
    local b, lst = mtmsg.newbuffer("both"), mtmsg.newlistener("both")
    eq(mtmsg.buffer("both"):id(), b:id())
    eq(mtmsg.listener("both"):id(), lst:id())
end)

test("a listener's buffer is found like any other", function()
    local lst = mtmsg.newlistener()
    local b = lst:newbuffer("connected")
    mtmsg.buffer("connected"):addmsg("by name")
    mtmsg.buffer(b:id()):addmsg("by id")
    gives(list("by name"), lst:nextmsg(0))
    gives(list("by id"), lst:nextmsg(0))
    local other = mtmsg.newbuffer("connected")
    eq(other:name(), "connected")
    raises('mtmsg.error.ambiguous_name: buffer name "connected"', "mtmsg.buffer('connected')", {mtmsg = mtmsg})
end)

for_each_kind("tostring shows address, name and id", function(kind)
    local prefix = "^mtmsg%." .. kind.name .. ": 0?x?%x+ "
    local named, nameless = kind.new("jobs"), kind.new()
    spec.matches(tostring(named), prefix .. '%(name="jobs",id=' .. id_text(named) .. "%)$")
    spec.matches(tostring(nameless), prefix .. "%(id=" .. id_text(nameless) .. "%)$")
    local again = tostring(named)
    named:close()
    eq(tostring(named), again)
end)

local awkward = {
    {'say "hi"', [[say \"hi\"]]},
    {[[C:\temp]], [[C:\\temp]]},
    {"zero\0byte", [[zero\0byte]]},
    {'\0\\"\0', [[\0\\\"\0]]},
    {'"', [[\"]]},
    {"", ""},
    {"line\nfeed", "line\nfeed"},
}

for_each_kind("quotes, backslashes and zero bytes in names are escaped", function(kind)
    for _, case in ipairs(awkward) do
        local name, shown = case[1], case[2]
        local env = {find = kind.find, name = name}
        raises(('mtmsg.error.unknown_object: %s name "%s"'):format(kind.name, shown), "find(name)", env)
        local object = kind.new(name)
        local tail = ('(name="%s",id=%s)'):format(shown, id_text(object))
        eq(tostring(object):sub(-#tail), tail)
        object:close()
        raises(("mtmsg.error.object_closed: mtmsg.%s%s"):format(kind.name, tail), "o:nextmsg(0)", {o = object})
    end
end)

for_each_kind("getmetatable gives the name of the class", function(kind)
    eq(getmetatable(kind.new()), "mtmsg." .. kind.name)
end)

test("writers and readers give the names of their classes, too", function()
    eq(getmetatable(mtmsg.newwriter()), "mtmsg.writer")
    eq(getmetatable(mtmsg.newreader()), "mtmsg.reader")
    eq(type(tostring(mtmsg.newwriter())), "string")
    eq(type(tostring(mtmsg.newreader())), "string")
end)

spec.run()
