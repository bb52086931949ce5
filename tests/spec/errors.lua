-- Errors: their texts, and the number and function name for each wrong argument of each function.
-- What an error leaves behind is told by the specs of the objects.

local spec   = require("spec")
local mtmsg  = require("mtmsg")
local carray = require("carray")

local test, eq, gives, list = spec.test, spec.eq, spec.gives, spec.list
local raises, raises_like, bad_argument, label = spec.raises, spec.raises_like, spec.bad_argument, spec.label

-- A fresh set of objects for statements: b and lb are buffers, lb of the listener lst.
local function objects()
    local lst = mtmsg.newlistener("the listener")
    local env = {mtmsg = mtmsg, carray = carray, lst = lst, lb = lst:newbuffer("its buffer"),
                 b = mtmsg.newbuffer("the buffer"), w = mtmsg.newwriter(), r = mtmsg.newreader(),
                 c = carray.new("int", 1)}
    env.b:addmsg("in b")
    env.lb:addmsg("in lb")
    return env
end

-- Nothing was taken from, or added to, the objects of objects().
local function check_untouched(env)
    gives(list("in b"), env.b:nextmsg(0))
    gives(list("in lb"), env.lst:nextmsg(0))
    eq(env.b:msgcnt() + env.lb:msgcnt(), 0)
    env.w:addmsg(env.b)
    gives(list(), env.b:nextmsg(0))
    gives(list(), env.r:next(-1))
end

---- texts

test("errors are strings that name the object", function()
    local env = objects()
    local b, lst = env.b, env.lst
    local small = mtmsg.newbuffer("small", 4, 0)
    env.small = small
    local b_label, lst_label = label(b), label(lst)
    eq(b_label, ('mtmsg.buffer(name="the buffer",id=%.0f)'):format(b:id()))
    raises("mtmsg.error.message_size: message size 5 exceeds limit of 4 bytes for " .. label(small),
           "small:addmsg('m2')", env)
    raises("mtmsg.error.message_size: message size 5 exceeds limit of 4 bytes for " .. label(small),
           "small:setmsg('m2')", env)
    raises('mtmsg.error.unknown_object: buffer name "x"', "mtmsg.buffer('x')", env)
    raises("mtmsg.error.unknown_object: buffer id 17", "mtmsg.buffer(17)", env)
    raises('mtmsg.error.unknown_object: listener name "x"', "mtmsg.listener('x')", env)
    raises("mtmsg.error.unknown_object: listener id 17", "mtmsg.listener(17)", env)
    b:notifier(env.lb)
    raises("mtmsg.error.has_notifier", "b:notifier(lb)", env)
    b:abort()
    raises("mtmsg.error.operation_aborted", "b:addmsg()", env)
    b:close()
    raises("mtmsg.error.object_closed: " .. b_label, "b:addmsg()", env)
    lst:close()
    raises("mtmsg.error.object_closed: " .. lst_label, "lst:nextmsg()", env)
    raises("mtmsg.error.object_closed: " .. lst_label, "lst:newbuffer()", env)
    env.other = mtmsg.newbuffer("twice")
    env.another = mtmsg.newbuffer("twice")
    raises('mtmsg.error.ambiguous_name: buffer name "twice"', "mtmsg.buffer('twice')", env)
end)

