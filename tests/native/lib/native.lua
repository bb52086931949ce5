-- What the tests of the C APIs share: the old client's calls put together, and threads waited for. It expects nothing
-- of mtmsg; the tests do.

local spec = require "spec"
local old = require "old_client"

local native = {old = old, test = spec.test, run = spec.run, eq = spec.eq}

native.limit = 1e6 -- seconds; a test that hangs is ended by who runs it
io.stdout:setvbuf("line") -- and what it has said by then has been seen

function native.collect()
    if rawget(_G, "jit") then jit.flush() end -- compiled code keeps objects that it refers to
    for _ = 1, 3 do collectgarbage() end
end

-- Sizes that no memory can be had for: no block is larger than the difference of two pointers. With 32 bits
-- half of that may be there.
native.endless = {2 ^ (old.size_bits - 1), 2 ^ old.size_bits - 2048}
if old.size_bits == 64 then
    table.insert(native.endless, 2 ^ 62)
    table.insert(native.endless, 2 ^ 63 - 1024)
end

-- Adds Lua values to a native writer, each by the function of its type; returns the first code
-- that is not 0.
function native.add(writer, ...)
    for i = 1, select("#", ...) do
        local value = select(i, ...)
        local method = type(value) == "number" and (value % 1 == 0 and "integer" or "number") or type(value)
        local code = writer[method](writer, value)
        if code ~= 0 then return code end
    end
    return 0
end

-- A writer with these values.
function native.writer(buffer, ...)
    local writer = old.writer(buffer)
    assert(native.add(writer, ...) == 0)
    return writer
end

-- One message of these values, in blocking mode -> code, text, calls of the error handler
function native.send(buffer, ...)
    return native.writer(buffer, ...):send(buffer, false, false)
end

-- The values that are left in a native reader as a list of Lua values.
function native.values(reader)
    local list = {}
    for i, entry in ipairs(reader:all()) do
        list[i] = entry.kind == "nil" and "nil" or entry.value
    end
    return list
end

-- The next message without waiting -> code, list of values
function native.receive(buffer)
    local reader = old.reader(buffer)
    local code = reader:receive(buffer, false, 0)
    return code, native.values(reader)
end

-- All messages that are queued, each by its first value.
function native.drain(buffer)
    local list = {}
    while buffer:msgcnt() > 0 do
        list[#list + 1] = (buffer:nextmsg(0)) or false
    end
    return list
end

-- Waits for the thread's end. Gives what join does.
function native.finish(thread)
    return thread:join(native.limit)
end

native.watch = require "watch"

-- f raises an error that is, or contains, that text.
function native.raises(text, f, ...)
    local ok, err = pcall(f, ...)
    assert(not ok, "no error, but expected " .. text)
    assert(tostring(err):find(text, 1, true), "expected an error with " .. text .. ", got " .. tostring(err))
end

return native
