-- Runs one example or the demo as a test: it passes if it ends without an error. It is skipped where the thread library
-- that it requires cannot be used by this Lua; anything else that it lacks is a failure.
local careful_luv = require "careful_luv"
local why_not = require "why_not"
local file = assert(arg[1], "usage: lua tests/example.lua FILE")
arg = {}

local source = assert(io.open(file)):read("*a")
local reason
for _, library in ipairs { "luv", "cqueues.thread" } do
    if source:find('require "' .. library .. '"', 1, true) then
        reason = reason or why_not(library)
    end
end

io.write("1..1\n")
if reason then
    io.write("ok 1 - ", file, " # SKIP ", reason, "\n")
else
    local ok, err = pcall(careful_luv, function() dofile(file) end)
    io.write(ok and "ok 1 - " or "not ok 1 - ", file, "\n")
    if not ok then io.write("# ", (tostring(err):gsub("\n", "\n# ")), "\n") end
end
