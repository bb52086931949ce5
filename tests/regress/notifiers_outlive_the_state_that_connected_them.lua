-- story: a notifier was called after its module had been unloaded
-- A thread with an event loop connected the notifier that wakes it, and ended; Lua unloaded the notifier's module with
-- its state, and the next addmsg jumped to where there was nothing any more.

local tap     = require("tap")
local threads = require("threads")
local mtmsg   = require("mtmsg")

local done = mtmsg.newbuffer()

-- Runs in a thread.
local function connect(event, buffer_id)
    local mtmsg, passing = require("mtmsg"), require("passing")
    passing.ring()
    if event then mtmsg.buffer(buffer_id):notifier(passing.bell(), event) end
end

local function count(done_id)
    require("mtmsg").buffer(done_id):addmsg(require("passing").rung())
end

-- How often the bell has been rung, and how many references to it there are.
local function rung_and_references()
    threads.start(count, done:id()):join()
    return done:nextmsg(threads.limit)
end

threads.start(connect, nil, 0):join()
if rung_and_references() ~= 0 then tap.note("modules are not unloaded here") end

for _, event in ipairs { ">", "<" } do
    tap.test("a notifier " .. event .. " is called when the state that connected it is gone", function()
        local buffer = mtmsg.newbuffer()
        local before = rung_and_references()
        threads.start(connect, event, buffer:id()):join()
        buffer:addmsg("rings, or not yet")
        tap.is(buffer:nextmsg(), "rings, or not yet")
        local rung, references = rung_and_references()
        tap.is(rung, before + 2, "calls")
        tap.is(references, 1, "references")
        buffer:close()
        rung, references = rung_and_references()
        tap.is(references, 0, "references")
    end)
end

tap.done()
