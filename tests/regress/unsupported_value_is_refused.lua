-- story: a value that cannot travel was added all the same, and broke the buffer
-- A value that cannot travel was taken for one that can, and the buffer was damaged by it. It is refused, nothing is
-- added, and everything that was and will be in the buffer stays whole.

local mtmsg = require("mtmsg")
local tap   = require("tap")

local unsupported = {
    ["a thread"] = coroutine.create(function() end),
    ["a full userdata"] = io.stdout,
    ["a writer"] = mtmsg.newwriter(),
    ["a C function with upvalues"] = ("text"):gmatch("."),
    ["another C function with upvalues"] = coroutine.wrap(function() end),
}

local function refused(f, position, name)
    local ok, err = pcall(f)
    tap.is(ok, false, "success")
    tap.contains(err, ("bad argument #%d to '%s' (parameter type not supported)"):format(position, name))
end

local function drain(buffer, expected)
    for i = 1, #expected do tap.gives(expected[i], buffer:nextmsg(0)) end
    tap.is(buffer:msgcnt(), 0)
end

for kind, value in pairs(unsupported) do
    tap.test(kind .. " is refused by addmsg", function()
        local buffer = mtmsg.newbuffer()
        buffer:addmsg("before", 1)
        refused(function() buffer:addmsg(value) end, 1, "addmsg")
        refused(function() buffer:addmsg("good", 2, value) end, 3, "addmsg")
        refused(function() buffer:addmsg(("long"):rep(5000), value) end, 2, "addmsg")
        tap.is(buffer:msgcnt(), 1)
        buffer:addmsg("after", 2)
        drain(buffer, { { "before", 1 }, { "after", 2 } })
    end)

    tap.test(kind .. " is refused by setmsg", function()
        local buffer = mtmsg.newbuffer()
        buffer:addmsg("before", 1)
        buffer:addmsg("before", 2)
        refused(function() buffer:setmsg(value) end, 1, "setmsg")
        refused(function() buffer:setmsg("good", value, "good") end, 2, "setmsg")
        tap.is(buffer:msgcnt(), 2)
        drain(buffer, { { "before", 1 }, { "before", 2 } })
    end)

    tap.test(kind .. " is refused by writer:add", function()
        local buffer, writer = mtmsg.newbuffer(), mtmsg.newwriter()
        writer:add("kept", 1)
        refused(function() writer:add(value) end, 1, "add")
        refused(function() writer:add("gone", 2, value) end, 3, "add")
        writer:add("too")
        writer:addmsg(buffer)
        drain(buffer, { { "kept", 1, "too" } })
    end)
end

tap.done()
