-- Handing buffers and listeners to other threads: by id, by name, by id through another buffer.

local mtmsg   = require("mtmsg")
local tap     = require("tap")
local threads = require("threads")

tap.test("a thread that is given the id of a buffer receives from it", function()
    local buffer = mtmsg.newbuffer()
    local thread = threads.start(function(id)
        local mtmsg = require("mtmsg")
        local buffer = mtmsg.buffer(id)
        return buffer:nextmsg()
    end, buffer:id())
    buffer:addmsg("Hello", "world!")
    tap.gives({ "Hello", "world!" }, thread:join())
end)

tap.test("two ids make a conversation, and the last one to leave ends it", function()
    local thread_in = mtmsg.newbuffer()
    local listener = mtmsg.newlistener()
    local thread_out = listener:newbuffer()
    local thread = threads.start(function(in_id, out_id)
        local mtmsg = require("mtmsg")
        local thread_in = mtmsg.buffer(in_id)
        local thread_out = mtmsg.buffer(out_id)
        thread_out:addmsg("started")
        assert(thread_in:nextmsg() == "exit")
        thread_out:addmsg("finished")
        return true
    end, thread_in:id(), thread_out:id())
    tap.gives({ "started" }, listener:nextmsg())
    thread_out = nil
    collectgarbage()
    thread_in:addmsg("exit")
    tap.gives({ "finished" }, listener:nextmsg())
    tap.gives({ true }, thread:join())
    collectgarbage()
    tap.raises(mtmsg.error.no_buffers, listener.nextmsg, listener)
end)

tap.test("a thread finds buffers and listeners by name", function()
    local listener = mtmsg.newlistener("names/answers")
    local questions = mtmsg.newbuffer("names/questions")
    local thread = threads.start(function()
        local mtmsg = require("mtmsg")
        local answers = mtmsg.listener("names/answers"):newbuffer()
        answers:addmsg(mtmsg.buffer("names/questions"):nextmsg() * 2)
        return true
    end)
    questions:addmsg(21)
    tap.gives({ true }, thread:join())
    tap.gives({ 42 }, listener:nextmsg())
end)

tap.test("a listener that is known by id is served by several threads", function()
    local listener = mtmsg.newlistener()
    local buffer = listener:newbuffer()
    local workers = {}
    for i = 1, 4 do
        workers[i] = threads.start(function(id)
            return (require("mtmsg").listener(id):nextmsg())
        end, listener:id())
    end
    for i = 1, 4 do buffer:addmsg(i) end
    local seen = threads.join_all(workers)
    table.sort(seen)
    tap.gives({ 1, 2, 3, 4 }, (table.unpack or unpack)(seen))
end)

tap.test("ids are the same in all threads, and those of different threads differ", function()
    local mine = mtmsg.newbuffer()
    local thread = threads.start(function(id)
        local mtmsg = require("mtmsg")
        return mtmsg.buffer(id):id(), mtmsg.newbuffer():id(), mtmsg.newlistener():id()
    end, mine:id())
    local same, other, third = thread:join()
    tap.is(same, mine:id())
    tap.ok(other ~= same and third ~= same and other ~= third)
    tap.raises(mtmsg.error.unknown_object, mtmsg.buffer, other)
    tap.raises(mtmsg.error.unknown_object, mtmsg.listener, third)
end)

tap.test("an id in a message leads to a private channel for the answer", function()
    local requests = mtmsg.newbuffer()
    local server = threads.start(function(id)
        local mtmsg = require("mtmsg")
        local requests, served = mtmsg.buffer(id), 0
        while true do
            local answer_id, text = requests:nextmsg()
            if not answer_id then return served end
            mtmsg.buffer(answer_id):addmsg(text:upper())
            served = served + 1
        end
    end, requests:id())
    for i = 1, 100 do
        local answer = mtmsg.newbuffer()
        requests:addmsg(answer:id(), "request " .. i)
        tap.gives({ "REQUEST " .. i }, answer:nextmsg())
    end
    requests:addmsg(false)
    tap.gives({ 100 }, server:join())
end)

tap.test("values of all kinds arrive in another thread as they were sent", function()
    local there, back = mtmsg.newbuffer(), mtmsg.newbuffer()
    local thread = threads.start(function(there_id, back_id)
        local mtmsg = require("mtmsg")
        local there, back = mtmsg.buffer(there_id), mtmsg.buffer(back_id)
        back:addmsg(there:nextmsg())
        return mtmsg.type(back)
    end, there:id(), back:id())
    local long = ("0123456789abcdef"):rep(4096)
    there:addmsg(nil, true, false, 0, -1, 2 ^ 31, 0.5, -1e300, 1 / 0, "", "a\0b", long, nil)
    local n, got = (function(...) return select("#", ...), { ... } end)(back:nextmsg())
    tap.is(n, 13)
    local expected = { nil, true, false, 0, -1, 2 ^ 31, 0.5, -1e300, 1 / 0, "", "a\0b", long, nil }
    for i = 1, n do tap.is(got[i], expected[i], "value " .. i) end
    tap.gives({ "mtmsg.buffer" }, thread:join())
end)

tap.done()
