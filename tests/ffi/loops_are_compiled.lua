-- What LuaJIT's compiler sees of addmsg and nextmsg: a loop that adds, and one that receives, become traces that close
-- upon themselves, with nothing in them that can't be compiled; what goes another way keeps no loop from compilation.
local mtmsg = require "mtmsg"
local tap   = require "tap"
local util  = require "jit.util"

if not mtmsg._INFO:find("calls:FFI", 1, true) then
    print("1..0 # SKIP " .. mtmsg._INFO .. ": this is not the path of the FFI")
    os.exit(0)
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
        for place, pair in ipairs { { w, a }, { x, b }, { y, c }, { z, d } } do
            tap.is(pair[1], pair[2], "value " .. place)
        end
        tap.is(buffer:msgcnt(), 0)
    end)
end

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
