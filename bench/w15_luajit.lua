--[[ W15: LuaJIT without the C API

Where LuaJIT's FFI is there, its compiler sees `addmsg` and `nextmsg` of buffers. The same calls by the C API, in the
same state and on the same buffer, are what the figures are compared with. One number is taken in one call; any other
message takes two and one lock more: a finalizer may run before its values have been read, and making a string may fail.
Through a listener a single number goes that way, too.
]]

local measure = require "measure"
local mtmsg = require "mtmsg"
local rows = require "rows"

if not measure.is_compiled() then
    print("# SKIP " .. _VERSION .. " has no FFI that the library uses")
    return
end

local WHY = "two calls, and one lock more, as finalizers may run in between"
local buffer = mtmsg.newbuffer()
local ways = {
    { "FFI", buffer.addmsg, buffer.nextmsg },
    { "C", measure.replaced(buffer.addmsg, "addmsg"), measure.replaced(buffer.nextmsg, "nextmsg") },
}
local listener = mtmsg.newlistener()
local member = listener:newbuffer()
local through = {
    { "FFI", buffer.addmsg, listener.nextmsg },
    { "C", ways[2][2], measure.replaced(listener.nextmsg, "nextmsg_through") },
}

-- Each way gets a copy of the code, as the compiler must not mix the two.
for _, case in ipairs {
    { "one small integer", 0.45, function(m, b, add, take)
        return m.loop(function(n) for _ = 1, n do add(b, 42) take(b) end end)
    end },
    { "integer, 10 characters, float", 0.5, function(m, b, add, take)
        return m.loop(function(n) for _ = 1, n do add(b, 42, "ten chars.", 1.5) take(b) end end)
    end },
    { "three numbers", 0.5, function(m, b, add, take)
        return m.loop(function(n) for _ = 1, n do add(b, 42, 43, 1.5) take(b) end end)
    end },
    { "string of 16 B", 0.6, function(m, b, add, take)
        local text = ("x"):rep(16)
        return m.loop(function(n) for _ = 1, n do add(b, text) take(b) end end)
    end },
    { "string of 200 B", 0.6, function(m, b, add, take)
        local text = ("x"):rep(200)
        return m.loop(function(n) for _ = 1, n do add(b, text) take(b) end end)
    end },
    { "one small integer through a listener", 0.75, function(m, b, add, take, l)
        return m.loop(function(n) for _ = 1, n do add(b, 42) take(l) end end)
    end, member, through },
} do
    local name, most, make, object = case[1], case[2], case[3], case[4] or buffer
    local turns = {}
    for _, way in ipairs(case[5] or ways) do
        turns[#turns + 1] = { way[1], measure.copy(make)(measure, object, way[2], way[3], listener) }
    end
    local s = measure.take(turns)
    rows.row {
        name = "add+next, " .. name, unit = "ns", figure = s.FFI, probe = s.C, per = "by the C API", most = most,
        why = (name:find "integer, " or name:find "three") and WHY
            or name:find "integer" and "two locks, of which the C path takes no more: see lock and unlock in W0" or nil,
    }
end
