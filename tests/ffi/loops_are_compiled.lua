-- What LuaJIT's compiler sees of addmsg, nextmsg and select: a loop that adds, and one that receives, from a buffer, by
-- a listener or from one of several buffers, become traces that close upon themselves, with nothing in them that can't
-- be compiled; what goes some other way keeps no loop from compilation.
local mtmsg = require "mtmsg"
local tap   = require "tap"
local util  = require "jit.util"

if not mtmsg._INFO:find("calls:FFI", 1, true) then
    tap.skip_all(mtmsg._INFO .. ": this is not the path of the FFI")
end

-- Of the compiler's reasons to give up a trace: what is blacklisted, or a byte code, function or return that it can't
-- compile.
local incapable = { [5] = true, [7] = true, [15] = true, [16] = true }

-- Runs body, and returns how many traces were closed to a loop, and how often something could not be compiled.
local function traced(body)
    local loops, aborts = 0, 0
    local function watch(what, trace, _, _, code)
        if what == "stop" then
            local link = util.traceinfo(trace).linktype
            if link == "loop" or link == "root" then loops = loops + 1 end
        elseif what == "abort" then
            aborts = aborts + (incapable[code] and 1 or 0)
        end
    end
    jit.flush()
    jit.attach(watch, "trace")
    body()
    jit.attach(watch)
    return loops, aborts
end

local ROUNDS = 1000

local messages = {
    ["a number"] = { 42 }, ["a float"] = { 0.5 }, ["a boolean"] = { true }, ["a string"] = { "ten chars." },
    ["nil"] = { nil, n = 1 },
    ["three values"] = { 42, "ten chars.", 1.5 }, ["four values"] = { "a", false, nil, 7, n = 4 },
}
for name, values in pairs(messages) do
    local count, a, b, c, d = values.n or #values, values[1], values[2], values[3], values[4]
    local add = ({
        function(buffer) for _ = 1, ROUNDS do buffer:addmsg(a) end end,
        function(buffer) for _ = 1, ROUNDS do buffer:addmsg(a, b) end end,
        function(buffer) for _ = 1, ROUNDS do buffer:addmsg(a, b, c) end end,
        function(buffer) for _ = 1, ROUNDS do buffer:addmsg(a, b, c, d) end end,
    })[count]
    tap.test("a loop that adds " .. name .. " is compiled, and one that receives it", function()
        local buffer = mtmsg.newbuffer(1e6)
        local loops, aborts = traced(function() add(buffer) end)
        tap.ok(loops > 0, "no loop that adds")
        tap.is(aborts, 0, "what can't be compiled")
        tap.is(buffer:msgcnt(), ROUNDS)
        local w, x, y, z
        loops, aborts = traced(function() for _ = 1, ROUNDS do w, x, y, z = buffer:nextmsg() end end)
        tap.ok(loops > 0, "no loop that receives")
        tap.is(aborts, 0, "what can't be compiled")
        add(buffer)
        local id
        loops, aborts = traced(function() for _ = 1, ROUNDS do id, w, x, y, z = buffer:getmsg() end end)
        tap.ok(loops > 0, "no loop that gets")
        tap.is(aborts, 0, "what can't be compiled")
        tap.is(id, buffer:id())
        for place, pair in ipairs { { w, a }, { x, b }, { y, c }, { z, d } } do
            tap.is(pair[1], pair[2], "value " .. place)
        end
        tap.is(buffer:msgcnt(), 0)
    end)
end

