-- story: two threads that both wanted "log" made two of it, and nobody found it any more
-- Whoever came first was to make the buffer. Between looking for it and making it another thread did the same, and from
-- then on its name was ambiguous for good. Finding or creating is one step: newbuffer{ name =, create = true }.

local mtmsg   = require("mtmsg")
local tap     = require("tap")
local threads = require("threads")

local rounds, workers = 500, 3

-- Runs in a thread: in each round it makes or finds the object of that round, and tells its id.
local function take_part(kind, start_id, result_id, rounds)
    local mtmsg = require("mtmsg")
    local start, result = mtmsg.buffer(start_id), mtmsg.buffer(result_id)
    local new = kind == "listener" and mtmsg.newlistener or mtmsg.newbuffer
    for _ = 1, rounds do
        local name = start:nextmsg()
        local object, created = new{ name = name, create = true }
        result:addmsg(object:id(), created)
        start:nextmsg() -- keeps it until all have it
    end
end

-- Returns in how many rounds nobody, or more than one, was the first, and how many ids there were beside the first.
local function play(kind)
    local result, starts, running = mtmsg.newbuffer(), {}, {}
    for i = 1, workers do
        starts[i] = mtmsg.newbuffer()
        running[i] = threads.start(take_part, kind, starts[i]:id(), result:id(), rounds)
    end
    local wrong, strangers = 0, 0
    for round = 1, rounds do
        local first, makers = nil, 0
        for i = 1, workers do starts[i]:addmsg(("%s %d"):format(kind, round)) end
        for _ = 1, workers do
            local id, created = result:nextmsg(threads.limit)
            first = first or id
            if id ~= first then strangers = strangers + 1 end
            if created then makers = makers + 1 end
        end
        if makers ~= 1 then wrong = wrong + 1 end
        for i = 1, workers do starts[i]:addmsg("next") end
    end
    threads.join_all(running)
    return wrong, strangers
end

for _, kind in ipairs { "buffer", "listener" } do
    tap.test("threads that want one " .. kind .. " share it, and one of them has made it", function()
        local wrong, strangers = play(kind)
        tap.is(strangers, 0, "ids beside the first")
        tap.is(wrong, 0, "rounds without exactly one maker")
    end)
end

tap.test("who sees that a buffer is closed gets another of its name", function()
    local buffer = mtmsg.newbuffer{ name = "phoenix", create = true }
    for _ = 1, 100 do
        local thread = threads.start(function(id)
            local mtmsg = require("mtmsg")
            local old = mtmsg.buffer(id)
            local ok, err = pcall(old.nextmsg, old)
            assert(not ok and err:find(mtmsg.error.object_closed, 1, true), err)
            local new, created = mtmsg.newbuffer{ name = "phoenix", create = true }
            assert(created and new:id() ~= id)
            assert(mtmsg.buffer("phoenix"):id() == new:id())
        end, buffer:id())
        buffer:close()
        thread:join()
        collectgarbage()
        buffer = mtmsg.newbuffer{ name = "phoenix", create = true }
    end
end)

tap.done()
