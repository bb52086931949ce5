-- story: a cleared listener's buffers went on counting their messages
-- listener:clear() removed the messages, but msgcnt() of the buffers went on counting them.

local mtmsg = require("mtmsg")
local tap   = require("tap")

tap.test("every buffer of the listener counts zero and can be used again", function()
    local listener = mtmsg.newlistener()
    local buffers = {}
    for i = 1, 5 do
        buffers[i] = listener:newbuffer()
        for k = 1, i do buffers[i]:addmsg(k, ("x"):rep(k * 3000)) end
        tap.is(buffers[i]:msgcnt(), i)
    end
    tap.is(listener:clear(), true)
    for i = 1, 5 do
        tap.is(buffers[i]:msgcnt(), 0)
        tap.is(select("#", buffers[i]:nextmsg(0)), 0)
    end
    tap.is(select("#", listener:nextmsg(0)), 0)
    for i = 5, 1, -1 do buffers[i]:addmsg(i) end
    for i = 1, 5 do tap.is(buffers[i]:msgcnt(), 1) end
    local seen = {}
    for _ = 1, 5 do seen[#seen + 1] = listener:nextmsg(0) end
    table.sort(seen)
    tap.is(table.concat(seen, " "), "1 2 3 4 5")
end)

tap.test("a fixed buffer has all its room again", function()
    local listener = mtmsg.newlistener()
    local buffer = listener:newbuffer(12, 0)
    for _ = 1, 3 do
        while buffer:addmsg("m") do end
        tap.is(buffer:msgcnt(), 3)
        listener:clear()
        tap.is(buffer:msgcnt(), 0)
    end
end)

tap.test("dropped buffers that were left to drain are gone", function()
    local listener = mtmsg.newlistener()
    for i = 1, 3 do listener:newbuffer():addmsg(i) end
    collectgarbage()
    collectgarbage()
    listener:clear()
    tap.raises(mtmsg.error.no_buffers, listener.nextmsg, listener)
end)

tap.test("clearing works while everything is aborted, and what is aborted stays so", function()
    local listener = mtmsg.newlistener()
    local buffer = listener:newbuffer()
    buffer:addmsg("gone")
    listener:abort()
    listener:clear()
    tap.is(buffer:msgcnt(), 0)
    tap.is(buffer:isabort(), true)
    listener:abort(false)
    buffer:addmsg("new")
    tap.gives({ "new" }, listener:nextmsg(0))
end)

tap.done()
