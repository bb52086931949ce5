-- Calls where the stack of Lua, or that of C, comes to its end: too many arguments, messages of more values than a
-- stack holds, and calls at the bottom of recursions, in coroutines, too. The error says so, and no message is lost.

local carray  = require "carray"
local version = require "fault".version -- a C function that can travel
local mtmsg   = require "mtmsg"
local tap     = require "tap"

if rawget(_G, "jit") then require("jit").off() end

local unpack = table.unpack or unpack

-- Lua's own words for it, and those of the module.
local function is_overflow(err)
    return type(err) == "string" and (err:find("overflow", 1, true) or err:find("too many", 1, true)
           or err == "error in error handling") and not err:find("null", 1, true)
end

local function overflows(f, ...)
    local ok, err = pcall(f, ...)
    tap.ok(not ok, "no error")
    tap.ok(is_overflow(err), "another error: " .. tostring(err))
end

---------------------------------------------------------------------------------- too many values

local million = 1000000

-- Puts a message of a million values into the buffer, and one behind it.
local function add_million(buffer)
    local writer = mtmsg.newwriter(10 * million)
    for i = 1, million, 50 do
        local list = {}
        for k = 1, 50 do list[k] = i + k - 1 end
        writer:add(unpack(list))
    end
    assert(writer:addmsg(buffer))
    assert(buffer:addmsg("behind"))
end

-- The message is still the first one, and whole.
local function take_million(source, buffer)
    local reader = mtmsg.newreader()
    assert(reader:nextmsg(source, 0))
    overflows(reader.next, reader, -1)
    overflows(reader.next, reader, million)
    for i = 1, million, 50 do
        local first, second = reader:next(50)
        if first ~= i or second ~= i + 1 then error("value " .. i .. " is " .. tostring(first)) end
    end
    tap.gives({}, reader:next(-1))
    tap.is(buffer:msgcnt(), 1)
    tap.gives({"behind"}, source:nextmsg(0))
end

tap.test("a million values do not fit on the stack of a receiver from a buffer", function()
    local buffer = mtmsg.newbuffer()
    add_million(buffer)
    for _ = 1, 3 do
        overflows(buffer.nextmsg, buffer, 0)
        tap.is(buffer:msgcnt(), 2)
    end
    overflows(buffer.nextmsg, buffer, 0, carray.new("int", 3))
    take_million(buffer, buffer)
end)

tap.test("nor on that of a receiver from a listener, and the other buffers have their turn", function()
    local listener = mtmsg.newlistener()
    local buffer, other = listener:newbuffer(), listener:newbuffer()
    add_million(buffer)
    other:addmsg("other")
    overflows(listener.nextmsg, listener, 0)
    tap.is(buffer:msgcnt(), 2)
    tap.gives({"other"}, listener:nextmsg(0))
    overflows(listener.nextmsg, listener, 0)
    tap.is(buffer:msgcnt(), 2)
    local reader = mtmsg.newreader()
    assert(reader:nextmsg(listener, 0))
    tap.gives({1, 2, 3}, reader:next(3))
    tap.gives({"behind"}, listener:nextmsg(0))
end)

tap.test("nor on that of a coroutine", function()
    local buffer = mtmsg.newbuffer()
    add_million(buffer)
    overflows(coroutine.wrap(function() return buffer:nextmsg(0) end))
    take_million(buffer, buffer)
end)

tap.test("nor on that of a notifier's function", function()
    local notifiers = require "notifiers"
    local buffer, trigger = mtmsg.newbuffer(), mtmsg.newbuffer()
    add_million(buffer)
    trigger:notifier(notifiers.new {call = function() buffer:nextmsg(0) end})
    overflows(trigger.addmsg, trigger, "added")
    trigger:notifier(nil)
    notifiers.forget()
    tap.gives({"added"}, trigger:nextmsg(0))
    take_million(buffer, buffer)
end)

---------------------------------------------------------------------------------- too many arguments

-- The largest number of values that a call can pass here.
local function find_most()
    local low, high = 1, 2 * million
    while high - low > 1 do
        local middle = math.floor((low + high) / 2)
        if pcall(function() return select("#", unpack({}, 1, middle)) end) then low = middle else high = middle end
    end
    return low
end

local most = find_most()

-- call(n) with n arguments around the largest number; agree(n, ok, result) judges what is there afterwards.
local function around_most(call, agree)
    local worked, failed = 0, 0
    for _, less in ipairs {0, 3, 10, 25, 60} do
        local ok, result = pcall(call, most - less)
        tap.ok(ok or is_overflow(result), tostring(result))
        agree(most - less, ok, result)
        worked, failed = worked + (ok and 1 or 0), failed + (ok and 0 or 1)
    end
    return worked, failed
end

-- Whether a message of n nils is in the buffer, and no other.
local function is_message_of(n, buffer)
    local reader, count = mtmsg.newreader(), 0
    assert(reader:nextmsg(buffer, 0))
    while count < n do
        local got = select("#", reader:next(math.min(n - count, 5000)))
        if got == 0 then break end
        count = count + got
    end
    tap.is(count, n)
    tap.gives({}, reader:next(-1))
    tap.is(buffer:msgcnt(), 0)
end

for _, method in ipairs {"addmsg", "setmsg"} do
    tap.test(method .. " with as many arguments as there can be", function()
        local buffer = mtmsg.newbuffer()
        local worked, failed = around_most(function(n)
            return buffer[method](buffer, unpack({}, 1, n))
        end, function(n, ok, result)
            tap.is(buffer:msgcnt(), ok and 1 or 0)
            if ok then
                tap.is(result, true)
                is_message_of(n, buffer)
            end
        end)
        tap.note(("%d arguments: %d calls worked, %d failed"):format(most, worked, failed))
        tap.ok(worked > 0)
    end)
