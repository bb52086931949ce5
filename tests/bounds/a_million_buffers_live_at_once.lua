-- A million buffers at once: each is found by its id and by its name, and when they are collected their memory is free
-- again. Ten thousand listeners, likewise. MTMSG_BOUNDS_N is another number of buffers.

local heap  = require("heap")
local mtmsg = require("mtmsg")
local tap   = require("tap")

local count = tonumber(os.getenv("MTMSG_BOUNDS_N") or "") or 1000000

local function collect()
    collectgarbage()
    collectgarbage()
    heap.trim()
end

-- What is in use after body has run and everything was collected is what was in use before, but for slack bytes.
local function gives_back(slack, body)
    collect()
    local before, resident = heap.in_use(), heap.resident()
    body(before)
    collect()
    if not before then return tap.note("this malloc does not tell how much is in use") end
    local after = heap.in_use()
    tap.note(("in use before %.1f MB, after %.1f MB; resident %.0f MB, %.0f MB"):format(before / 1e6, after / 1e6,
        resident / 1e6, heap.resident() / 1e6))
    tap.ok(after <= before + slack, ("%.0f bytes were not given back"):format(after - before))
end

tap.test(("%d buffers are found by id and name, and give their memory back"):format(count), function()
    gives_back(2e6, function(before)
        local list = {}
        for i = 1, count do list[i] = mtmsg.newbuffer("million " .. i) end
        collect() -- the names as Lua's strings
        if before then
            local each = (heap.in_use() - before) / count
            tap.note(("a buffer with its name, reference object and place in a table takes %.0f bytes"):format(each))
            tap.ok(each < 1000, "more than a kilobyte for an idle buffer")
        end
        for i = 1, count, 97 do
            local buffer = list[i]
            buffer:addmsg(i)
            tap.is(mtmsg.buffer(buffer:id()):nextmsg(0), i)
            buffer:addmsg(-i)
            tap.is(mtmsg.buffer("million " .. i):nextmsg(0), -i)
        end
        tap.raises(mtmsg.error.unknown_object, mtmsg.buffer, "million " .. count + 1)
        local id = list[count]:id()
        list = nil
        collect()
        tap.raises(mtmsg.error.unknown_object, mtmsg.buffer, id)
        tap.raises(mtmsg.error.unknown_object, mtmsg.buffer, "million 1")
    end)
end)

tap.test("10000 listeners with buffers deliver, are found, and give their memory back", function()
    gives_back(1e6, function()
        local listeners, buffers = {}, {}
        for i = 1, 10000 do
            listeners[i] = mtmsg.newlistener("listener " .. i)
            for k = 1, 3 do buffers[#buffers + 1] = listeners[i]:newbuffer("of listener " .. i .. "." .. k) end
        end
        for i, buffer in ipairs(buffers) do buffer:addmsg(i) end
        for i = 1, 10000 do
            local listener = mtmsg.listener(i % 2 == 0 and listeners[i]:id() or "listener " .. i)
            for k = 1, 3 do tap.is(listener:nextmsg(0), (i - 1) * 3 + k) end
            tap.is(listener:nextmsg(0), nil)
        end
    end)
end)

tap.test("a listener with 100000 buffers serves them in turn, and drops one as fast as one of few", function()
    gives_back(2e6, function()
        local listener, buffers = mtmsg.newlistener(), {}
        for i = 1, 100000 do
            buffers[i] = listener:newbuffer()
            buffers[i]:addmsg(i)
            if i % 2 == 0 then buffers[i]:addmsg(-i) end
        end
        for i = 1, 100000 do tap.is(listener:nextmsg(0), i) end
        for i = 1, 100000, 2 do buffers[i] = nil end
        collect()
        for i = 2, 100000, 2 do tap.is(listener:nextmsg(0), -i) end
        tap.is(listener:nextmsg(0), nil)
    end)
end)

tap.done()