for name, value in pairs { ["a number"] = 42, ["a float"] = 0.5 } do
    tap.test("a loop that receives " .. name .. " through a listener is compiled", function()
        local listener = mtmsg.newlistener()
        local buffer, other = listener:newbuffer(1e6), listener:newbuffer(1e6)
        local function add()
            for _ = 1, ROUNDS do
                buffer:addmsg(value)
                other:addmsg(value)
            end
        end
        local loops, aborts = traced(add)
        tap.ok(loops > 0, "no loop that adds")
        tap.is(aborts, 0, "what can't be compiled")
        local got
        loops, aborts = traced(function() for _ = 1, 2 * ROUNDS do got = listener:nextmsg() end end)
        tap.ok(loops > 0, "no loop that receives")
        tap.is(aborts, 0, "what can't be compiled")
        tap.is(got, value)
        tap.is(listener:nextmsg(0), nil)
    end)
end

tap.test("a loop that receives a number from one of up to 16 buffers is compiled", function()
    local a, b, c, d = mtmsg.newbuffer(1e6), mtmsg.newbuffer(1e6), mtmsg.newbuffer(1e6), mtmsg.newbuffer(1e6)
    local e, f, g, h = mtmsg.newbuffer(1e6), mtmsg.newbuffer(1e6), mtmsg.newbuffer(1e6), mtmsg.newbuffer(1e6)
    local p = mtmsg.newbuffer(1e6)
    for _, last in ipairs { b, d, h, p } do
        for _ = 1, ROUNDS do last:addmsg(42) end
        local source, got
        local loops, aborts = traced(last == b and function()
            for _ = 1, ROUNDS do source, got = mtmsg.select(nil, a, b) end
        end or last == d and function()
            for _ = 1, ROUNDS do source, got = mtmsg.select(0, a, b, nil, c, d) end
        end or last == h and function()
            for _ = 1, ROUNDS do source, got = mtmsg.select(1, a, b, c, d, e, f, g, h) end
        end or function()
            for _ = 1, ROUNDS do
                source, got = mtmsg.select(nil, a, b, c, d, e, f, g, h, nil, nil, nil, nil, nil, nil, h, p)
            end
        end)
        tap.ok(loops > 0, "no loop")
        tap.is(aborts, 0, "what can't be compiled")
        tap.is(source, last)
        tap.is(got, 42)
        tap.gives({ nil, mtmsg.error.timeout }, mtmsg.select(0, a, b, c, d, e, f, g, h))
    end
end)

tap.test("a loop over select is compiled, whichever of 16 buffers has the message", function()
    local buffers = {}
    for i = 1, 16 do buffers[i] = mtmsg.newbuffer() end
    local a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p = unpack(buffers)
    local wrong = 0
    local loops, aborts = traced(function()
        for round = 1, 16 * ROUNDS do
            local buffer = buffers[round % 16 + 1]
            buffer:addmsg(round)
            local source, got = mtmsg.select(nil, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p)
            if source ~= buffer or got ~= round then wrong = wrong + 1 end
        end
    end)
    tap.ok(loops > 0, "no loop")
    tap.is(aborts, 0, "what can't be compiled")
    tap.is(wrong, 0)
end)

tap.test("a buffer at the address of one that was chosen before is chosen", function()
    for _ = 1, 300 do
        local one, other = mtmsg.newbuffer(), mtmsg.newbuffer()
        other:addmsg(1)
        local source, got = mtmsg.select(0, one, other)
        tap.ok(source == other and got == 1)
        one, other, source = nil, nil, nil
        collectgarbage()
    end
end)

tap.test("select gives what is there in the same order, whoever sees it", function()
    local buffers, several = {}, { 0.5, "text", true, 0 / 0 }
    for i = 1, 18 do buffers[i] = mtmsg.newbuffer() end
    for first = 1, 18 do
        for count = first, 18 do
            local value = several[(first + count) % 4 + 1]
            for i = first, count do buffers[i]:addmsg(value) end
            for i = first, count do
                local source, got = mtmsg.select(0, unpack(buffers, 1, count))
                tap.is(source, buffers[i])
                tap.ok(got == value or got ~= got and value ~= value)
            end
            tap.gives({ nil, mtmsg.error.timeout }, mtmsg.select(0, unpack(buffers, 1, count)))
        end
    end
    tap.gives({ nil, mtmsg.error.object_closed, buffers[2] }, (function()
        buffers[2]:release()
        return mtmsg.select(0, unpack(buffers, 1, 8))
    end)())
    buffers[3]:addmsg(1)
    tap.gives({ buffers[3], 1 }, mtmsg.select(0, unpack(buffers, 1, 8)))
end)

