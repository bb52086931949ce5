-- The module itself: its table, error names, time, sleep and type. Buffers and listeners have
-- specs of their own.

local globals = {}
for name in pairs(_G) do
    globals[name] = true
end
local mtmsg = require("mtmsg")
local new_global
for name in pairs(_G) do
    if not globals[name] then
        new_global = name
    end
end

local spec   = require("spec")
local carray = require("carray")

local test, eq, ok = spec.test, spec.eq, spec.ok
local raises, bad_argument = spec.raises, spec.bad_argument

local env = {mtmsg = mtmsg}

test("require gives the same table each time and sets no global", function()
    eq(type(mtmsg), "table")
    eq(require("mtmsg"), mtmsg)
    eq(package.loaded.mtmsg, mtmsg)
    eq(new_global, nil)
end)

test("the table has all functions", function()
    for name in ("abort buffer isabort listener newbuffer newlistener newreader newwriter sleep time type")
            :gmatch("%a+") do
        eq(type(mtmsg[name]), "function")
    end
end)

test("version and build information are texts", function()
    spec.matches(mtmsg._VERSION, "%d")
    spec.matches(mtmsg._INFO, "%a")
end)

test("each error value is its full name", function()
    for name in ("ambiguous_name has_notifier message_size no_buffers object_closed operation_aborted " ..
                 "out_of_memory unknown_object"):gmatch("[%a_]+") do
        eq(mtmsg.error[name], "mtmsg.error." .. name)
    end
end)

test("the objects have their methods", function()
    local common = "abort clear close id isabort isnonblock name nextmsg nonblock pollfd "
    local methods = {
        [mtmsg.newbuffer()] = common .. "addmsg msgcnt notifier setmsg",
        [mtmsg.newlistener()] = common .. "newbuffer",
        [mtmsg.newwriter()] = "add addmsg clear setmsg",
        [mtmsg.newreader()] = "clear next nextmsg",
    }
    for object, names in pairs(methods) do
        for name in names:gmatch("%a+") do
            eq(type(object[name]), "function")
        end
        eq(object.no_such_method, nil)
    end
end)

-- Programs written for mtmsg 0.4 and later versions ask for a method before they call it.
test("what is not there reads as nil, in the module and its error names, too", function()
    eq(mtmsg.newbufer, nil)
    eq(mtmsg.error.no_such_error, nil)
    for _, object in ipairs{mtmsg.newbuffer(), mtmsg.newlistener(), mtmsg.newwriter(), mtmsg.newreader()} do
        eq(object.addmesg, nil)
        eq(object[1], nil)
        spec.matches(spec.error_of("object:addmesg(1)", {object = object}), "attempt to call .*'addmesg'")
    end
end)

test("the class and the address of each object are in its text, and the name and id where it has them", function()
    spec.matches(tostring(mtmsg.newbuffer("jobs")), '^mtmsg%.buffer: %S+ %(name="jobs",id=%d+%)$')
    spec.matches(tostring(mtmsg.newlistener()), "^mtmsg%.listener: %S+ %(id=%d+%)$")
    local buffer, writer, reader = mtmsg.newbuffer(), mtmsg.newwriter(), mtmsg.newreader()
    spec.matches(tostring(writer), "^mtmsg%.writer: %S+ %(bytes=0%)$")
    spec.matches(tostring(reader), "^mtmsg%.reader: %S+ %(bytes=0%)$")
    writer:add(1, "x")
    spec.matches(tostring(writer), "^mtmsg%.writer: %S+ %(bytes=5%)$")
    writer:addmsg(buffer)
    reader:nextmsg(buffer)
    reader:next()
    spec.matches(tostring(writer), "^mtmsg%.writer: %S+ %(bytes=0%)$")
    spec.matches(tostring(reader), "^mtmsg%.reader: %S+ %(bytes=3%)$")
end)

test("time is the time of day as a float with at least milliseconds", function()
    local before = os.time()
    local now = mtmsg.time()
    local after = os.time()
    ok(before <= now + 0.1)
    ok(now < after + 1.1)
    if math.type then
        eq(math.type(now), "float")
    end
    local smallest = math.huge
    for _ = 1, 20 do
        local first = mtmsg.time()
        local second
        repeat
            second = mtmsg.time()
        until second ~= first
        smallest = math.min(smallest, math.abs(second - first))
    end
    ok(smallest <= 0.001)
end)

test("sleep lasts as long as it was told to", function()
    local before = mtmsg.time()
    mtmsg.sleep(0.03)
    ok(mtmsg.time() - before >= 0.029)
end)

test("sleep with zero, nearly zero and less than zero returns", function()
    for _, seconds in ipairs{0, 1e-9, 1e-300, -0.0, -1, -1e300, -math.huge} do
        mtmsg.sleep(seconds)
    end
end)

test("sleep wants a number", function()
    for _, argument in ipairs{"", "nil", "{}", "'x'", "true", "0/0", "-(0/0)"} do
        bad_argument(1, "sleep", ("mtmsg.sleep(%s)"):format(argument), env)
    end
end)

test("abort and isabort", function()
    eq(mtmsg.isabort(), false)
    for _, source in ipairs{"mtmsg.abort()", "mtmsg.abort(true)"} do
        (loadstring or load)("local mtmsg = ... " .. source)(mtmsg)
        eq(mtmsg.isabort(), true)
        raises("mtmsg.error.operation_aborted", "mtmsg.sleep(0)", env)
        raises("mtmsg.error.operation_aborted", "mtmsg.newbuffer()", env)
        mtmsg.abort(false)
        eq(mtmsg.isabort(), false)
        mtmsg.sleep(0)
    end
    mtmsg.abort(false)
    eq(mtmsg.isabort(), false)
end)

test("type gives the same as Lua's for all builtin types but userdata", function()
    local values = {"", 1, 1.5, true, false, {}, print, function() end, carray.twice,
                    coroutine.create(function() end), setmetatable({}, {__name = "carray"})}
    for _, value in ipairs(values) do
        eq(mtmsg.type(value), type(value))
    end
    eq(mtmsg.type(nil), "nil")
    if rawget(_G, "jit") then
        eq(mtmsg.type(require("ffi").new("int64_t", 1)), "cdata")
    end
end)

test("type wants an argument", function()
    bad_argument(1, "type", "mtmsg.type()", env)
end)

test("type of userdata is the registered name of its metatable", function()
    eq(mtmsg.type(mtmsg.newbuffer()), "mtmsg.buffer")
    eq(mtmsg.type(mtmsg.newlistener()), "mtmsg.listener")
    eq(mtmsg.type(mtmsg.newwriter()), "mtmsg.writer")
    eq(mtmsg.type(mtmsg.newreader()), "mtmsg.reader")
    eq(mtmsg.type(carray.new("int", 1)), "carray")
    local mt = debug.getmetatable(io.stdout)
    local name = rawget(mt, "__name")
    eq(mtmsg.type(io.stdout), name and debug.getregistry()[name] == mt and name or "userdata")
end)

test("type of userdata without a registered name is userdata", function()
    for _, mt in ipairs{{}, {__name = "no such name"}, {__name = "mtmsg.buffer"}, {__name = "carray"},
                        {__name = 5}, {__name = {}}, {__name = print}} do
        eq(mtmsg.type(carray.userdata(mt)), "userdata")
    end
    eq(mtmsg.type(carray.userdata()), "userdata")
    eq(mtmsg.type(carray.pointer(1)), "userdata")
end)

spec.run()
