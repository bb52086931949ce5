-- JSON, as far as results need it: tables with string keys or lists, strings, numbers, booleans. A table without
-- string keys is a list. Nothing is said of null.

local json = {}

local escapes = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\t"] = "\\t", ["\r"] = "\\r" }

local encode

local function encode_table(value)
    local parts = {}
    if next(value) == nil or value[1] ~= nil then
        for i, item in ipairs(value) do parts[i] = encode(item) end
        return "[" .. table.concat(parts, ",") .. "]"
    end
    local keys = {}
    for key in pairs(value) do keys[#keys + 1] = key end
    table.sort(keys)
    for i, key in ipairs(keys) do parts[i] = encode(key) .. ":" .. encode(value[key]) end
    return "{" .. table.concat(parts, ",") .. "}"
end

function encode(value)
    local kind = type(value)
    if kind == "table" then return encode_table(value) end
    if kind == "string" then return '"' .. value:gsub('[%c"\\]', escapes) .. '"' end
    if kind == "number" then return ("%.7g"):format(value) end
    assert(kind == "boolean", "JSON cannot hold a " .. kind)
    return tostring(value)
end

json.encode = encode

local decode

local function skip(text, at)
    return text:find("[^%s,:]", at) or error("JSON ends too early")
end

local function decode_string(text, at)
    local parts = {}
    while true do
        local stop = text:find('["\\]', at) or error("JSON: a string does not end")
        parts[#parts + 1] = text:sub(at, stop - 1)
        if text:sub(stop, stop) == '"' then return table.concat(parts), stop + 1 end
        local char = text:sub(stop + 1, stop + 1)
        parts[#parts + 1] = ({ n = "\n", t = "\t", r = "\r" })[char] or char
        at = stop + 2
    end
end

local function decode_list(text, at)
    local list = {}
    at = skip(text, at)
    while text:sub(at, at) ~= "]" do
        list[#list + 1], at = decode(text, at)
        at = skip(text, at)
    end
    return list, at + 1
end

local function decode_object(text, at)
    local object = {}
    at = skip(text, at)
    while text:sub(at, at) ~= "}" do
        local key
        key, at = decode(text, at)
        object[key], at = decode(text, skip(text, at))
        at = skip(text, at)
    end
    return object, at + 1
end

-- Returns the value that begins at that place, and the place after it.
function decode(text, at)
    at = skip(text, at)
    local char = text:sub(at, at)
    if char == '"' then return decode_string(text, at + 1) end
    if char == "[" then return decode_list(text, at + 1) end
    if char == "{" then return decode_object(text, at + 1) end
    local word = text:match("^[%w.+-]+", at) or error("JSON: nothing known begins with " .. char)
    if word == "true" or word == "false" then return word == "true", at + #word end
    return tonumber(word) or error("JSON: " .. word), at + #word
end

function json.decode(text)
    return (decode(text, 1))
end

return json
