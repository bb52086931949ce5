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
            if (attribute == "href" or attribute == "src") and not target:find("^%a+:") then
                lu.assertFalse(target:find("^/") ~= nil, name .. ": " .. target .. " does not work from a disk")
                lu.assertTrue(is_there(site .. "/" .. path), name .. " links to " .. target)
                lu.assertTrue(anchor == "" or html[path]:find('id="' .. anchor .. '"', 1, true) ~= nil,
                    name .. " links to " .. target)
                checked = checked + 1
            end
        end
    end
    lu.assertTrue(checked > 100, "links were not found")
    for _, path in ipairs(lines_of("find " .. site .. "/files -name index.html")) do
        local directory, count = path:match("^(.*/)"), 0
        for target in pages.read(path):gmatch('href="([^"]*)"') do
            lu.assertTrue(is_there(directory .. target), path .. " links to " .. target)
            count = count + 1
        end
        lu.assertTrue(count > 1, path .. " lists nothing") -- the style is one
    end
end

-- What a search engine shows, and what stands at the side.
function TestSite:test_each_page_has_a_title_a_description_and_its_sections()
    local site = self.directory .. "/site"
    lines_of("docs/site/build " .. site)
    local titles, count = {}, 0
    for _, path in ipairs(lines_of("ls " .. site .. "/*.html")) do
        local text = pages.read(path)
        local title, about = text:match("<title>([^<]+)</title>"), text:match('name="description" content="([^"]+)"')
        lu.assertNotNil(title, path)
        lu.assertNil(titles[title], path .. " has the title of " .. tostring(titles[title]))
        titles[title], count = path, count + 1
        lu.assertTrue(about and #about > 25, path .. " has no description")
        lu.assertNil(text:find("<p>%s*</p>") or text:find("<p>&nbsp;</p>", 1, true), path .. " has an empty paragraph")
        local side = text:match("<aside>.-</aside>") or ""
        local _, sections = text:gsub("<h2", "<h2")
        for id in text:gmatch('<h2[^>]-id="([^"]+)"') do
            lu.assertTrue(sections < 3 or side:find('href="#' .. id .. '"', 1, true) ~= nil, path .. " " .. id)
        end
    end
    lu.assertTrue(count > 15)
    local reference = pages.read(site .. "/reference.html"):match("<aside>.-</aside>")
    lu.assertStrContains(reference, 'class="call"><a href="#bufferaddmsg">buffer:addmsg</a>')
end

os.exit(lu.LuaUnit.run())
