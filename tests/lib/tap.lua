-- Prints the results of tests as TAP, for programs that must not depend on anything but Lua: those that
-- start threads. It runs each test when it is given, and knows nothing of what is tested.

local tap = {}

local count, failed = 0, 0

local function show(value)
    if type(value) ~= "string" then
        return tostring(value)
    end
    return ("%q"):format(#value > 200 and value:sub(1, 200) .. "..." or value)
end

local function show_all(n, list)
    local texts = {}
    for i = 1, n do texts[i] = show(list[i]) end
    return "(" .. table.concat(texts, ", ") .. ")"
end

function tap.note(text)
    print("# " .. tostring(text):gsub("\n", "\n# "))
end

-- Runs body; an error in it is a failed test.
function tap.test(name, body)
    local ok, err = xpcall(body, debug.traceback)
    count = count + 1
    print((ok and "ok " or "not ok ") .. count .. " - " .. name)
    if not ok then
        failed = failed + 1
        tap.note(err)
    end
    io.stdout:flush()
end

function tap.skip(name, reason)
    count = count + 1
    print("ok " .. count .. " - " .. name .. " # SKIP " .. reason)
end

function tap.ok(value, text)
    if not value then error(text or "not true", 2) end
    return value
end

function tap.is(actual, expected, text)
    if actual ~= expected then
        error((text or "value") .. ": expected " .. show(expected) .. ", got " .. show(actual), 2)
    end
end

-- How many values a list has, nil among them: its length is not the same in every Lua then.
local function length_of(list)
    local n = list.n or #list
    for key in pairs(list) do
        if type(key) == "number" and key > n then n = key end
    end
    return n
end

-- The values after the first argument are those of that list, and no more.
function tap.gives(expected, ...)
    local n, wanted, actual = select("#", ...), length_of(expected), { ... }
    local equal = n == wanted
    for i = 1, wanted do
        equal = equal and actual[i] == expected[i]
    end
    if not equal then
        error("expected " .. show_all(wanted, expected) .. ", got " .. show_all(n, actual), 2)
    end
end

-- f raises a text that begins with the given one.
function tap.raises(beginning, f, ...)
    local ok, err = pcall(f, ...)
    if ok then
        error("no error, but expected " .. beginning, 2)
    end
    tap.begins(err, beginning)
end

function tap.begins(text, beginning)
    if type(text) ~= "string" or text:sub(1, #beginning) ~= beginning then
        error("expected a text like " .. show(beginning) .. ", got " .. show(text), 2)
    end
end

function tap.contains(text, part)
    if type(text) ~= "string" or not text:find(part, 1, true) then
        error("expected a text with " .. show(part) .. ", got " .. show(text), 2)
    end
end

-- Skips the whole program, and ends it, for that reason.
function tap.skip_all(reason)
    print("1..0 # SKIP " .. reason)
    os.exit(0)
end

-- The same where a library of Lua, that packages install, cannot be used here.
function tap.needs(library)
    local reason = require "why_not"(library)
    if reason then tap.skip_all(reason) end
end

-- Prints the plan. A failed program ends at once: threads that hang may be the failure.
function tap.done()
    print("1.." .. count)
    io.stdout:flush()
    -- the luv of Debian 13 crashes when a state is closed that had threads, unless its loop has run until all have
    -- ended
    if package.loaded.luv and failed == 0 then package.loaded.luv.run() end
    if failed > 0 then os.exit(1) end
end

return tap
