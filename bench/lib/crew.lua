-- Runs pieces of work in threads of their own that begin together, and says what they took. It does not know what
-- they do; they talk over buffers whose ids they are given.

local host = require "host"
local mtmsg = require "mtmsg"
local limits = require "limits"

local crew = {}

-- A thread prepares, says that it is ready, waits for the start, works, says that it is done.
local member = [[
    local role, ready, gate, done, code = ...
    local mtmsg, host = require "mtmsg", require "host"
    ready, gate, done = mtmsg.buffer(ready), mtmsg.buffer(gate), mtmsg.buffer(done)
    local work = assert((loadstring or load)(code))(select(6, ...))
    ready:addmsg(true)
    gate:nextmsg()
    local begin = host.now()
    local result = work()
    local finish = host.now()
    done:addmsg(role)
    return begin, finish, result
]]

-- Buffers and listeners travel by their ids, those of the naive queue, too.
local function by_id(value)
    return type(value) == "userdata" and value:id() or value
end

local function arguments(member)
    local list, count = {}, #member
    for i = 3, count do list[i] = by_id(member[i]) end
    return (unpack or table.unpack)(list, 3, count)
end

-- members is a list of { role, code, args... }. The code is that of a chunk, which gets the arguments (buffers and
-- listeners as ids; they are kept alive here) and returns the function that is timed. on_done(role) is called as each
-- one ends.
-- Returns seconds from the first begin to the last end, processor seconds and context switches of the process
-- meanwhile, and the list of what the functions returned.
function crew.run(members, on_done)
    local ready, gate, done = mtmsg.newbuffer(), mtmsg.newbuffer(), mtmsg.newbuffer()
    local threads = {}
    for i, m in ipairs(members) do
        threads[i] = host.thread(member, m[1], ready:id(), gate:id(), done:id(), m[2], arguments(m))
    end
    for _ = 1, #members do crew.wait(ready, threads) end
    local cpu, switches = limits.usage()
    for _ = 1, #members do gate:addmsg(true) end
    for _ = 1, #members do
        local role = crew.wait(done, threads)
        if on_done then on_done(role) end
    end
    local cpu_after, switches_after = limits.usage()
    local first, last, results = math.huge, 0, {}
    for i, thread in ipairs(threads) do
        local ok, begin, finish, result = thread:join()
        if not ok then error(begin, 0) end
        first, last, results[i] = math.min(first, begin), math.max(last, finish), result
    end
    return last - first, cpu_after - cpu, switches_after - switches, results
end

-- The next message; raises if a thread has ended in an error instead.
function crew.wait(buffer, threads)
    while true do
        local message = buffer:nextmsg(1)
        if message ~= nil then return message end
        for _, thread in ipairs(threads) do
            local ok, text = thread:join(0)
            if ok == nil then error(text, 0) end
        end
    end
end

return crew
