-- Compares what editors are told, editor/library/mtmsg.lua and editor/mtmsg.d.tl, with docs/reference.md and with the
-- module: the same calls, each with the same ways to call it, and no others. What a type is for is not its affair.
local lu = require "luaunit"
local mtmsg = require "mtmsg"

local function read(path)
    local file = assert(io.open(path))
    local text = file:read("*a")
    file:close()
    return text
end

-- All three sources become the same: calls["buffer:nextmsg"]["timeout,..."] = true (or what it returns), a key for each
-- list of arguments that the call takes; fields["error"] = true.

-- ------------------------------------------------------------------------------------------------ the reference

-- Adds every list of arguments that a text like `[name,] [size [, grow]]` or `id|name` stands for.
local function expand(text, shapes)
    local group = text:match("%b[]")
    if group then
        local first, last = text:find(group, 1, true)
        expand(text:sub(1, first - 1) .. text:sub(last + 1), shapes)
        expand(text:sub(1, first - 1) .. group:sub(2, -2) .. text:sub(last + 1), shapes)
        return
    end
    local left, choice, right = text:match("^(.-)([%w_]+|[%w_|]+)(.*)$")
    if choice then
        for one in choice:gmatch("[^|]+") do
            expand(left .. one .. right, shapes)
        end
        return
    end
    local names = {}
    for name in text:gmatch("[%w_.]+") do
        names[#names + 1] = name
    end
    shapes[table.concat(names, ",")] = true
end

-- A line like "- *options*: ..." below a heading is another way to call it; the fields of options and of what calls
-- return stand in tables, each with the objects that it is for.
local function add_options(text, calls, fields)
    for name, section in text:gmatch("\n### `([%w_:.]+)%([^\n]*(.-)%f[#%z]###? ") do
        if section:find("\n- *options*:", 1, true) then calls[name]["options"] = true end
    end
    for field, classes in text:match("\n### Options\n(.-)\n### "):gmatch("\n| `(%w+)` | ([%w, ]+) |") do
        for class in classes:gmatch("%w+") do fields[class .. "_options." .. field] = true end
    end
    for names in text:match("\n### Looking in\n(.-)\n### "):gmatch("\n| (`[%w`, ]+) |") do
        for field in names:gmatch("%w+") do fields["mtmsg.info." .. field] = true end
    end
end

local function from_reference()
    local calls, fields = {}, {}
    for heading in ("\n" .. read("docs/reference.md")):gmatch("\n### `([^\n]+)`") do
        local name, arguments = heading:match("^([%w_:.]+)%((.*)%)$")
        local other = name and name:find("^mtmsg%.%l+%.") -- a file of Lua: loops.lua looks at those
        if name and not other then
            arguments = arguments:gsub(" *%[, carray%]%*", " [...]"):gsub("^%.%.%.$", "[...]")
            calls[name] = calls[name] or {}
            expand(arguments, calls[name])
        elseif not name then
            fields[heading] = true
        end
    end
    add_options("\n" .. read("docs/reference.md"), calls, fields)
    return calls, fields
end

-- ------------------------------------------------------------------------------------------------ both declarations

-- Those at the end that are optional may be left out.
local function add_call(calls, name, parameters, returns)
    calls[name] = calls[name] or {}
    local names = {}
    for i, parameter in ipairs(parameters) do
        names[i] = parameter.name
    end
    for last = #parameters, 0, -1 do
        local shape = table.concat(names, ",", 1, last)
        lu.assertTrue(calls[name][shape] == nil or calls[name][shape] == returns,
            ("%s(%s) returns %s, and in another overload something else"):format(name, shape, returns))
        calls[name][shape] = returns
        if last > 0 and not parameters[last].optional then break end
    end
end

-- ------------------------------------------------------------------------------------------------ LuaCATS

local luacats_types = { ["any ..."] = "...", ["mtmsg.buffer"] = "buffer",
    ["mtmsg.listener"] = "listener", ["mtmsg.writer"] = "writer", ["mtmsg.reader"] = "reader",
    ["mtmsg.topic"] = "topic", ["mtmsg.info"] = "info", ["mtmsg.info[]"] = "info[]" }

-- "mtmsg.buffer, boolean?" as "buffer,boolean"
local function luacats_results(text)
    local types = {}
    for part in text:gmatch("[^,]+") do
        local name = part:match("^%s*(.-)%??$")
        types[#types + 1] = luacats_types[name] or name
    end
    return table.concat(types, ",")
end

local function luacats_overload(calls, name, text)
    local arguments, returns = text:match("^fun(%b()):? ?(.*)$")
    local parameters = {}
    for part in arguments:sub(2, -2):gmatch("[^,]+") do
        local parameter, mark = part:match("^ *([%w_.]+)(%??):")
        if parameter == "self" then
            lu.assertEquals(part, "self: mtmsg." .. name:match("^%w+"))
        else
            parameters[#parameters + 1] = { name = parameter, optional = mark == "?" or parameter == "..." }
        end
    end
    add_call(calls, name, parameters, luacats_results(returns))
end

local function from_luacats()
    local calls, fields, class = {}, {}, nil
    local optional, overloads, returns = {}, {}, ""
    for line in io.lines("editor/library/mtmsg.lua") do
        local tag, rest = line:match("^%-%-%-@(%w+) ?(.*)$")
        local name, list = line:match("^function ([%w_.:]+)(%b()) end$")
        if tag == "class" then
            class = rest:match("^[%w_.]+")
        elseif tag == "field" then
            fields[class:gsub("^mtmsg%.(%w+_)", "%1") .. "." .. rest:match("^[%w_]+")] = true
        elseif tag == "param" then
            local parameter, mark = rest:match("^([%w_.]+)(%??) %S")
            optional[parameter] = mark == "?" or parameter == "..."
        elseif tag == "overload" then
            overloads[#overloads + 1] = rest
        elseif tag == "return" then
            returns = returns .. (returns == "" and "" or ",") .. (rest:match("^any %.%.%.") or rest:match("^%S+"))
        elseif name then
            local parameters, described = {}, 0
            for parameter in list:gmatch("[%w_.]+") do
                lu.assertNotNil(optional[parameter], ("%s: %s has no @param"):format(name, parameter))
                parameters[#parameters + 1] = { name = parameter, optional = optional[parameter] }
            end
            for _ in pairs(optional) do
                described = described + 1
            end
            lu.assertEquals(described, #parameters, name .. ": @param of something else")
            add_call(calls, name, parameters, luacats_results(returns))
            for _, overload in ipairs(overloads) do
                luacats_overload(calls, name, overload)
            end
            optional, overloads, returns = {}, {}, ""
        end
    end
    return calls, fields
end

-- ------------------------------------------------------------------------------------------------ Teal

-- Reads the part of Teal that a declaration file needs; whatever else it meets is an error.
local function from_teal()
    local calls, fields, tokens, at = {}, {}, {}, 1
    local text = read("editor/mtmsg.d.tl"):gsub("%-%-[^\n]*", "")
    local position = 1
    while text:find("%S", position) do
        local _, last, token = text:find("^%s*([%a_][%w_]*)", position)
        if not token then _, last, token = text:find("^%s*(%.%.%.)", position) end
        if not token then _, last, token = text:find('^%s*("[^"\n]*")', position) end
        if not token then _, last, token = text:find("^%s*([%p])", position) end
        tokens[#tokens + 1], position = assert(token, text:sub(position, position + 20)), last + 1
    end
    local function next_is(token)
        if tokens[at] ~= token then return false end
        at = at + 1
        return true
    end
    local function expect(token)
        lu.assertTrue(next_is(token), ("%s expected, not %s"):format(token, tostring(tokens[at])))
    end
    local function word_or_mark()
        at = at + 1
        return tokens[at - 1]
    end
    local function word()
        local name = tokens[at]
        lu.assertTrue(name:find("^[%a_]") ~= nil, "a name expected, not " .. name)
        at = at + 1
        return name
    end
    local known = { any = true, boolean = true, integer = true, number = true, string = true }
    local function type_name()
        if next_is("(") then -- of a function, which is not read further
            local depth = 1
            repeat
                depth = depth + (next_is("(") and 1 or next_is(")") and -1 or (word_or_mark() and 0))
            until depth == 0
            return "function"
        end
        if next_is("{") then
            local name = word()
            expect("}")
            return name .. "[]"
        end
        local name = word()
        lu.assertTrue(known[name], "unknown type " .. name)
        return name
    end

    local function call(record, prefix, name)
        local parameters, returns, method = {}, "", false
        expect("(")
        while not next_is(")") do
            local parameter = next_is("...") and "..." or word()
            local mark = next_is("?")
            expect(":")
            local kind = type_name()
            if parameter == "self" then
                lu.assertEquals(kind, record)
                method = true
            else
                parameters[#parameters + 1] = { name = parameter, optional = mark or parameter == "..." }
            end
            if tokens[at] ~= ")" then expect(",") end
        end
        if next_is(":") then
            local types = {}
            repeat
                types[#types + 1] = type_name():lower()
                if next_is("...") then types[#types] = "..." end
            until not next_is(",")
            returns = table.concat(types, ",")
        end
        lu.assertEquals(method, record ~= "mtmsg", name)
        add_call(calls, prefix .. (method and ":" or ".") .. name, parameters, returns)
    end

    local function enum()
        known[word()] = true
        repeat
            lu.assertTrue(tokens[at]:find('^"') ~= nil, "a string expected, not " .. tokens[at])
            at = at + 1
        until next_is("end")
    end

    local function body(record, prefix)
        while not next_is("end") do
            local name = word()
            if name == "enum" and tokens[at] ~= ":" then
                enum()
            elseif name == "record" and tokens[at] ~= ":" then
                local inner = word()
                known[inner] = true
                body(inner, inner == "Errors" and "mtmsg.error" or inner == "Info" and "mtmsg.info"
                    or inner:gsub("(%l)(%u)", "%1_%2"):lower())
            else
                expect(":")
                if next_is("function") then
                    call(record, prefix, name)
                else
                    type_name()
                    fields[prefix .. "." .. name] = true
                end
            end
        end
    end

    expect("local")
    expect("record")
    expect("mtmsg")
    body("mtmsg", "mtmsg")
    expect("return")
    expect("mtmsg")
    lu.assertNil(tokens[at])
    return calls, fields
end

-- ------------------------------------------------------------------------------------------------ the tests

-- The calls, each with its lists of arguments in order: what a failing test shows.
local function summary(calls)
    local lines = {}
    for name, shapes in pairs(calls) do
        for shape in pairs(shapes) do
            lines[#lines + 1] = ("%s(%s)"):format(name, shape)
        end
    end
    table.sort(lines)
    return lines
end

local function keys(...)
    local names = {}
    for _, t in ipairs { ... } do
        for name in pairs(t) do
            names[#names + 1] = name
        end
    end
    table.sort(names)
    return names
end

TestEditors = {}

function TestEditors:test_the_reference_gives_every_way_to_call()
    local calls = from_reference()
    lu.assertEquals(keys(calls["mtmsg.newbuffer"]), { "", "name", "name,size", "name,size,grow", "options", "size",
        "size,grow" })
    lu.assertEquals(keys(calls["listener:nextmsg"]), { "", "...", "timeout", "timeout,..." })
    lu.assertEquals(keys(calls["reader:nextmsg"]), { "buffer", "buffer,timeout", "listener", "listener,timeout" })
    lu.assertEquals(keys(calls["writer:add"]), { "", "..." })
    lu.assertEquals(keys(calls["buffer:id"]), { "" })
end

function TestEditors:test_the_annotations_are_those_of_the_reference()
    local calls, fields = from_luacats()
    local expected_calls, expected_fields = from_reference()
    lu.assertEquals(summary(calls), summary(expected_calls))
    lu.assertEquals(keys(fields), keys(expected_fields))
end

function TestEditors:test_the_teal_declarations_are_those_of_the_reference()
    local calls, fields = from_teal()
    local expected_calls, expected_fields = from_reference()
    lu.assertEquals(summary(calls), summary(expected_calls))
    lu.assertEquals(keys(fields), keys(expected_fields))
end

function TestEditors:test_both_say_the_same_about_results()
    lu.assertEquals((from_luacats()), (from_teal()))
end

-- Also against the module itself, so that the reference is not the only witness.
for _, from in ipairs { from_luacats, from_teal } do
    local what = from == from_teal and "teal_declarations" or "annotations"
    TestEditors["test_the_" .. what .. "_have_what_the_module_has"] = function()
        local calls, fields = from()
        local expected = {}
        for name in pairs(mtmsg) do
            expected[#expected + 1] = "mtmsg." .. name
        end
        for name in pairs(mtmsg.error) do
            expected[#expected + 1] = "mtmsg.error." .. name
        end
        local objects = { buffer = mtmsg.newbuffer(), listener = mtmsg.newlistener(), writer = mtmsg.newwriter(),
            reader = mtmsg.newreader(), topic = mtmsg.newtopic() }
        for class, object in pairs(objects) do
            for name in pairs(debug.getmetatable(object).__index) do
                if not name:find("^__") and name ~= "events" then expected[#expected + 1] = class .. ":" .. name end
            end
        end
        for name in pairs(fields) do
            if name:find("_options.", 1, true) or name:find("^mtmsg.info%.") then
                expected[#expected + 1] = name -- as in the reference
            end
        end
        table.sort(expected)
        lu.assertEquals(keys(calls, fields), expected)
    end
end

-- Types that share a parent pass for each other: a writer for a buffer, say.
function TestEditors:test_no_class_passes_for_another()
    local classes, parents = {}, {}
    for name, parent in read("editor/library/mtmsg.lua"):gmatch("\n%-%-%-@class ([%w_.]+)([^\n]*)") do
        classes[name] = true
        if parent ~= "" then parents[#parents + 1] = name .. parent end
    end
    lu.assertEquals(keys(classes), { "mtmsg", "mtmsg.buffer", "mtmsg.buffer_options", "mtmsg.error", "mtmsg.info",
        "mtmsg.listener",
        "mtmsg.listener_options", "mtmsg.reader", "mtmsg.reader_options", "mtmsg.subscriber_options", "mtmsg.topic",
        "mtmsg.topic_options", "mtmsg.writer" })
    lu.assertEquals(parents, {})
end

function TestEditors:test_the_annotations_are_lua()
    local module = assert(loadfile("editor/library/mtmsg.lua"))()
    local functions = {}
    for name, value in pairs(mtmsg) do
        if type(value) == "function" then functions[#functions + 1] = name end
    end
    table.sort(functions)
    lu.assertEquals(keys(module), functions)
end

os.exit(lu.LuaUnit.run())
