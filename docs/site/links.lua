-- A filter for pandoc: links between pages lead to the HTML files, links to other files of the project to copies.
-- PAGE is the path of the page, OUT the directory of the site.
local page, out = os.getenv("PAGE"), os.getenv("OUT")
local special = { ["docs/README.md"] = "index.html", ["README.md"] = "project.html" }

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

local function listed(directory)
    local lines = { "<!DOCTYPE html><title>" .. directory .. "</title><h1>" .. directory .. "</h1><ul>" }
    for name in io.popen(("cd '%s' && ls -p"):format(directory)):lines() do
        if name:sub(-1) ~= "/" then
            copied(directory .. "/" .. name)
            lines[#lines + 1] = ('<li><a href="%s.txt">%s</a></li>'):format(name, name)
        end
    end
    local address = "files/" .. directory .. "/index.html"
    write(out .. "/" .. address, table.concat(lines, "\n") .. "</ul>\n")
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

return { { Link = rewrite } }
