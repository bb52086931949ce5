-- Compares mtmsg-scm-0.rockspec with the files: it names every source, and nothing else.
local lu = require "luaunit"

local function rockspec()
    local fields = {}
    local chunk
    if setfenv then
        chunk = setfenv(assert(loadfile("mtmsg-scm-0.rockspec")), fields)
    else
        chunk = assert(loadfile("mtmsg-scm-0.rockspec", "t", fields))
    end
    chunk()
    return fields
end

TestRockspec = {}

function TestRockspec:test_it_lists_every_source()
    local listed, existing = {}, {}
    for _, path in ipairs(rockspec().build.modules.mtmsg.sources) do
        listed[#listed + 1] = path
    end
    local find = assert(io.popen("find src -name '*.c'"))
    for path in find:lines() do
        existing[#existing + 1] = path
    end
    find:close()
    table.sort(listed)
    table.sort(existing)
    lu.assertTrue(#existing > 0)
    lu.assertEquals(listed, existing)
end

os.exit(lu.LuaUnit.run())
