-- A thread looks for an object while the last reference to it goes in another: it finds something that lives, or
-- unknown_object, and nothing else.

local mtmsg   = require("mtmsg")
local tap     = require("tap")
local threads = require("threads")

local rounds = 3000

-- Runs in a thread: makes objects, tells how they can be found, and drops them at once.
local function make_and_drop(kind, by, ids_id, rounds)
    local mtmsg = require("mtmsg")
    local ids = mtmsg.buffer(ids_id)
    for i = 1, rounds do
        local name = ("%.0f raced for, number %d"):format(ids_id, i)
        local object
        if kind == "buffer" then
            object = mtmsg.newbuffer(name)
        elseif kind == "listener" then
            object = mtmsg.newlistener(name)
        else
            object = mtmsg.newlistener():newbuffer(name)
        end
        ids:addmsg(by == "id" and object:id() or name)
        object = nil
        collectgarbage()
    end
    ids:addmsg(false)
end

-- Runs in a thread: finds and uses. Returns how often it found something and how often it came too late.
local function find_and_use(kind, ids_id)
    local mtmsg = require("mtmsg")
    local ids = mtmsg.buffer(ids_id)
    local find = kind == "listener" and mtmsg.listener or mtmsg.buffer
    local found, late = 0, 0
    while true do
        local key = ids:nextmsg()
        if not key then break end
        local ok, object = pcall(find, key)
        if ok then
            assert(object:id() == key or object:name() == key)
            if kind == "listener" then
                local buffer = object:newbuffer()
                buffer:addmsg(key)
                assert(object:nextmsg(0) == key)
            else
                assert(object:addmsg(key))
                assert(object:nextmsg(0) == key)
            end
            found = found + 1
        else
            assert(object:find(mtmsg.error.unknown_object, 1, true), object)
            late = late + 1
        end
    end
    return found, late
end

for _, kind in ipairs { "buffer", "listener", "buffer of a listener" } do
    for _, by in ipairs { "id", "name" } do
        tap.test("a " .. kind .. " is found by " .. by .. " alive or not at all", function()
            local rounds = by == "id" and rounds or rounds / 3
            local ids = mtmsg.newbuffer()
            local finder = threads.start(find_and_use, kind, ids:id())
            threads.start(make_and_drop, kind, by, ids:id(), rounds):join()
            local found, late = finder:join()
            tap.is(found + late, rounds)
            tap.note(found .. " found, " .. late .. " too late")
        end)
    end
end

tap.test("references that are made and dropped in many threads keep an object as long as one is left", function()
    local buffer = mtmsg.newbuffer()
    local users = {}
    for i = 1, 4 do
        users[i] = threads.start(function(id, rounds)
            local mtmsg = require("mtmsg")
            for _ = 1, rounds do
                mtmsg.buffer(id):addmsg(true)
                if _ % 64 == 0 then collectgarbage() end
            end
        end, buffer:id(), rounds)
    end
    threads.join_all(users)
    tap.is(buffer:msgcnt(), 4 * rounds)
    local id = buffer:id()
    buffer = nil
    collectgarbage()
    collectgarbage()
    tap.raises(mtmsg.error.unknown_object, mtmsg.buffer, id)
end)

tap.done()
