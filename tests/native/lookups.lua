-- Finding the C APIs: in the metatables of buffers, and in every other metatable.

local native = dofile "tests/native/lib/native.lua"
local lookups = require "lookups"
local mtmsg = require "mtmsg"
local test, eq = native.test, native.eq

local keys = {notify = "_capi_notify", receiver = "_capi_receiver", sender = "_capi_sender", carray = "_capi_carray"}
local versions = {notify = "0.0.2", receiver = "2.0.0", sender = "1.0.0", carray = "1.0.0"}

local function gives(version, reason, ...)
    local v, r = lookups.get(...)
    eq(v, version)
    eq(r, reason)
end

test("a buffer offers Notify 0.0.2, Receiver 2.0.0 and Sender 1.0.0", function()
    local buffer = mtmsg.newbuffer()
    gives("0.0.2", 0, "notify", buffer)
    gives("2.0.0", 0, "receiver", buffer)
    gives("1.0.0", 0, "sender", buffer)
    gives(nil, 2, "carray", buffer)
end)

test("a module with old declarations of its own finds the same", function()
    local notify, receiver, sender = native.old.versions(mtmsg.newbuffer())
    eq(notify, "0.0.2")
    eq(receiver, "2.0.0")
    eq(sender, "1.0.0")
end)

test("a closed buffer still offers its APIs", function()
    local buffer = mtmsg.newbuffer()
    buffer:close()
    gives("2.0.0", 0, "receiver", buffer)
end)

test("a buffer's APIs take buffers and nothing else", function()
    local buffer = mtmsg.newbuffer()
    local function accepts(value)
        local n, r, s = native.old.accepts(buffer, value)
        assert(n == r and r == s)
        return n
    end
    assert(accepts(buffer))
    assert(accepts(mtmsg.newbuffer()))
    assert(accepts(mtmsg.newlistener():newbuffer()))
    for _, other in ipairs {false, 1, "x", {}, print, mtmsg.newwriter(), mtmsg.newreader(),
                            mtmsg.newlistener(), io.stdout, lookups.pointer(), lookups.block(""),
                            setmetatable({}, {_capi_notify = 1}), coroutine.create(function() end)} do
        assert(not accepts(other), tostring(other))
    end
    assert(not accepts(nil))
end)

test("values without a metatable have no API", function()
    for api in pairs(keys) do
        gives(nil, 2, api, {})
        gives(nil, 2, api, 17)
        gives(nil, 2, api, "text")
        gives(nil, 2, api, io.stdout)
    end
end)

for api, key in pairs(keys) do
    test(api .. ": what is set is found, on tables too", function()
        for _, how in ipairs {"absolute", "relative"} do
            local meta = {}
            eq(lookups.install(api, meta, how), 0)
            eq(type(rawget(meta, key)), "userdata")
            gives(versions[api], 0, api, setmetatable({}, meta))
            for other in pairs(keys) do
                if other ~= api then gives(nil, 2, other, setmetatable({}, meta)) end
            end
        end
    end)

    test(api .. ": setting goes past the metatable's own metatable", function()
        local meta = setmetatable({}, {__newindex = function() error("must not be called") end})
        lookups.install(api, meta, "absolute")
        gives(versions[api], 0, api, setmetatable({}, meta))
    end)

    test(api .. ": a field that is not the block of an API is no API", function()
        local fields = {
            1, "text", {}, print, io.stdout, true, lookups.pointer(),
            lookups.block(""), lookups.block(key), -- the NUL is missing
            lookups.block("_capi_other\0"), lookups.block(key:upper() .. "\0"),
            lookups.block(key .. "2\0"),
        }
        for _, field in ipairs(fields) do
            gives(nil, 2, api, setmetatable({}, {[key] = field}))
        end
    end)

    test(api .. ": a block without a usable struct has no compatible version", function()
        gives(nil, 1, api, setmetatable({}, {[key] = lookups.block(key .. "\0")}))
        gives(nil, 1, api, setmetatable({}, {[key] = lookups.block(key .. "\0and more")}))
    end)
end

test("a version fits if major is equal and minor is not smaller, wherever in the chain", function()
    local function chain(a, b)
        local meta = {}
        lookups.chain(meta, a, b)
        return setmetatable({}, meta)
    end
    gives("0.0.0", 0, "notify", chain({0, 0}, {1, 0}))
    gives("0.0.0", 0, "notify", chain({1, 0}, {0, 0}))
    gives("0.3.0", 0, "notify", chain({0, 3}, {0, 0})) -- the first that fits
    gives(nil, 1, "notify", chain({1, 0}, {2, 7}))
    gives(nil, 1, "notify", chain({0, -1}, {1, 0}))
end)

test("an object of an incompatible version is no notifier", function()
    local meta = {}
    lookups.chain(meta, {1, 0}, {2, 0})
    local buffer = mtmsg.newbuffer()
    native.raises("bad argument #1 to 'notifier'", function() buffer:notifier(setmetatable({}, meta)) end)
    buffer:notifier(mtmsg.newbuffer()) -- and none has been connected
end)

native.run()