test("no_buffers names the listener", function()
    for _, lst in ipairs{mtmsg.newlistener("empty"), mtmsg.newlistener()} do
        local err = spec.error_of("lst:nextmsg()", {lst = lst})
        local prefix = "mtmsg.error.no_buffers: "
        eq(err:sub(1, #prefix), prefix)
        spec.matches(err, ("id=%.0f"):format(lst:id()))
    end
end)

test("the error values are plain texts that find themselves in errors", function()
    local env = objects()
    env.b:close()
    for statement, name in pairs{["b:nextmsg()"] = "object_closed", ["mtmsg.buffer('x')"] = "unknown_object",
                                 ["mtmsg.newlistener():nextmsg()"] = "no_buffers"} do
        spec.matches(spec.error_of(statement, env), mtmsg.error[name])
    end
end)

test("errors carry no position, wrong arguments do", function()
    local env = objects()
    spec.matches(spec.error_of("mtmsg.buffer('x')", env), "^mtmsg%.error%.unknown_object: ")
    spec.matches(spec.error_of("\n\nb:nextmsg({})", env), "^case:3: bad argument #1 to 'nextmsg'")
end)

if carray.sizeof("pointer") == 8 then
    test("a size that cannot be allocated is out_of_memory", function()
        local env = objects()
        local pattern = "^mtmsg%.error%.out_of_memory: failed to allocate %d+ bytes$"
        for _, size in ipairs{"2^62", "2^61", "2^62, 0", "2^60, 1"} do
            raises_like(pattern, ("mtmsg.newbuffer(%s)"):format(size), env)
            raises_like(pattern, ("mtmsg.newbuffer('large', %s)"):format(size), env)
            raises_like(pattern, ("lst:newbuffer(%s)"):format(size), env)
            raises_like(pattern, ("mtmsg.newwriter(%s)"):format(size), env)
            raises_like(pattern, ("mtmsg.newreader(%s)"):format(size), env)
        end
        raises('mtmsg.error.unknown_object: buffer name "large"', "mtmsg.buffer('large')", env)
        check_untouched(env)
    end)
end

---- arguments: { function name, wrong argument's number, statements }

local creating = {}
for _, prefix in ipairs{"mtmsg.newbuffer(", "lst:newbuffer("} do
    local name = "newbuffer"
    for _, wrong in ipairs{"true", "{1}", "print", "0/0", "-(0/0)", "1/0", "2^63", "2^64", "1e300"} do
        creating[#creating + 1] = {name, 1, prefix .. wrong .. ")"}
        creating[#creating + 1] = {name, 2, prefix .. "'name', " .. wrong .. ")"}
    end
    creating[#creating + 1] = {name, 2, prefix .. "'name', 'name')"}
    for _, wrong in ipairs{"true", "{}", "'x'", "0/0", "-(0/0)"} do
        creating[#creating + 1] = {name, 2, prefix .. "10, " .. wrong .. ")"}
        creating[#creating + 1] = {name, 3, prefix .. "'name', 10, " .. wrong .. ")"}
    end
end
for _, name in ipairs{"newwriter", "newreader"} do
    local options = name == "newreader" and "{1}" or "{}"
    for _, wrong in ipairs{"true", options, "'x'", "0/0", "1/0", "2^63", "1e300"} do
        creating[#creating + 1] = {name, 1, ("mtmsg.%s(%s)"):format(name, wrong)}
    end
    for _, wrong in ipairs{"true", "{}", "'x'", "0/0"} do
        creating[#creating + 1] = {name, 2, ("mtmsg.%s(10, %s)"):format(name, wrong)}
    end
end
for _, wrong in ipairs{"true", "{1}", "print"} do
    creating[#creating + 1] = {"newlistener", 1, ("mtmsg.newlistener(%s)"):format(wrong)}
end

local finding = {}
for _, name in ipairs{"buffer", "listener"} do
    for _, wrong in ipairs{"", "nil", "true", "{}", "print", "b", "lst"} do
        finding[#finding + 1] = {name, 1, ("mtmsg.%s(%s)"):format(name, wrong)}
    end
end

local receiving = {}
for _, object in ipairs{"b", "lst"} do
    for _, wrong in ipairs{"{}", "'x'", "true", "print", "b", "carray.userdata()", "carray.pointer(1)"} do
        receiving[#receiving + 1] = {"nextmsg", 1, ("%s:nextmsg(%s)"):format(object, wrong),
                                     "timeout seconds or carray expected"}
        for before, position in pairs{["0"] = 2, ["nil"] = 2, ["c"] = 2, ["0, c"] = 3, ["nil, nil"] = 3,
                                      ["c, nil, c"] = 4} do
            receiving[#receiving + 1] = {"nextmsg", position, ("%s:nextmsg(%s, %s)"):format(object, before, wrong),
                                         "carray expected"}
        end
        receiving[#receiving + 1] = {"nextmsg", 2, ("r:nextmsg(%s, %s)"):format(object, wrong),
                                     "timeout seconds expected"}
    end
    receiving[#receiving + 1] = {"nextmsg", 2, ("%s:nextmsg(0, 0)"):format(object), "carray expected"}
    receiving[#receiving + 1] = {"nextmsg", 1, ("%s:nextmsg(0/0)"):format(object)}
    receiving[#receiving + 1] = {"nextmsg", 2, ("r:nextmsg(%s, 0/0)"):format(object)}
end
for _, wrong in ipairs{"", "nil", "0", "'x'", "{}", "w", "r", "io.stdout", "carray.pointer(1)"} do
    receiving[#receiving + 1] = {"nextmsg", 1, ("r:nextmsg(%s)"):format(wrong)}
end
for _, wrong in ipairs{"{}", "'x'", "true", "print", "b"} do
    receiving[#receiving + 1] = {"next", 1, ("r:next(%s)"):format(wrong), "integer or carray expected"}
    receiving[#receiving + 1] = {"next", 2, ("r:next(1, %s)"):format(wrong), "carray expected"}
    receiving[#receiving + 1] = {"next", 2, ("r:next(c, %s)"):format(wrong), "carray expected"}
    receiving[#receiving + 1] = {"next", 3, ("r:next(nil, nil, %s)"):format(wrong), "carray expected"}
end

local adding = {}
for _, wrong in ipairs{"io.stdout", "r", "coroutine.create(function() end)",
                       "carray.closure()"} do
    for _, method in ipairs{"b:addmsg", "b:setmsg", "w:add"} do
        for n, before in ipairs{"", "1, ", "nil, nil, ", "'x', true, 0.5, "} do
            adding[#adding + 1] = {method:sub(3), n, ("%s(%s%s)"):format(method, before, wrong),
                                   "parameter type not supported"}
        end
    end
end
for _, wrong in ipairs{"", "nil", "0", "'x'", "{}", "w", "r", "lst", "io.stdout"} do
    adding[#adding + 1] = {"addmsg", 1, ("w:addmsg(%s)"):format(wrong)}
    adding[#adding + 1] = {"setmsg", 1, ("w:setmsg(%s)"):format(wrong)}
end

local other = {}
for _, wrong in ipairs{"1", "'x'", "true", "{}", "print", "w", "r", "lst", "io.stdout"} do
    other[#other + 1] = {"notifier", 1, ("b:notifier(%s)"):format(wrong)}
end
for _, wrong in ipairs{"'x'", "''", "{}", "true"} do
    other[#other + 1] = {"notifier", 2, ("b:notifier(lb, %s)"):format(wrong)}
    other[#other + 1] = {"notifier", 3, ("b:notifier(lb, '<', %s)"):format(wrong)}
end
for _, wrong in ipairs{"", "nil", "'x'", "{}", "true", "0/0"} do
    other[#other + 1] = {"sleep", 1, ("mtmsg.sleep(%s)"):format(wrong)}
end
other[#other + 1] = {"type", 1, "mtmsg.type()"}

for name, cases in pairs{creating = creating, finding = finding, receiving = receiving, adding = adding,
                         ["other functions"] = other} do
    test("wrong arguments of " .. name, function()
        local env = objects()
        for _, case in ipairs(cases) do
            bad_argument(case[2], case[1], case[3], env, case[4])
        end
        raises('mtmsg.error.unknown_object: buffer name "name"', "mtmsg.buffer('name')", env)
        check_untouched(env)
    end)
end

test("wrong arguments are told what was expected and what came", function()
    local env = objects()
    local expected = {
        ["b:addmsg(coroutine.create(function() end))"] = "#1 to 'addmsg' (parameter type not supported) (got thread)",
        ["b:addmsg(1, {{x = r}})"] = "#2 to 'addmsg' (parameter type not supported: mtmsg.reader at [2][1][\"x\"])",
        ["b:setmsg(r)"] = "#1 to 'setmsg' (parameter type not supported) (got mtmsg.reader)",
        ["w:add(w)"] = "#1 to 'add' (parameter type not supported) (got mtmsg.writer)",
        ["b:nextmsg('x')"] = "#1 to 'nextmsg' (timeout seconds or carray expected) (got string)",
        ["lst:nextmsg(r)"] = "#1 to 'nextmsg' (timeout seconds or carray expected) (got mtmsg.reader)",
        ["b:nextmsg(0, {})"] = "#2 to 'nextmsg' (carray expected) (got table)",
        ["r:nextmsg(b, {})"] = "#2 to 'nextmsg' (timeout seconds expected) (got table)",
        ["r:nextmsg(w)"] = "#1 to 'nextmsg' (mtmsg.buffer or mtmsg.listener expected, got mtmsg.writer)",
        ["r:next({})"] = "#1 to 'next' (integer or carray expected) (got table)",
        ["w:addmsg(lst)"] = "#1 to 'addmsg' (mtmsg.buffer expected, got mtmsg.listener)",
        ["w:addmsg(c)"] = "#1 to 'addmsg' (mtmsg.buffer expected, got carray)",
        ["w:addmsg(carray.userdata())"] = "#1 to 'addmsg' (mtmsg.buffer expected, got userdata)",
        ["w:addmsg(carray.pointer(8))"] = "#1 to 'addmsg' (mtmsg.buffer expected, got light userdata)",
        ["b.addmsg(1)"] = "#1 to 'addmsg' (mtmsg.buffer expected, got number)",
        ["b.close()"] = "#1 to 'close' (mtmsg.buffer expected, got no value)",
        ["b:notifier(7)"] = "#1 to 'notifier' (notifier object or nil expected, got number)",
        ["b:notifier(lb, '=')"] = [[#2 to 'notifier' (notifier type "<" or ">" expected, got "=")]],
        ["b:nonblock('yes')"] = "#1 to 'nonblock' (boolean expected, got string)",
        ["mtmsg.buffer()"] = "#1 to 'buffer' (id or name expected, got no value)",
        ["mtmsg.listener({})"] = "#1 to 'listener' (id or name expected, got table)",
        ["mtmsg.newbuffer('x', 'y')"] = "#2 to 'newbuffer' (number expected, got string)",
        ["mtmsg.sleep()"] = "#1 to 'sleep' (timeout seconds expected) (got no value)",
    }
    for statement, text in pairs(expected) do
        raises("case:1: bad argument " .. text, statement, env)
    end
    check_untouched(env)
end)

test("each method refuses what is no object of its class", function()
    local env = objects()
    local common = "abort clear close id isabort isnonblock name nextmsg nonblock "
    local methods = {
        b = common .. "addmsg msgcnt notifier setmsg",
        lst = common .. "newbuffer",
        w = "add addmsg clear setmsg",
        r = "clear next nextmsg",
    }
    -- What buffers and listeners have in common may be one function that takes both.
    local function is_taken(object, name, argument)
        local is_shared = (" " .. common):find(" " .. name .. " ", 1, true) and (object == "b" or object == "lst")
        return argument == object or is_shared and (argument == "b" or argument == "lst")
    end
    for object, names in pairs(methods) do
        for name in names:gmatch("%a+") do
            for _, wrong in ipairs{"", "nil", "1", "'text'", "true", "{}", "print", "b", "lst", "w", "r",
                                   "io.stdout", "c", "carray.userdata()", "carray.userdata({})",
                                   "carray.pointer(0)", "carray.pointer(4096)"} do
                if not is_taken(object, name, wrong) then
                    bad_argument(1, name, ("%s.%s(%s)"):format(object, name, wrong), env)
                end
            end
        end
    end
    check_untouched(env)
end)

test("arguments are counted with the object where the call names it", function()
    local env = objects()
    bad_argument(2, "addmsg", "b.addmsg(b, io.stdout)", env, "parameter type not supported")
    bad_argument(1, "addmsg", "b:addmsg(io.stdout)", env, "parameter type not supported")
    bad_argument(2, "nextmsg", "b.nextmsg(b, {})", env, "timeout seconds or carray expected")
    bad_argument(3, "nextmsg", "r.nextmsg(r, b, {})", env, "timeout seconds expected")
    check_untouched(env)
end)

test("extra arguments are ignored", function()
    local env = objects()
    local b, lst, r, w = env.b, env.lst, env.r, env.w
    gives(list(b:id()), b:id({}))
    eq(b:name({}, 1), "the buffer")
    eq(b:msgcnt({}), 1)
    eq(lst:name({}), "the listener")
    eq(mtmsg.buffer("the buffer", {}):id(), b:id())
    eq(mtmsg.newbuffer("extra", 1, 1, {}, print):name(), "extra")
    eq(lst:newbuffer("extra", 1, 1, {}, print):name(), "extra")
    eq(mtmsg.newlistener("extra", {}):name(), "extra")
    eq(mtmsg.type(1, {}), "number")
    eq(type(mtmsg.time({})), "number")
    eq(mtmsg.isabort({}), false)
    mtmsg.sleep(0, {})
    eq(r:nextmsg(b, 0, {}), true)
    w:add("in b")
    eq(w:addmsg(b, {}), true)
    gives(list("in b"), r:next())
    b:notifier(nil, "<", 1, {})
    eq(b:isnonblock({}), false)
    eq(b:isabort({}), false)
    b:nonblock(false, {})
    b:abort(false, {})
    check_untouched(env)
end)

spec.run()
