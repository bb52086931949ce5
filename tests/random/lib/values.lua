-- What the model takes as arguments and raises as errors, and what values account for. It knows no objects.

local math_type = math.type

local values = {}

-- Raised by a call that must not be made on the real module either.
values.SKIP = { skip = true }

function values.raise(name, details)
    error("mtmsg.error." .. name .. (details and ": " .. details or ""), 0)
end

function values.raise_size(size, limit, what)
    values.raise("message_size", ("message size %d exceeds limit of %d bytes for %s"):format(size, limit, what))
end

function values.bad(n, name, text)
    error(("bad argument #%d to '%s' (%s)"):format(n, name, text), 0)
end

local function is_integer(value)
    if math_type then return math_type(value) == "integer" end
    return value % 1 == 0 and value >= -2 ^ 63 and value < 2 ^ 63 and not (value == 0 and 1 / value < 0)
end

local function size_of(value)
    local kind = type(value)
    if kind == "nil" then return 1 end
    if kind == "boolean" then return 2 end
    if kind == "number" then return is_integer(value) and value >= 0 and value <= 255 and 2 or 9 end
    if kind == "string" then return #value + (#value <= 255 and 2 or 9) end
end

-- The values as a message, or a bad argument.
function values.pack_values(name, ...)
    local message = { n = select("#", ...), size = 0, ... }
    for i = 1, message.n do
        local size = size_of(message[i])
        if not size then values.bad(i, name, "parameter type not supported") end
        message.size = message.size + size
    end
    return message
end

function values.record_size(message)
    return message.size + (message.size < 255 and 1 or 9)
end

function values.check_memory(name, first, size, grow)
    if size ~= nil and type(size) ~= "number" then values.bad(first, name, "") end
    if grow ~= nil and type(grow) ~= "number" then values.bad(first + 1, name, "") end
    if size and (size ~= size or size > 2 ^ 62) then values.bad(first, name, "") end
    if grow and grow ~= grow then values.bad(first + 1, name, "") end
    return math.floor(math.max(size or 1024, 0)), (grow or 2) <= 0
end

function values.quote(name)
    return '"' .. name:gsub('[\\"]', "\\%0") .. '"'
end

-- Only an absent flag is true, and no nil that was given.
function values.check_flag(name, ...)
    if select("#", ...) == 0 then return true end
    if type((...)) ~= "boolean" then values.bad(1, name, "") end
    return (...)
end

function values.check_timeout(n, name, timeout)
    if timeout ~= nil and (type(timeout) ~= "number" or timeout ~= timeout) then values.bad(n, name, "") end
end

return values
