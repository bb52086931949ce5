-- story: a setmsg that failed had thrown the old messages away
-- A setmsg that could not store its message had thrown the old ones away already; a reader that received nothing still
-- gave the values of an earlier message. A call that fails changes nothing, but a reader is empty after it.

local mtmsg = require("mtmsg")
local tap   = require("tap")

local function filled(...)
    local buffer = mtmsg.newbuffer(...)
    buffer:addmsg("one", 1)
    buffer:addmsg("two", 2)
    return buffer
end

local function is_untouched(buffer)
    tap.is(buffer:msgcnt(), 2)
    tap.gives({ "one", 1 }, buffer:nextmsg(0))
    tap.gives({ "two", 2 }, buffer:nextmsg(0))
end

tap.test("a message larger than the buffer's fixed size", function()
    local buffer = filled(40, 0)
    tap.raises(mtmsg.error.message_size, buffer.setmsg, buffer, ("x"):rep(40))
    is_untouched(buffer)
end)

tap.test("a writer's message larger than the buffer's fixed size stays in the writer", function()
    local buffer, writer = filled(40, 0), mtmsg.newwriter()
    writer:add("much", ("x"):rep(40))
    tap.raises(mtmsg.error.message_size, writer.setmsg, writer, buffer)
    is_untouched(buffer)
    local large = filled()
    tap.is(writer:setmsg(large), true)
    tap.gives({ "much", ("x"):rep(40) }, large:nextmsg(0))
    tap.is(large:msgcnt(), 0)
end)

tap.test("a value that cannot travel", function()
    local buffer = filled()
    tap.is(pcall(function() buffer:setmsg("good", { io.stdout }) end), false)
    is_untouched(buffer)
end)

tap.test("an aborted buffer", function()
    local buffer = filled()
    buffer:abort()
    tap.raises(mtmsg.error.operation_aborted, buffer.setmsg, buffer, "new")
    buffer:abort(false)
    is_untouched(buffer)
end)

tap.test("a set may use all of a fixed size, as what was there is replaced", function()
    local buffer = filled(40, 0)
    tap.is(buffer:setmsg(("x"):rep(37)), true)
    tap.is(buffer:msgcnt(), 1)
    tap.gives({ ("x"):rep(37) }, buffer:nextmsg(0))
end)

local function loaded(...)
    local reader, buffer = mtmsg.newreader(...), mtmsg.newbuffer()
    buffer:addmsg("stale", "values")
    tap.is(reader:nextmsg(buffer), true)
    return reader
end

tap.test("a reader is empty after a timeout", function()
    local reader = loaded()
    tap.is(reader:nextmsg(mtmsg.newbuffer(), 0), false)
    tap.is(select("#", reader:next(9)), 0)
end)

tap.test("a reader is empty after the error of a closed or aborted buffer", function()
    for act, err in pairs { close = mtmsg.error.object_closed, abort = mtmsg.error.operation_aborted } do
        local reader, buffer = loaded(), mtmsg.newbuffer()
        buffer[act](buffer)
        tap.raises(err, reader.nextmsg, reader, buffer)
        tap.is(select("#", reader:next(9)), 0)
    end
end)

tap.test("a reader is empty after a message that was too large for it, and the message stays", function()
    local reader, buffer = loaded(50, 0), mtmsg.newbuffer()
    buffer:addmsg(("x"):rep(100))
    tap.raises(mtmsg.error.message_size, reader.nextmsg, reader, buffer)
    tap.is(select("#", reader:next(9)), 0)
    tap.gives({ ("x"):rep(100) }, buffer:nextmsg(0))
end)

-- The same for native code, which knows readers as a block that it asks for values.
local native = require("old_client")

local function loaded_native(...)
    local buffer = mtmsg.newbuffer()
    local reader = native.reader(buffer, ...)
    buffer:addmsg("stale", "values")
    tap.is((reader:receive(buffer, false, 0)), 0)
    return reader
end

tap.test("a native reader is empty after every way to receive nothing", function()
    local closed, aborted, large = mtmsg.newbuffer(), mtmsg.newbuffer(), mtmsg.newbuffer()
    closed:close()
    aborted:abort()
    large:addmsg(("x"):rep(100))
    for _, case in ipairs { { closed, 1 }, { aborted, 2 }, { mtmsg.newbuffer(), 3 }, { large, 4 } } do
        local reader = loaded_native(50, 0)
        tap.is((reader:receive(case[1], false, 0)), case[2], "code")
        tap.is(#reader:all(), 0, "values")
    end
    tap.is(large:msgcnt(), 1)
end)

tap.done()
