-- story: two copies of the module crashed in each other's objects
-- Two copies of the module in one Lua state took each other's objects for their own, and crashed in them. Each now
-- knows its own alone, and an error names the cause.

local mtmsg = require("mtmsg")
local tap   = require("tap")

local function find(name)
    for template in package.cpath:gmatch("[^;]+") do
        local path = template:gsub("%?", (name:gsub("%%", "%%%%")))
        local file = io.open(path, "rb")
        if file then
            local bytes = file:read("*a")
            file:close()
            return bytes, path:match("%.%w+$")
        end
    end
end

local bytes, ending = find("mtmsg")
local path = (os.tmpname():gsub("^\\", (os.getenv("TEMP") or "") .. "\\")) .. ending
local file = assert(io.open(path, "wb"))
file:write(bytes)
file:close()
local other = assert(package.loadlib(path, "luaopen_mtmsg"))()
os.remove(path)

local function fails(text, f, ...)
    local ok, err = pcall(f, ...)
    tap.is(ok, false, "success")
    tap.contains(err, text)
end

for who, pair in pairs{ ["the first"] = { mtmsg, other }, ["the second"] = { other, mtmsg } } do
    local mine, others = pair[1], pair[2]

    tap.test(who .. " copy works beside the other one", function()
        local listener = mine.newlistener("here")
        local buffer = listener:newbuffer("both have it")
        buffer:addmsg("text", 1)
        tap.gives({ "text", 1 }, listener:nextmsg(0))
        tap.contains(tostring(buffer), "both have it")
        tap.is(mine.type(buffer), "mtmsg.buffer")
        tap.is(getmetatable(buffer), "mtmsg.buffer")
        tap.is(tostring(mine.buffer("both have it")), tostring(buffer))
        listener, buffer = nil, nil
        collectgarbage()
        collectgarbage()
    end)

    tap.test(who .. " copy refuses objects of the other one, and says why", function()
        local of_another = "of another copy of the module"
        local listener, buffer = mine.newlistener(), mine.newbuffer()
        local writer, reader = mine.newwriter(), mine.newreader()
        fails("mtmsg.buffer " .. of_another, buffer.addmsg, others.newbuffer(), 1)
        fails("mtmsg.listener " .. of_another, listener.nextmsg, others.newlistener(), 0)
        fails("mtmsg.buffer " .. of_another, writer.addmsg, writer, others.newbuffer())
        fails("mtmsg.writer " .. of_another, writer.add, others.newwriter())
        fails("mtmsg.reader " .. of_another, reader.next, others.newreader())
        fails("mtmsg.buffer " .. of_another, reader.nextmsg, reader, others.newbuffer(), 0)
    end)

    tap.test(who .. " copy names the cause where an id is not its own", function()
        local theirs, ours = others.newbuffer(), mine.newbuffer()
        fails("mtmsg.error.unknown_object: buffer id", mine.buffer, theirs:id())
        local above = theirs:id() - ours:id()
        if above < 0 or above > 2^41 then -- else it looks like one of ours, by chance
            fails("(of another copy of the module, or of another process)", mine.buffer, theirs:id())
        end
        local _, err = pcall(mine.listener, ours:id())
        tap.is(err:find("another copy", 1, true), nil)
        _, err = pcall(mine.buffer, 4711)
        tap.is(err, "mtmsg.error.unknown_object: buffer id 4711")
    end)

    tap.test(who .. " copy's buffer notifies one of the other copy, as any module's object", function()
        local rings, bell = mine.newbuffer(), others.newbuffer()
        rings:notifier(bell)
        rings:addmsg(1)
        tap.is(bell:msgcnt(), 1)
        bell = nil
        collectgarbage()
        rings:addmsg(2)
        tap.is(rings:msgcnt(), 2)
        rings = nil
        collectgarbage()
    end)
end

tap.done()