end

tap.test("writer:add with as many arguments as there can be adds all of them or none", function()
    local buffer, writer = mtmsg.newbuffer(), mtmsg.newwriter()
    local worked = around_most(function(n) writer:add(unpack({}, 1, n)) end, function(n, ok)
        assert(writer:addmsg(buffer))
        is_message_of(ok and n or 0, buffer)
    end)
    tap.ok(worked > 0)
end)

tap.test("nextmsg with as many arguments as there can be", function()
    local buffer = mtmsg.newbuffer()
    buffer:addmsg("first", ("x"):rep(300))
    around_most(function(n) return buffer:nextmsg(0, unpack({}, 1, n)) end, function(_, ok, result)
        if ok then
            tap.is(result, "first")
            buffer:addmsg("first", ("x"):rep(300))
        end
        tap.is(buffer:msgcnt(), 1)
    end)
    tap.gives({"first", ("x"):rep(300)}, buffer:nextmsg(0))
end)

tap.test("reader:next with as many arguments as there can be", function()
    local buffer, reader = mtmsg.newbuffer(), mtmsg.newreader()
    buffer:addmsg("first", "last")
    assert(reader:nextmsg(buffer))
    around_most(function(n) return reader:next(0, unpack({}, 1, n)) end, function() end)
    tap.gives({"first", "last"}, reader:next(-1))
end)

---------------------------------------------------------------------------------- recursions

-- Each calls itself until a stack has come to its end, and step() in each of the last calls.
local recursions = {
    ["Lua functions"] = function(step)
        local depth, deepest = 0, nil
        local function down(...) -- much stack for each call: a million calls take Lua too long
            depth = depth + 1
            return 1 + down(...)
        end
        pcall(down, unpack({}, 1, 100))
        depth, deepest = 0, depth
        local function again(...)
            depth = depth + 1
            if depth > deepest - 50 then step() end
            return 1 + again(...)
        end
        return pcall(again, unpack({}, 1, 100))
    end,
    ["C functions"] = function(step)
        local depth = 0
        local function down()
            depth = depth + 1
            step()
            -- LuaJIT does not watch the stack of C
            if rawget(_G, "jit") and depth > 150 then error("stack overflow") end
            return (string.gsub("x", "x", down))
        end
        return pcall(down)
    end,
    ["coroutines"] = function(step)
        local depth = 0
        local function down()
            depth = depth + 1
            step()
            if depth > 180 then error("stack overflow") end -- not all Luas have a limit
            return coroutine.wrap(down)()
        end
        return pcall(down)
    end,
}

recursions["Lua functions in a coroutine"] = function(step)
    return coroutine.wrap(function() return recursions["Lua functions"](step) end)()
end

local long = ("x"):rep(300)

local names = 0

for name, recursion in pairs(recursions) do
    local function test(what, body)
        tap.test(what .. " at the bottom of a recursion of " .. name, body)
    end

    for kind, add in pairs {
        ["addmsg"] = function(buffer, i) return buffer:addmsg(i) end,
        ["addmsg of a long message"] = function(buffer, i)
            return buffer:addmsg(i, long, version, carray.new("int", 2))
        end,
        ["a writer"] = function(buffer, i)
            local writer = mtmsg.newwriter()
            writer:add(i, long)
            return writer:addmsg(buffer)
        end,
    } do
        test(kind, function()
            local buffer, added = mtmsg.newbuffer(), 0
            local ok, err = recursion(function()
                if add(buffer, added + 1) then added = added + 1 end
            end)
            tap.is(ok, false)
            tap.ok(is_overflow(err), tostring(err))
            tap.ok(added > 10)
            tap.is(buffer:msgcnt(), added)
            for i = 1, added do tap.is(buffer:nextmsg(0), i) end
        end)
    end

    for kind, values in pairs {short = {"a", "b"}, long = {long, 2}, array = {carray.new("double", {1, 2}), version}} do
        test("nextmsg of " .. kind .. " values", function()
            local listener = mtmsg.newlistener()
            local buffer = listener:newbuffer()
            local received, lost, put = 0, 0, 0
            local ok, err = recursion(function()
                if put == received then
                    put = put + (buffer:addmsg(put + 1, values[1], values[2]) and 1 or 0)
                end
                local number = put % 2 == 0 and listener:nextmsg(0) or buffer:nextmsg(0)
                if number ~= put then lost = lost + 1 end
                received = number
            end)
            tap.is(ok, false)
            tap.ok(is_overflow(err), tostring(err))
            tap.is(lost, 0)
            tap.ok(received > 10)
            -- what was put last has been received or is there
            tap.ok(buffer:msgcnt() >= put - received and buffer:msgcnt() <= put - received + 1)
            while buffer:msgcnt() > 0 do
                local number, first = buffer:nextmsg(0)
                tap.ok(number == received + 1 and type(first) == type(values[1]))
                received = number
            end
        end)
    end

    test("creating and finding", function()
        local made, keep = 0, {}
        local ok, err = recursion(function()
            local listener = mtmsg.newlistener()
            names = names + 1
            local buffer = listener:newbuffer("deep" .. names)
            buffer:addmsg(long)
            assert(mtmsg.buffer("deep" .. names):nextmsg(0) == long)
            assert(tostring(buffer):find("deep", 1, true))
            made = made + 1
            keep[made] = buffer
        end)
        tap.is(ok, false)
        tap.ok(is_overflow(err), tostring(err))
        tap.ok(made > 5)
        for i = 1, made do tap.gives({}, keep[i]:nextmsg(0)) end
    end)
end

tap.done()
