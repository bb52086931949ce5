-- story: a userdata whose finalizer could not be called left a pointer to itself behind
-- Where C calls are nested too deeply Lua cannot call a finalizer, and frees the userdata all the same. The list
-- of what a state's userdata own then led to freed memory: the process crashed, at the latest when the state was
-- closed.

local mtmsg = require("mtmsg")

local makers = {
    buffer   = function() return mtmsg.newbuffer() end,
    filled   = function() return mtmsg.newbuffer(1000):addmsg("never received") end,
    listener = function() return mtmsg.newlistener():newbuffer() end,
    writer   = function() return mtmsg.newwriter(100):add("never sent") end,
    reader   = function() return mtmsg.newreader(100) end,
}

if arg[1] then
    local make = makers[arg[1]]
    local function deep()
        make()
        pcall(collectgarbage)
        return (string.gsub("x", "x", deep))
    end
    for _ = 1, 5 do
        pcall(deep)
        collectgarbage()
        collectgarbage()
        make()
    end
    local buffer = mtmsg.newbuffer()
    buffer:addmsg("still", "works")
    print(buffer:nextmsg(0))
    return
end

local child = require("child")
local tap   = require("tap")

for _, name in ipairs { "buffer", "filled", "listener", "writer", "reader" } do
    local text = "finalizers of " .. name .. " objects fail at the limit of C calls"
    if rawget(_G, "jit") then
        tap.skip(text, "LuaJIT crashes by itself when it cannot call a finalizer")
    elseif child.lacking then
        tap.skip(text, child.lacking)
    else
        tap.test(text, function()
            local code, printed = child.run(name)
            tap.is(printed, "still\tworks\n")
            tap.is(code, 0, "exit code")
        end)
    end
end

tap.done()
