-- story: a wake-up went to a receiver who could not use it
-- A thread in listener:nextmsg and one in nextmsg of a buffer of that listener shared one wake-up; where the wrong one
-- got it, a message lay there while a thread that could have taken it slept on.

local mtmsg   = require("mtmsg")
local tap     = require("tap")
local threads = require("threads")

local rounds = 60

-- Runs in a thread: takes one message per word and says what it got.
local function receive(id, is_listener, go_id, got_id)
    local mtmsg = require("mtmsg")
    local source = is_listener and mtmsg.listener(id) or mtmsg.buffer(id)
    local go, got = mtmsg.buffer(go_id), mtmsg.buffer(got_id)
    while go:nextmsg() do
        got:addmsg("waiting")
        got:addmsg("got", source:nextmsg())
    end
end

local function setup()
    local s = { listener = mtmsg.newlistener(), got = mtmsg.newbuffer(), go = {}, threads = {} }
    s.one, s.other = s.listener:newbuffer(), s.listener:newbuffer()
    for i, source in ipairs { s.one, s.listener } do
        s.go[i] = mtmsg.newbuffer()
        s.threads[i] = threads.start(receive, source:id(), i == 2, s.go[i]:id(), s.got:id())
    end
    return s
end

local function expect(s, ...)
    tap.gives({ ... }, s.got:nextmsg(threads.limit))
end

local function wait_in(s, order)
    for _, i in ipairs(order) do
        s.go[i]:addmsg(true)
        expect(s, "waiting")
    end
end

local function stop(s)
    for i = 1, 2 do s.go[i]:addmsg(false) end
    threads.join_all(s.threads)
end

for _, order in ipairs { { 1, 2 }, { 2, 1 } } do
    local names = { "the buffer's", "the listener's" }
    tap.test(names[order[1]] .. " receiver waits first, and two messages find two receivers", function()
        local s = setup()
        for round = 1, rounds do
            wait_in(s, order)
            threads.pause(round % 3 * 0.001)
            s.one:addmsg("message")
            s.one:addmsg("message")
            expect(s, "got", "message")
            expect(s, "got", "message")
        end
        stop(s)
    end)

    tap.test(names[order[1]] .. " receiver waits first, and a message beside it finds the listener's", function()
        local s = setup()
        for round = 1, rounds do
            wait_in(s, order)
            threads.pause(round % 3 * 0.001)
            s.other:addmsg("for the listener")
            expect(s, "got", "for the listener")
            s.one:addmsg("for the buffer")
            expect(s, "got", "for the buffer")
        end
        stop(s)
    end)
end

-- Runs in a thread: waits with timeouts so short that it gives up all the time, and lets what it gets go on.
local function give_up(id, is_listener, buffer_id, passed_id)
    local mtmsg = require("mtmsg")
    local source = is_listener and mtmsg.listener(id) or mtmsg.buffer(id)
    local passed = mtmsg.buffer(passed_id)
    while true do
        local message = source:nextmsg(0.0002)
        if message == false then return end
        if message then passed:addmsg(message) end
    end
end

for _, impatient in ipairs { "buffer", "listener" } do
    tap.test("an impatient receiver at the " .. impatient .. " keeps no wake-up for itself", function()
        local listener, passed = mtmsg.newlistener(), mtmsg.newbuffer()
        local buffer = listener:newbuffer()
        local sources = { buffer = buffer, listener = listener }
        local patient = impatient == "buffer" and "listener" or "buffer"
        local one = threads.start(give_up, sources[impatient]:id(), impatient == "listener", buffer:id(), passed:id())
        local other = threads.start(function(id, is_listener, passed_id)
            local mtmsg = require("mtmsg")
            local source = is_listener and mtmsg.listener(id) or mtmsg.buffer(id)
            local passed = mtmsg.buffer(passed_id)
            while true do
                local message = source:nextmsg()
                if message == false then return end
                passed:addmsg(message)
            end
        end, sources[patient]:id(), patient == "listener", passed:id())
        for i = 1, 1000 do
            buffer:addmsg(i)
            tap.gives({ i }, passed:nextmsg(threads.limit))
        end
        buffer:addmsg(false)
        buffer:addmsg(false)
        one:join()
        other:join()
    end)
end

tap.done()
