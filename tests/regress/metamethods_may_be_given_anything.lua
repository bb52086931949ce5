-- story: a metamethod took any full userdata for an object of the module
-- The debug library gives any value to a metamethod of ours: one of a full userdata was taken for an object of the
-- module if it was large enough, and the pointers in it were followed.

local mtmsg = require("mtmsg")
local tap   = require("tap")
local carray = require("carray")

local listener = mtmsg.newlistener()
local objects = { listener, listener:newbuffer(), mtmsg.newbuffer(), mtmsg.newwriter(), mtmsg.newreader() }

-- Blocks of many lengths, with contents that are not 0, and those that other modules make.
local function victims()
    local found = { io.stdout, io.tmpfile(), carray.new("int", 100), carray.new("double", 1), 1, "text", false, {} }
    for i = 1, #objects do found[#found + 1] = objects[i] end
    for _, value in pairs(debug.getregistry()) do
        if type(value) == "userdata" then found[#found + 1] = value end
    end
    return found
end

local function metamethods_of(metatable)
    local found = {}
    for name, f in pairs(metatable) do
        if type(f) == "function" then found[#found + 1] = { name, f } end
    end
    return found
end

local function is_live(object)
    return pcall(tostring, object) and not tostring(object):find("finalized", 1, true)
end

for _, object in ipairs(objects) do
    tap.test("the metamethods of " .. mtmsg.type(object) .. " leave what is not theirs alone", function()
        local class = mtmsg.type(object)
        for _, metamethod in ipairs(metamethods_of(debug.getmetatable(object))) do
            for _, victim in ipairs(victims()) do
                local own = mtmsg.type(victim) == class
                local both = { ["mtmsg.buffer"] = true, ["mtmsg.listener"] = true }
                if not own and not (both[class] and both[mtmsg.type(victim)]) and
                   not (metamethod[1] == "__gc" and mtmsg.type(victim):find("^mtmsg")) then
                    pcall(metamethod[2], victim)
                    pcall(metamethod[2], victim, victim)
                end
            end
            pcall(metamethod[2])
        end
        collectgarbage()
        tap.is(is_live(object), true)
    end)
end

tap.test("what is kept for the Lua state can't be mistaken either", function()
    for name, value in pairs(debug.getregistry()) do
        local metatable = type(value) == "userdata" and debug.getmetatable(value)
        local known = type(metatable) == "table" and type(name) == "string" and name:find("^mtmsg.state")
        local gc = known and metatable.__gc
        if gc then
            for _, victim in ipairs(victims()) do
                if victim ~= value then pcall(gc, victim) end
            end
        end
    end
    local buffer = mtmsg.newbuffer()
    buffer:addmsg("alive")
    tap.gives({ "alive" }, buffer:nextmsg(0))
end)

tap.test("the function that decodes does nothing without a message", function()
    for _, method in ipairs{ objects[2].nextmsg, listener.nextmsg, objects[5].next } do
        local name, decode = debug.getupvalue(method, 1)
        if name == "" then -- Lua 5.1 shows no upvalues of C functions, and LuaJIT has functions of Lua
            tap.gives({}, decode())
            tap.gives({}, decode(io.stdout, 1))
        end
    end
end)

tap.done()
