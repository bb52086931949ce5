-- Says why a library of Lua that is installed by packages cannot be used here; nil where it can. It knows no library
-- that every machine has, and nothing of what is done without one.

-- A library that ends the process is tried in a process of its own.
local function crash(library)
    local pipe = assert(io.popen("tests/needs " .. library .. " " .. (os.getenv("lua") or "lua5.4")))
    local said = pipe:read("*a")
    pipe:close()
    return said:match("# SKIP (.*crashes[^\n]*)")
end

return function(library)
    if not pcall(require, library) then return library .. " is not installed for this Lua" end
    return library == "luv" and crash(library) or nil
end
