-- story: what a late finalizer made at the end of a state was never freed
-- A finalizer of an object that is older than the module runs after everything of the module in that state is
-- finalized. What it made then was never freed, stayed findable for other states, and old writers and readers
-- got new memory. All of it is refused.

-- Code for a state of its own, which gets the name of a file, and the id of a buffer of another state or nil.
-- Whatever the late finalizer tries is written to that file.
local program = [[
local file, id = ...

-- Older than the module, so that it is finalized later.
local function finalizer(f)
    if newproxy then
        local object = newproxy(true)
        getmetatable(object).__gc = f
        return object
    end
    return setmetatable({}, { __gc = f })
end

local mtmsg, buffer, listener, writer, reader
local open = io.open

local calls = {
    { "newbuffer", function() mtmsg.newbuffer("late"):addmsg(("x"):rep(1000)) end },
    { "newlistener", function() mtmsg.newlistener("late") end },
    { "newwriter", function() mtmsg.newwriter(100):add(1) end },
    { "newreader", function() mtmsg.newreader(100) end },
    { "find", function() mtmsg.buffer(id or "early") end },
    { "buffer:addmsg", function() buffer:addmsg("late") end },
    { "buffer:addmsg long", function() buffer:addmsg(("x"):rep(10000), 1, 2, 3) end },
    { "buffer:setmsg", function() buffer:setmsg("late") end },
    { "buffer:nextmsg", function() buffer:nextmsg(0) end },
    { "listener:newbuffer", function() listener:newbuffer("late") end },
    { "listener:nextmsg", function() listener:nextmsg(0) end },
    { "writer:add", function() writer:add(("x"):rep(10000)) end },
    { "writer:addmsg", function() writer:addmsg(buffer) end },
    { "reader:nextmsg", function() reader:nextmsg(buffer, 0) end },
    { "reader:next", function() reader:next(9) end },
}

late = finalizer(function()
    local out = open(file, "w")
    for _, call in ipairs(calls) do
        local ok, err = pcall(call[2])
        local text = ok and "no error" or tostring(err)
        out:write(call[1], "\t", text:match("mtmsg%.error%.[%w_]+") or text, "\n")
    end
    out:write("end\n")
    out:close()
end)

mtmsg = require("mtmsg")
buffer, listener = mtmsg.newbuffer("early"), mtmsg.newlistener("early")
writer, reader = mtmsg.newwriter(), mtmsg.newreader()
buffer:addmsg("first", 1)
reader:nextmsg(buffer)
buffer:addmsg("second")
writer:add("unsent")
]]

if arg[1] then
    return assert((loadstring or load)(program))(arg[1])
end

local tap = require("tap")
local child = require("child")
local threads = require("threads")

local names = {
    "newbuffer", "newlistener", "newwriter", "newreader", "find",
    "buffer:addmsg", "buffer:addmsg long", "buffer:setmsg", "buffer:nextmsg", "listener:newbuffer", "listener:nextmsg",
    "writer:add", "writer:addmsg", "reader:nextmsg", "reader:next",
}

local function check_tried(file)
    local line = assert(io.lines(file))
    for _, name in ipairs(names) do tap.is(line(), name .. "\tmtmsg.error.object_closed") end
    tap.is(line(), "end")
end

local function with_file(f)
    local file = os.tmpname()
    local ok, err = pcall(f, file)
    os.remove(file)
    if not ok then error(err, 0) end
end

local test = child.lacking and function(text) tap.skip(text, child.lacking) end or tap.test
test("at the end of a process everything is refused, and the process ends well", function()
    with_file(function(file)
        local code, printed = child.run(file)
        tap.is(printed, "")
        tap.is(code, 0, "exit code")
        check_tried(file)
    end)
end)

tap.test("at the end of a thread's state everything is refused, and other states find nothing of it", function()
    local mtmsg = require("mtmsg")
    local mine = mtmsg.newbuffer("mine")
    with_file(function(file)
        threads.spawn(program, file, mine:id())()
        check_tried(file)
    end)
    for _, name in ipairs { "late", "early" } do
        tap.raises(mtmsg.error.unknown_object, mtmsg.buffer, name)
        tap.raises(mtmsg.error.unknown_object, mtmsg.listener, name)
    end
    tap.is(mine:msgcnt(), 0)
    mine:addmsg("still", "works")
    tap.gives({ "still", "works" }, mine:nextmsg(0))
end)

tap.done()
