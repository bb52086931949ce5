-- Compares docs/reference.md with the module, both ways: every call that exists has its heading there, and every
-- heading is about a call that exists. It does not judge what the page says about them.
local lu = require "luaunit"
local mtmsg = require "mtmsg"

local function read(path)
    local file = assert(io.open(path))
    local text = file:read("*a")
    file:close()
    return text
end

-- "kind.name" or "kind:name" of every heading like ### `buffer:addmsg(...)`
local documented = {}
for name in ("\n" .. read("docs/reference.md")):gmatch("\n### `([%w_.:]+)[^\n]*`") do
    documented[#documented + 1] = name
end

local function sorted(list)
    table.sort(list)
    return list
end

-- Those that begin with the prefix, without it.
local function documented_with(prefix)
    local names = {}
    for _, name in ipairs(documented) do
        if name:sub(1, #prefix) == prefix then
            local rest = name:sub(#prefix + 1)
            if not rest:find(".", 1, true) then names[#names + 1] = rest end
        end
    end
    return sorted(names)
end

local function keys(t)
    local names = {}
    for name in pairs(t) do
        names[#names + 1] = name
    end
    return sorted(names)
end

-- The names that programs call: metamethods are not among them.
local function methods(object)
    local index = debug.getmetatable(object).__index
    lu.assertIsTable(index)
    local names = {}
    for name, value in pairs(index) do
        if name == "events" then -- what cqueues asks for beside pollfd
            lu.assertEquals(value, "r")
        elseif not name:find("^__") then
            lu.assertIsFunction(value, name)
            names[#names + 1] = name
        end
    end
    return sorted(names)
end

TestReference = {}

function TestReference:test_every_field_of_the_module_is_documented_and_the_reverse()
    lu.assertEquals(documented_with("mtmsg."), keys(mtmsg))
end

function TestReference:test_every_buffer_method_is_documented_and_the_reverse()
    lu.assertEquals(documented_with("buffer:"), methods(mtmsg.newbuffer()))
end

function TestReference:test_every_listener_method_is_documented_and_the_reverse()
    lu.assertEquals(documented_with("listener:"), methods(mtmsg.newlistener()))
end

function TestReference:test_every_writer_method_is_documented_and_the_reverse()
    lu.assertEquals(documented_with("writer:"), methods(mtmsg.newwriter()))
end

function TestReference:test_every_reader_method_is_documented_and_the_reverse()
    lu.assertEquals(documented_with("reader:"), methods(mtmsg.newreader()))
end

function TestReference:test_every_topic_method_is_documented_and_the_reverse()
    lu.assertEquals(documented_with("topic:"), methods(mtmsg.newtopic()))
end

function TestReference:test_every_error_is_documented_and_the_reverse()
    lu.assertEquals(documented_with("mtmsg.error."), keys(mtmsg.error))
    lu.assertEquals(keys(mtmsg.error), {
        "ambiguous_name", "has_notifier", "message_size", "no_buffers", "object_closed", "operation_aborted",
        "out_of_memory", "timeout", "unknown_object",
    })
end

function TestReference:test_every_heading_is_about_something_known()
    for _, name in ipairs(documented) do
        local known = name:find("^mtmsg%.") or name:find("^buffer:") or name:find("^listener:") or name:find("^writer:")
            or name:find("^reader:") or name:find("^topic:")
        lu.assertTrue(known ~= nil, name)
    end
    local seen = {}
    for _, name in ipairs(documented) do
        lu.assertNil(seen[name], name .. " has two headings")
        seen[name] = true
    end
end

os.exit(lu.LuaUnit.run())
