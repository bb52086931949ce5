-- States of their own in which memory fails at the nth request, for every n, from the loading of the module on. That of
-- the module fails to the end of the state; that of Lua does not while the state is closed, since Lua calls no
-- finalizer for which it has no memory. Nothing is left behind, and other states notice nothing.

local fault = require "fault"
local mtmsg = require "mtmsg"
local tap   = require "tap"

if rawget(_G, "jit") then require("jit").off() end

-- What all of them can use. A finalizer that is older than the module runs after those of the module.
local common = [[
    if rawget(_G, "jit") then require("jit").off() end
    local function finalizer(f)
        if newproxy then
            local object = newproxy(true)
            getmetatable(object).__gc = f
            return object
        end
        return setmetatable({}, {__gc = f})
    end
]]

local programs = {
    ["load the module"] = [[ require "mtmsg" ]],

    ["load the module again where it failed"] = [[
        local ok = pcall(require, "mtmsg") or pcall(require, "mtmsg") or pcall(require, "mtmsg")
        if not ok then return end
        local mtmsg = require "mtmsg"
        made = mtmsg.newbuffer("made")
        made:addmsg("text", 1)
        assert(made:nextmsg(0) == "text")
    ]],

    ["leave everything to the end"] = [[
        local mtmsg = require "mtmsg"
        listener = mtmsg.newlistener("listener")
        buffer = listener:newbuffer("buffer", 10)
        found = mtmsg.buffer("buffer")
        writer, reader = mtmsg.newwriter(10), mtmsg.newreader(10)
        writer:add(("unsent"):rep(100))
        buffer:addmsg("first", ("x"):rep(9000))
        buffer:addmsg("second", ("x"):rep(300))
        reader:nextmsg(buffer)
        listener:newbuffer("dropped"):addmsg(("never received"):rep(1000))
        other = mtmsg.newbuffer()
        buffer:notifier(other)
        buffer:addmsg("third")
        assert(listener:nextmsg() == "second")
    ]],

    ["use the module in finalizers at the end"] = [[
        local mtmsg
        local function use()
            if not mtmsg then return end
            late = mtmsg.newbuffer("late")
            late:addmsg(("late"):rep(3000))
            local l = mtmsg.newlistener()
            l:newbuffer():addmsg("late")
            l:nextmsg(0)
            local w, r = mtmsg.newwriter(100), mtmsg.newreader(100)
            w:add(1, ("x"):rep(500))
            w:addmsg(late)
            r:nextmsg(late)
            r:next(5)
        end
        older = finalizer(use)
        mtmsg = require "mtmsg"
        buffer = mtmsg.newbuffer()
        buffer:addmsg("kept")
        newer = finalizer(use)
        garbage = {}
        for i = 1, 5 do garbage[i] = finalizer(use) end
        garbage = nil
        pcall(collectgarbage)
    ]],

    ["raise errors in finalizers at the end"] = [[
        for i = 1, 3 do _G["older" .. i] = finalizer(function() error("raised") end) end
        local mtmsg = require "mtmsg"
        objects = {}
        for i = 1, 5 do
            objects[i] = mtmsg.newlistener():newbuffer()
            objects[i]:addmsg(("x"):rep(300))
            objects[-i] = finalizer(function()
                objects[i]:addmsg(("y"):rep(300))
                error(("raised "):rep(100))
            end)
        end
        error("the end", 0)
    ]],
}

local function is_expected(err)
    return err == nil or err == "the end" or err:find("not enough memory", 1, true)
           or err == "Error while calling notifier: out of memory" or err:find("^mtmsg%.error%.out_of_memory: ")
           or err:find("stack overflow", 1, true) or err:find("__gc", 1, true)
end

local width = {malloc = {1, 0}, lua = {_VERSION == "Lua 5.1" and 1 or 2, 0}}

-- Gives how many runs met a failure.
local function all(program, source)
    local met = 0
    for _, count in ipairs(width[source]) do
        local n, failed = 0, nil
        repeat
            n = n + 1
            local err, blocks, bytes
            failed, err, blocks, bytes = fault.state(common .. program, source, n, count)
            local when = ("request %d of %s%s"):format(n, source, count == 0 and " and all after it" or "")
            tap.ok(is_expected(err), when .. ": " .. tostring(err))
            tap.is(blocks, 0, when .. ", blocks of the module that are left")
            tap.is(bytes, 0, when .. ", bytes of Lua that are left")
            met = met + (failed > 0 and 1 or 0)
        until failed == 0
    end
    return met
end

local mine = mtmsg.newbuffer("mine")
mine:addmsg("kept")

for name, program in pairs(programs) do
    tap.test(name, function()
        for _, source in ipairs {"malloc", "lua"} do
            local met = all(program, source)
            tap.note(("%s: %d runs met a failure"):format(source, met))
            tap.ok(met > 0 or (source == "malloc" and name == "load the module"))
        end
        tap.is(mine:msgcnt(), 1)
        for _, other in ipairs {"made", "late", "buffer"} do
            tap.raises(mtmsg.error.unknown_object, mtmsg.buffer, other)
        end
    end)
end

tap.test("other states have noticed nothing", function()
    tap.gives({"kept"}, mine:nextmsg(0))
end)

tap.done()