-- A function of C that the methods of the FFI call.
local function upvalue_of(method, name)
    for i = 1, 60 do
        local upvalue, value = debug.getupvalue(method, i)
        if upvalue == name then return value end
        if upvalue == "add" and name ~= "add" then
            local found = upvalue_of(value, name)
            if found then return found end
        end
    end
end

tap.test("what is usual is done by the functions of the FFI, and not left to the C API", function()
    local buffer = mtmsg.newbuffer()
    buffer:addmsg(1) -- the first ring is made by the C API
    buffer:nextmsg()
    local add_number = tap.ok(upvalue_of(buffer.addmsg, "add_number"), "no such function")
    local add_text = tap.ok(upvalue_of(buffer.addmsg, "add_text"), "no such function")
    tap.is(add_number(buffer, 42), 1)
    tap.is(add_text(buffer, "text", 4), 1)
    local look, scratch = upvalue_of(buffer.nextmsg, "look"), upvalue_of(buffer.nextmsg, "scratch")
    local take_number = upvalue_of(buffer.nextmsg, "take_number")
    tap.is(look(buffer, scratch) % 4096, 1, "a number that is only looked at")
    tap.is(take_number(buffer, scratch), 42, "a number")
    local none = take_number(buffer, scratch)
    tap.ok(none ~= none, "a text is no number")
    tap.is(look(buffer, scratch) % 4096, 2, "a text that is only looked at")
    tap.gives({ "text" }, buffer:nextmsg())
    for _, number in ipairs { 0 / 0, -0.5, 2 ^ 53, math.huge } do
        buffer:addmsg(number)
        local got = buffer:nextmsg()
        tap.ok(got == number or got ~= got and number ~= number)
    end
end)

tap.test("so is what a listener does, unless it is no number, or the buffer was left to drain", function()
    local listener = mtmsg.newlistener()
    local buffer, left = listener:newbuffer(), listener:newbuffer()
    local take = tap.ok(upvalue_of(listener.nextmsg, "take_number_through"), "no such function")
    local scratch = upvalue_of(listener.nextmsg, "scratch")
    local function takes_nothing(source, why)
        local number = take(source, scratch)
        tap.ok(number ~= number, why)
    end
    takes_nothing(listener, "nothing there")
    for _, first in ipairs { buffer, left } do -- the first ring is entered by the C API
        first:addmsg(1)
        listener:nextmsg()
    end
    buffer:addmsg(42)
    buffer:addmsg(false)
    buffer:addmsg("text")
    tap.is(take(listener, scratch), 42, "a number")
    takes_nothing(listener, "a boolean")
    tap.gives({ false }, listener:nextmsg())
    takes_nothing(listener, "a text")
    tap.gives({ "text" }, listener:nextmsg())
    left:addmsg(1)
    left:addmsg(2)
    left:release()
    takes_nothing(listener, "of one that was left to drain")
    tap.gives({ 1 }, listener:nextmsg())
    takes_nothing(listener, "the last one of it")
    tap.gives({ 2 }, listener:nextmsg())
    takes_nothing(buffer, "no listener")
end)

tap.test("a loop over a buffer that is served in another way is compiled around the calls", function()
    local buffer = mtmsg.newbuffer(1000, 0)
    local sum = 0
    local loops = traced(function()
        for i = 1, ROUNDS do
            buffer:addmsg(i)
            sum = sum + buffer:nextmsg()
        end
    end)
    tap.ok(loops > 0)
    tap.is(sum, ROUNDS * (ROUNDS + 1) / 2)
end)

tap.done()
