-- Compares the rockspecs with the files: they name every source, and nothing else; that of the release differs from
-- mtmsg-scm-0.rockspec in its version alone, and belongs to the version that the module gives.
local lu = require "luaunit"
local mtmsg = require "mtmsg"

local released = ("mtmsg-%s-1.rockspec"):format(mtmsg._VERSION)

local function rockspec(path)
    local fields = {}
    local chunk
    if setfenv then
        chunk = setfenv(assert(loadfile(path)), fields)
    else
        chunk = assert(loadfile(path, "t", fields))
    end
    chunk()
    return fields
end

TestRockspec = {}

local function lists(sources, directory)
    local listed, existing = {}, {}
    for _, path in ipairs(sources) do
        listed[#listed + 1] = path
    end
    local find = assert(io.popen("find " .. directory .. " -name '*.c'"))
    for path in find:lines() do
        existing[#existing + 1] = path
    end
    find:close()
    table.sort(listed)
    table.sort(existing)
    lu.assertTrue(#existing > 0)
    lu.assertEquals(listed, existing)
end

function TestRockspec:test_it_lists_every_file_of_lua()
    local listed, existing = {}, {}
    for name, path in pairs(rockspec("mtmsg-scm-0.rockspec").build.modules) do
        if type(path) == "string" then listed[name] = path end
    end
    local find = assert(io.popen("find lua -name '*.lua'"))
    for path in find:lines() do
        existing[(path:match("^lua/(.*)%.lua$"):gsub("/", "."))] = path
    end
    find:close()
    lu.assertNotNil(existing["mtmsg.luv"])
    lu.assertEquals(listed, existing)
end

function TestRockspec:test_it_lists_every_source()
    lists(rockspec("mtmsg-scm-0.rockspec").build.modules.mtmsg.sources, "src")
end

function TestRockspec:test_that_of_the_bridge_does_too_and_its_release_differs_in_its_version_alone()
    local checkout = rockspec("bridges/nats/mtmsg-nats-scm-0.rockspec")
    local release = rockspec(("bridges/nats/mtmsg-nats-%s-1.rockspec"):format(mtmsg._VERSION))
    lists(checkout.build.modules["mtmsg.nats"].sources, "bridges/nats/src")
    lu.assertEquals(release.version, mtmsg._VERSION .. "-1")
    lu.assertEquals(release.source, rockspec(released).source)
    release.version, release.source = checkout.version, checkout.source
    lu.assertEquals(release, checkout)
end

function TestRockspec:test_that_of_the_release_differs_in_its_version_alone()
    local release, checkout = rockspec(released), rockspec("mtmsg-scm-0.rockspec")
    lu.assertEquals(release.version, mtmsg._VERSION .. "-1")
    lu.assertEquals(release.source.tag, "v" .. mtmsg._VERSION)
    release.version, release.source.tag = checkout.version, nil
    lu.assertEquals(release, checkout)
end

os.exit(lu.LuaUnit.run())
