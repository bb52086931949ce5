-- A thousand threads wait at once, in a buffer and in its listener: each message wakes one that takes it, and
-- closing wakes all. Others look for objects by ids that are just now being given up.

local host  = require("host")
local mtmsg = require("mtmsg")
local tap   = require("tap")
local watch = require("watch")

local count = tonumber(os.getenv("MTMSG_BOUNDS_THREADS") or "") or 1000

local waiter = [[
    local listener_id, buffer_id, ready_id, in_listener = ...
    local mtmsg = require("mtmsg")
    local source = in_listener and mtmsg.listener(listener_id) or mtmsg.buffer(buffer_id)
    mtmsg.buffer(ready_id):addmsg(true)
    local took = 0
    while true do
        local ok, number = pcall(source.nextmsg, source)
        if not ok then
            assert(number:find(mtmsg.error.object_closed, 1, true), number)
            return took
        end
        took = took + 1
    end
]]

tap.test(count .. " threads share the messages of one buffer, and end when its listener is closed", function()
    local listener, ready = mtmsg.newlistener(), mtmsg.newbuffer()
    local buffer, threads = listener:newbuffer(), {}
    for i = 1, count do
        threads[i] = host.thread(waiter, listener:id(), buffer:id(), ready:id(), i % 2 == 0)
    end
    for _ = 1, count do tap.is(ready:nextmsg(), true) end
    for i = 1, 3 * count do buffer:addmsg(i) end
    watch(function() return buffer:msgcnt() == 0 or mtmsg.sleep(0.001) end, "nobody takes the messages that are left")
    listener:close()
    local took = 0
    for _, thread in ipairs(threads) do
        local ok, n = thread:join()
        tap.ok(ok, tostring(n))
        took = took + n
    end
    tap.is(took, 3 * count)
end)

-- Makes and drops objects; their ids are consecutive, so others can guess them.
local maker = [[
    local rounds = ...
    local mtmsg = require("mtmsg")
    local kept = {}
    for i = 1, rounds do
        kept[i % 8] = i % 5 == 0 and mtmsg.newlistener() or mtmsg.newbuffer("short life " .. i % 100)
        if i % 16 == 0 then
            kept = {}
            collectgarbage()
        end
    end
]]

local finder = [[
    local first, rounds = ...
    local mtmsg = require("mtmsg")
    local found, last = 0, first
    for i = 1, rounds do
        if i % 50 == 0 then last = math.max(last, mtmsg.newbuffer():id()) end
        local id = last - 20 + i % 50
        for _, kind in ipairs { "buffer", "listener" } do
            local ok, object = pcall(mtmsg[kind], id)
            if ok then
                assert(object:id() == id and mtmsg.type(object) == "mtmsg." .. kind)
                assert(kind == "listener" or object:addmsg(i) and object:msgcnt() > 0)
                found = found + 1
            else
                assert(object:find(mtmsg.error.unknown_object, 1, true), object)
            end
        end
        local ok, object = pcall(mtmsg.buffer, "short life " .. i % 100)
        assert(ok or object:find(mtmsg.error.unknown_object, 1, true)
            or object:find(mtmsg.error.ambiguous_name, 1, true), object)
        if i % 64 == 0 then collectgarbage() end
    end
    return found
]]

tap.test("ids and names that are looked up while their objects die lead to an object that lives, or to none", function()
    local threads, found = {}, 0
    collectgarbage()
    collectgarbage() -- nothing of the first test is found
    local first = mtmsg.newbuffer():id()
    for i = 1, 4 do
        threads[#threads + 1] = host.thread(maker, 20000)
        threads[#threads + 1] = host.thread(finder, first, 10000)
    end
    for _, thread in ipairs(threads) do
        local ok, n = thread:join()
        tap.ok(ok, tostring(n))
        found = found + (n or 0)
    end
    tap.note(found .. " times an object was found")
    tap.ok(found > 0)
end)

tap.done()
