-- What the specs share: naming and running of tests, comparing of results and of error texts.
-- It tests nothing itself.

local lu     = require("luaunit")
local mtmsg  = require("mtmsg")
local stepgc = require("stepgc")

local spec = {}
local tests = {}

local math_type = math.type or function() return "number" end

-- What an earlier test left behind, maybe because it failed, must not reach the next one.
local function reset()
    local carray = package.loaded.carray
    if carray then
        carray.fail()
        carray.hook(nil)
    end
    mtmsg.abort(false)
    spec.collect() -- no name is found any more
end

-- Names are sentences; spec.run() executes the tests in the order of their definition.
function spec.test(name, body)
    tests[#tests + 1] = {name, function()
        stepgc.stop()
        reset()
        stepgc.start()
        body()
        stepgc.stop()
    end}
end

-- Ends the program. Of the command line (a C host may have none) one option counts, "-p TEXT": it
-- selects the tests with this text in their names. The output is always TAP.
function spec.run()
    local args = rawget(_G, "arg") or {}
    local text = ""
    for i = 1, #args do
        text = args[i] == "-p" and args[i + 1] or text
    end
    local chosen = {}
    for _, t in ipairs(tests) do
        if t[1]:find(text, 1, true) then
            chosen[#chosen + 1] = t
        end
    end
    local runner = lu.LuaUnit.new()
    runner:setOutputType("tap")
    local failures = runner:runSuiteByInstances(chosen, "-v")
    stepgc.stop()
    os.exit(failures == 0 and 0 or 1, true)
end

-- False where the collector runs all the time, and tests should do less.
spec.thorough = not stepgc.active

-- The number of rounds for a test that repeats itself.
function spec.many(n, few)
    return spec.thorough and n or few or math.min(n, 20)
end

function spec.list(...)
    return {n = select("#", ...), ...}
end

local function same(a, b)
    if type(a) ~= "number" or type(b) ~= "number" then
        return rawequal(a, b)
    end
    if a ~= a or b ~= b then
        return a ~= a and b ~= b
    end
    return a == b and math_type(a) == math_type(b) and (a ~= 0 or 1 / a == 1 / b)
end

local function show(list)
    local texts = {}
    for i = 1, list.n do
        local v = list[i]
        local text = type(v) == "string" and ("%q"):format(#v > 200 and v:sub(1, 200) .. "..." or v)
                     or tostring(v)
        texts[i] = math_type(v) == "float" and text .. " (float)" or text
    end
    return "(" .. table.concat(texts, ", ") .. ")"
end

-- The values after the first argument are exactly those of that list: as many, the same bytes,
-- the same number subtypes, -0 is not 0.
function spec.gives(expected, ...)
    local actual = spec.list(...)
    local equal = actual.n == expected.n
    for i = 1, expected.n do
        equal = equal and same(actual[i], expected[i])
    end
    if not equal then
        lu.fail("expected " .. show(expected) .. ", got " .. show(actual))
    end
end

-- For single values; nil is not the same as no value in gives(), but it is here.
function spec.eq(actual, expected)
    if not rawequal(actual, expected) then
        lu.assertEquals(actual, expected)
        lu.fail("equal, but not the same object: " .. tostring(actual))
    end
end

spec.ok = lu.assertTrue
spec.no = lu.assertFalse
spec.matches = function(text, pattern)
    if type(text) ~= "string" or not text:find(pattern) then
        lu.fail("expected a match of " .. pattern .. ", got " .. tostring(text))
    end
end

local function compile(source, env)
    env = setmetatable(env or {}, {__index = _G})
    if setfenv then
        return setfenv(assert(loadstring(source, "=case")), env)
    end
    return assert(load(source, "=case", "t", env))
end

-- The error of the statement that is given as a text: Lua takes the names of functions in error
-- messages from the calling code, and the line number comes from it.
function spec.error_of(source, env)
    local success, err = pcall(compile(source, env))
    if success then
        lu.fail("no error from: " .. source)
    elseif type(err) ~= "string" then
        lu.fail("error is no string, but " .. type(err) .. ": " .. source)
    end
    return err
end

function spec.raises(expected, source, env)
    local err = spec.error_of(source, env)
    if err ~= expected then
        lu.fail(("%s\nexpected error: %s\n     got error: %s"):format(source, expected, err))
    end
end

function spec.raises_like(pattern, source, env)
    local err = spec.error_of(source, env)
    if not err:find(pattern) then
        lu.fail(("%s\nexpected error like: %s\n          got error: %s"):format(source, pattern, err))
    end
end

-- text: the exact text in the parentheses where the contract fixes it; the type of what came follows in others.
function spec.bad_argument(n, name, source, env, text)
    local prefix = ("case:1: bad argument #%d to '%s' (%s"):format(n, name, text and text .. ")" or "")
    local err = spec.error_of(source, env)
    if err:sub(1, #prefix) ~= prefix or text and not err:find("^ %(got [^()]+%)$", #prefix + 1) then
        lu.fail(("%s\nexpected error: %s...\n     got error: %s"):format(source, prefix, err))
    end
end

function spec.collect()
    collectgarbage()
    collectgarbage()
end

-- Calls f when the collector finds the returned object to be garbage.
function spec.finalizer(f)
    local newproxy = rawget(_G, "newproxy")
    if newproxy then
        local object = newproxy(true)
        getmetatable(object).__gc = f
        return object
    end
    return setmetatable({}, {__gc = f})
end

-- id and name of an object as error texts and tostring show them.
function spec.label(object)
    local kind = getmetatable(object)
    local id = ("id=%.0f"):format(object:id())
    local name = object:name()
    if not name then
        return ("%s(%s)"):format(kind, id)
    end
    local quoted = name:gsub(".", {['"'] = '\\"', ["\\"] = "\\\\", ["\0"] = "\\0"})
    return ("%s(name=\"%s\",%s)"):format(kind, quoted, id)
end

-- Takes a message without a timeout, but never waits where none is there.
function spec.take(object, ...)
    if object.msgcnt then
        lu.assertTrue(object:msgcnt() > 0)
    end
    return object:nextmsg(...)
end

return spec
