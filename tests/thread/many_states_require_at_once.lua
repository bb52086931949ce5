-- The module is loaded by many states at the same instant, this one among them. So nothing here may load it before,
-- and the clock of the process, which all threads see alike, has to serve as the starting signal.

local tap     = require("tap")
local threads = require("threads")

local count = 8

-- Runs in a thread, without any help: an error here is that of the thread library.
local function load_and_report(start, number)
    while os.clock() < start do end
    local mtmsg = require("mtmsg")
    local found, reports
    repeat
        found, reports = pcall(mtmsg.buffer, "reports of the loaded")
    until found
    local own = mtmsg.newbuffer("own " .. number)
    own:addmsg(number)
    reports:addmsg(own:nextmsg(), own:id())
end

tap.test("many states that load the module at the same instant share one process-wide world", function()
    local start = os.clock() + 0.1
    local wait = {}
    for i = 1, count do wait[i] = threads.spawn(load_and_report, start, i) end
    while os.clock() < start do end
    local mtmsg = require("mtmsg")
    local reports = mtmsg.newbuffer("reports of the loaded")
    local numbers, ids = {}, {}
    for _ = 1, count do
        local number, id = reports:nextmsg(threads.limit)
        tap.ok(number, "a thread did not report")
        tap.ok(not numbers[number] and not ids[id], "number or id used twice")
        numbers[number], ids[id] = true, true
    end
    for i = 1, count do wait[i]() end
    tap.is(reports:msgcnt(), 0)
end)

tap.test("states load the module and end while others do", function()
    local mtmsg = require("mtmsg")
    for round = 1, 10 do
        local reports = mtmsg.newbuffer("reports " .. round)
        local wait = {}
        for i = 1, 6 do
            wait[i] = threads.spawn(function(round)
                local mtmsg = require("mtmsg")
                local kept = mtmsg.newlistener():newbuffer()
                kept:addmsg("never received")
                mtmsg.buffer(("reports %d"):format(round)):addmsg(true)
            end, round)
        end
        for _ = 1, 6 do tap.is(reports:nextmsg(threads.limit), true) end
        for i = 1, 6 do wait[i]() end
    end
end)

tap.done()
