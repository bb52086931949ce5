-- A filter for pandoc: links between pages lead to the HTML files, links to other files of the project to copies, and
-- the sections of the page become a list for its side. PAGE is the path of the page, OUT the directory of the site.
local page, out = os.getenv("PAGE"), os.getenv("OUT")
local special = { ["docs/README.md"] = "pages.html", ["README.md"] = "index.html" }

local function joined(directory, target)
    local path = directory .. target
    local replaced
    repeat path, replaced = path:gsub("[^/]+/%.%./", "", 1) until replaced == 0
    return path
end

local function read(path)
    local file = io.open(path, "rb")
    local text = file and file:read("a")
    if file then file:close() end
    return text
end

local function write(path, text)
    os.execute(("mkdir -p '%s'"):format(path:match("^(.*)/")))
    local file = assert(io.open(path, "wb"))
    file:write(text)
    file:close()
end

-- As text, so that a browser shows it and does not store it. Returns the address, relative to the site.
local function copied(path)
    local address = "files/" .. path .. ".txt"
    write(out .. "/" .. address, read(path))
    return address
end

local function escaped(text)
    return (text:gsub("[&<>]", { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;" }))
end

-- A page with the files of a directory, and with those of the directories in it. Returns its address.
local function listed(directory)
    local title = escaped(directory)
    local lines = { '<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>' .. title .. " – mtmsg</title>" ..
        '<link rel="stylesheet" href="' .. ("../"):rep(select(2, directory:gsub("[^/]+", "")) + 1) .. 'style.css">' ..
        '<body class="files"><main><h1>' .. title .. "</h1><ul>" }
    for name in io.popen(("cd '%s' && ls -p"):format(directory)):lines() do
        local path = directory .. "/" .. name:gsub("/$", "")
        local address = name:sub(-1) == "/" and listed(path) or copied(path)
        local target = address:sub(#("files/" .. directory) + 2)
        lines[#lines + 1] = ('<li><a href="%s">%s</a></li>'):format(target, escaped(name))
    end
    local address = "files/" .. directory .. "/index.html"
    write(out .. "/" .. address, table.concat(lines, "\n") .. "</ul></main>\n")
    return address
end

local function address_of(path)
    if path:find("%.md$") and (path:find("^docs/[^/]*$") or not path:find("/")) then
        return special[path] or path:match("([^/]*)%.md$"):lower() .. ".html"
    end
    return read(path) and copied(path) or listed(path)
end

local function rewrite(link)
    local path, anchor = link.target:match("^([^#]*)(#?.*)$")
    if path ~= "" and not path:find("^%a+:") then
        link.target = address_of(joined(page:match("^(.*/)[^/]*$") or "", path):gsub("/$", "")) .. anchor
    end
    return link
end

-- A figure of docs lies beside the HTML files.
local function relocate(image)
    image.src = image.src:gsub("^docs/", "")
    return image
end

-- The sections and, within them, the parts of each: of a call its name alone. Nothing for a short page.
local function list_sections(doc)
    local lines, inner, count = { "<ul>" }, false, 0
    for _, block in ipairs(doc.blocks) do
        if block.t == "Header" and (block.level == 2 or block.level == 3) then
            local code = block.content[1] and block.content[1].t == "Code"
            local text = pandoc.utils.stringify(block.content)
            if code then text = text:gsub("%(.*", "") end
            if (block.level == 3) ~= inner then
                lines[#lines + 1] = inner and "</li></ul></li>" or "<ul>"
                inner = not inner
            elseif count > 0 then
                lines[#lines + 1] = "</li>"
            end
            lines[#lines + 1] = ('<li%s><a href="#%s">%s</a>'):format(code and ' class="call"' or "",
                block.identifier, escaped(text))
            count = count + 1
        end
    end
    lines[#lines + 1] = inner and "</li></ul></li></ul>" or "</li></ul>"
    if count > 2 then doc.meta.contents = pandoc.MetaBlocks { pandoc.RawBlock("html", table.concat(lines, "\n")) } end
    if page ~= "README.md" then doc.meta.suffix = pandoc.MetaString("mtmsg") end
    return doc
end

local classes = { mtmsg = true, buffer = true, listener = true, topic = true, writer = true, reader = true }

-- On the cheat sheet each call leads to its heading in the reference; an example, with a table, in a line of Lua or of
-- an object with a name of its own, does not.
local function lead_to_reference(code)
    local text = code.text
    if page ~= "docs/cheatsheet.md" or not classes[text:match("^(%a+)[.:][%w_.]+") or ""] or text:find(" then$") or
        text:find "{" then
        return
    end
    local anchor = text:lower():gsub("[^%w%s_-]", ""):gsub("%s", "-")
    return pandoc.Link({ code }, "reference.html#" .. anchor)
end

return { { Link = rewrite, Image = relocate }, { Code = lead_to_reference }, { Pandoc = list_sections } }
