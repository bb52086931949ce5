-- Builds the site of the documentation and follows its links: each leads to a file of the site, and where it names a
-- place, to one that is there. Needs pandoc, which no other test does; without it, the links between the pages are
-- still checked by links.lua.
local lu = require "luaunit"
local pages = require "pages"

local function lines_of(command)
    local lines, pipe = {}, assert(io.popen(command))
    for line in pipe:lines() do
        lines[#lines + 1] = line
    end
    pipe:close()
    return lines
end

local function is_there(path)
    local file = io.open(path)
    if file then file:close() end
    return file ~= nil
end

TestSite = {}

function TestSite:setUp()
    lu.skipIf(#lines_of("command -v pandoc") == 0, "pandoc is not installed")
    self.directory = lines_of("mktemp -d")[1]
end

function TestSite:tearDown()
    if self.directory then os.execute("rm -rf " .. self.directory) end
end

function TestSite:test_it_is_built_and_its_links_lead_somewhere()
    local site = self.directory .. "/site"
    lu.assertEquals(lines_of("docs/site/build " .. site .. " 2>&1"), { site .. "/index.html" })
    local html = {}
    for _, path in ipairs(lines_of("ls " .. site .. "/*.html")) do
        html[path:match("[^/]*$")] = pages.read(path)
    end
    local checked = 0
    for name, text in pairs(html) do
        for attribute, target in text:gmatch('(%a+)="([^"]*)"') do
            local path, anchor = target:match("^([^#]*)#?(.*)$")
            if path == "" then path = name end
            if (attribute == "href" or attribute == "src") and not target:find("^https?:") then
                lu.assertFalse(target:find("^/") ~= nil, name .. ": " .. target .. " does not work from a disk")
                lu.assertTrue(is_there(site .. "/" .. path), name .. " links to " .. target)
                lu.assertTrue(anchor == "" or html[path]:find('id="' .. anchor .. '"', 1, true) ~= nil,
                    name .. " links to " .. target)
                checked = checked + 1
            end
        end
    end
    lu.assertTrue(checked > 100, "links were not found")
end

os.exit(lu.LuaUnit.run())
