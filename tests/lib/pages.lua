-- Reads the pages of the documentation for the tests in tests/docs: which there are, their blocks of code, and their
-- headings. It judges none of them.

local pages = {}

function pages.read(path)
    local file = assert(io.open(path, "rb"))
    local text = file:read("*a")
    file:close()
    return text
end

-- The text of the Makefile, with what it includes.
function pages.makefile()
    local text = pages.read("Makefile")
    for path in text:match("\ninclude ([^\n]+)"):gmatch("%S+") do
        text = text .. pages.read(path)
    end
    return text
end

-- The paths of all pages.
function pages.all()
    local found = {}
    local list = assert(io.popen("ls README.md CONTRIBUTING.md CHANGELOG.md SECURITY.md docs/*.md"))
    for path in list:lines() do
        found[#found + 1] = path
    end
    list:close()
    assert(#found > 3, "no pages are found: tests run in the directory of the project")
    return found
end

-- The blocks in which a language is named, in order: language, line, text.
function pages.blocks(path)
    local found, block, number = {}, nil, 0
    for line in io.lines(path) do
        number = number + 1
        local language = line:match("^```(.*)$")
        if language and not block then
            block = { language = language, line = number }
        elseif language then
            block.text = table.concat(block, "\n") .. "\n"
            found[#found + 1] = block
            block = nil
        elseif block then
            block[#block + 1] = line
        end
    end
    assert(not block, path .. " has a block without an end")
    return found
end

-- The text of a page without its blocks of code.
function pages.prose(path)
    local inside, lines = false, {}
    for line in io.lines(path) do
        if line:find("^```") then
            inside = not inside
        elseif not inside then
            lines[#lines + 1] = line
        end
    end
    return table.concat(lines, "\n")
end

-- The set of anchors that the headings of a page have.
function pages.anchors(path)
    local anchors, count = {}, {}
    for heading in ("\n" .. pages.prose(path)):gmatch("\n#+ ([^\n]+)") do
        local anchor = heading:lower():gsub("Ö", "ö"):gsub("[^%w%s_\128-\255-]", ""):gsub("%s", "-")
        local before = count[anchor]
        count[anchor] = (before or 0) + 1
        anchors[before and anchor .. "-" .. before or anchor] = true
    end
    return anchors
end

return pages
