-- story: a finalizer ended the handle, or in Lua 5.1 the state, that a call was using, and the process crashed
-- The collector runs in the midst of calls. A finalizer that it runs may finalize a handle by the debug library. And
-- where a finalizer at the end of a state makes the collector run on, as it can in Lua 5.1, that finalizes all the rest
-- in the midst of what the finalizer has called: a receive, or a message that is being written.

local finalizers = require("finalizers")

-- Inside so many tables that writing it needs memory of Lua.
local function nested(value)
    for _ = 1, 40 do value = { value } end
    return value
end

-- Calls f while everything else of the state is finalized: with what is there already, as the collector takes the
-- first chance.
local function at_the_end(timed, f)
    local mtmsg = require("mtmsg")
    local buffer, reader, writer = mtmsg.newbuffer("a name"), mtmsg.newreader(), mtmsg.newwriter()
    buffer:addmsg("warm", { {} }, {})
    buffer:clear()
    if timed then buffer:settimeout(0) end
    buffer:addmsg(("x"):rep(60), ("z"):rep(300))
    local given = { buffer = buffer, reader = reader, writer = writer, code = function(x) return x + 1 end,
        message = nested { 1, { a = 1 }, ("y"):rep(300) }, wrong = { nested(io.stdout) } }
    local collect, call, restart, multiply = collectgarbage, pcall, "restart", "setstepmul"
    finalizers.new(function()
        collect(multiply, 1000000)
        collect(restart)
        call(f, given)
    end)
end

local calls = {
    get = function(s) return s.buffer:getmsg() end,
    next = function(s) return s.buffer:nextmsg(0) end,
    put = function(s) return s.buffer:putmsg(s.message, s.code) end,
    add = function(s) return s.buffer:addmsg(s.message, s.code) end,
    collect = function(s) return s.writer:add(s.message, s.code) end,
    refuse = function(s) return s.buffer:addmsg(s.message, s.code, s.wrong) end,
    read = function(s) return s.reader:nextmsg(s.buffer, 0), s.reader:next(2) end,
    tell = function(s) return tostring(s.buffer), s.buffer:name(), s.buffer:info() end,
}

if arg[1] then
    return at_the_end(arg[2] == "timed", calls[arg[1]])
end

local child = require("child")
local mtmsg = require("mtmsg")
local tap   = require("tap")

local lacking = child.lacking or _VERSION ~= "Lua 5.1" and "only in Lua 5.1 finalizers interrupt each other there"
local test = lacking and function(text) tap.skip(text, lacking) end or tap.test
for name in pairs(calls) do
    for _, timed in ipairs { "", "timed" } do
        test(name .. " " .. timed .. " while the state ends", function()
            local code, printed = child.run(name, timed)
            tap.is(printed, "")
            tap.is(code, 0, "exit code")
        end)
    end
end

local finalize = debug.getmetatable(mtmsg.newbuffer()).__gc
local function code(x) return x + 1 end

for _, name in ipairs { "getmsg", "putmsg", "addmsg" } do
    for _, timed in ipairs { false, true } do
        tap.test(("the handle is finalized in a %s%s"):format(name, timed and " with a timeout" or ""), function()
            local chances = finalizers.each(function(n)
                local buffer = mtmsg.newbuffer()
                if timed then buffer:settimeout(0) end
                buffer:addmsg(("x"):rep(60), ("z"):rep(300))
                return (finalizers.during(n, function() finalize(buffer) end, buffer[name], buffer,
                    name ~= "getmsg" and nested { 1, ("y"):rep(300) } or nil,
                    name ~= "getmsg" and code or nil))
            end)
            tap.ok(chances > 0, "no finalizer ran")
        end)
    end
end

-- Finalizes the handles that functions which run have on their stacks, but for those that are spared; gives how many.
local function finalize_others(spared)
    local count = 0
    for level = 2, 12 do
        if not debug.getinfo(level, "f") then break end
        for i = 1, 60 do
            local name, value = debug.getlocal(level, i)
            if not name then break end
            if mtmsg.type(value) == "mtmsg.buffer" and not spared[tostring(value)] then
                finalize(value)
                count = count + 1
            end
        end
    end
    return count
end

tap.test("a handle that a receive is making for an object is finalized", function()
    local finalized, between = 0, ("between "):rep(100)
    finalizers.each(function(n)
        local carrier, b = mtmsg.newbuffer(), mtmsg.newbuffer()
        local spared = { [tostring(carrier)] = true, [tostring(b)] = true }
        carrier:addmsg(1)
        carrier:nextmsg()
        carrier:addmsg(b, between, carrier, b:id())
        local ran, acted, ok, first, text, second, id = finalizers.during(n, function()
            finalized = finalized + finalize_others(spared)
        end, carrier.nextmsg, carrier, 0)
        tap.is(acted, ran or nil)
        tap.is(ok, true, tostring(first))
        tap.ok(first == b or not pcall(first.id, first), "first object")
        tap.is(text, between)
        tap.ok(second == carrier or not pcall(second.id, second), "second object")
        tap.is(id, b:id())
        tap.is(carrier:msgcnt(), 0)
        return ran
    end)
    tap.ok(finalized > 0, "none was there")
end)

tap.done()
