-- Messages in the event loop of luv, which is Neovim's, too: receiving suspends a coroutine, or calls back, and the
-- loop goes on meanwhile. It owns one poll handle for each source that somebody waits for; messages, and how long they
-- stay, are the business of the source.
local mtmsg = require "mtmsg"
local loop = require "mtmsg.loop"
local editor = rawget(_G, "vim")
local uv = type(editor) == "table" and (editor.uv or editor.loop) or require "luv"

local TIMEOUT = mtmsg.error.timeout
local AT_ONCE = 64 -- messages of one source, before the loop's other handles have their turn
local LONGEST = 2 ^ 30 -- seconds; who waits for longer needs no timer

local new_poll = package.config:sub(1, 1) == "\\" and uv.new_socket_poll or uv.new_poll
local pack = table.pack or function(...) return { n = select("#", ...), ... } end
local unpack = table.unpack or unpack

local luv = {}

-- The sources that somebody waits for, by their ids: { source, handle, users }. A user is a coroutine that waits for
-- one message, or has a callback for each; the first of them gets the next message.
local polls = {}

local function close(poll)
    if polls[poll.id] ~= poll then return end
    polls[poll.id] = nil
    poll.handle:close()
end

local function remove(poll, user)
    for i, other in ipairs(poll.users) do
        if other == user then
            table.remove(poll.users, i)
            return true
        end
    end
    return false
end

local function resume(thread, ...)
    local ok, err = coroutine.resume(thread, ...)
    if not ok then return debug.traceback(thread, tostring(err)) end
end

-- One outcome of a protected getmsg for the first user. Returns whether there was any, and the error that ended its
-- coroutine. An error of a callback goes on from here, where everything is in order.
local function serve(poll, ok, id, ...)
    if ok and id == nil and (...) == TIMEOUT then return false end
    local users = poll.users
    local user = users[1]
    if user.callback and ok and id ~= nil then
        if users[2] then table.insert(users, table.remove(users, 1)) end -- its next turn comes after the others'
        user.callback(id, ...)
        return true
    end
    table.remove(users, 1)
    if user.thread then
        if user.timer then user.timer:close() end
        return true, resume(user.thread, ok, id, ...)
    end
    if ok then user.callback(nil, ...) else user.callback(nil, id) end
    return true
end

local function on_readable(poll, poll_error)
    local found, failure = true, poll_error and "poll: " .. tostring(poll_error)
    local count = 0
    while found and not failure and #poll.users > 0 and count < AT_ONCE do
        count = count + 1
        found, failure = serve(poll, pcall(poll.source.getmsg, poll.source, 0))
    end
    if #poll.users == 0 or poll_error then close(poll) end
    if failure then error(failure, 0) end
end

-- Nothing is kept if it raises an error.
local function poll_of(source)
    local id = source:id()
    if polls[id] then return polls[id] end
    local poll = { id = id, source = source, users = {}, handle = assert(new_poll(source:pollfd())) }
    poll.handle:start("r", function(poll_error) on_readable(poll, poll_error) end)
    polls[id] = poll
    return poll
end

local function running(what)
    local thread, is_main = coroutine.running()
    if not thread or is_main then
        error(("mtmsg.luv: %s suspends the running coroutine, and there is none"):format(what), 3)
    end
    return thread
end

-- Calls back once, so many seconds from now, not earlier.
local function after(seconds, callback)
    local timer = assert(uv.new_timer())
    uv.update_time()
    timer:start(math.ceil(seconds * 1000), 0, callback)
    return timer
end

-- ------------------------------------------------------------------------------------------------ receiving

-- In time is also what comes before the loop has come to the timer.
local function give_up(poll, user)
    user.timer:close()
    if not remove(poll, user) then return end
    local results = pack(pcall(poll.source.getmsg, poll.source, 0))
    local failure = resume(user.thread, unpack(results, 1, results.n))
    if #poll.users == 0 then close(poll) end
    if failure then error(failure, 0) end
end

local function finish(ok, ...)
    if not ok then error((...), 0) end
    return ...
end

local function suspend(source, timeout, thread)
    local poll = poll_of(source)
    local user = { thread = thread }
    if timeout and timeout < LONGEST then user.timer = after(timeout, function() give_up(poll, user) end) end
    table.insert(poll.users, user)
    return finish(coroutine.yield())
end

local function settle(source, timeout, thread, id, ...)
    if id ~= nil or (...) ~= TIMEOUT or timeout and timeout <= 0 then return id, ... end
    return suspend(source, timeout, thread)
end

-- As source:getmsg: the id and the values of the next message, or nil and the reason. Without a timeout, in seconds, it
-- waits for as long as it takes. Who comes first is served first.
function luv.getmsg(source, timeout)
    local thread = running("getmsg")
    timeout = loop.check_timeout(timeout)
    if polls[source:id()] and not (timeout and timeout <= 0) then return suspend(source, timeout, thread) end
    return settle(source, timeout, thread, source:getmsg(0))
end

-- Calls back from the loop for each message, with what getmsg returns, and when the source has ended once more, with
-- nil and the reason. Returns a function that stops it. Until then it keeps the loop alive.
function luv.on(source, callback)
    local poll = poll_of(source)
    local user = { callback = callback }
    table.insert(poll.users, user)
    return function()
        user.callback = function() end
        remove(poll, user)
        if #poll.users == 0 then close(poll) end
    end
end

-- ------------------------------------------------------------------------------------------------ sending

-- As buffer:putmsg: true, or nil and the reason. While there is no room it suspends the running coroutine and looks
-- again, first after 1 ms, then less often.
function luv.putmsg(buffer, ...)
    local thread = running("putmsg")
    local added, reason = loop.put(buffer, ...)
    local nap = loop.first_nap
    while added == false do
        local timer
        timer = after(nap, function()
            timer:close()
            local failure = resume(thread)
            if failure then error(failure, 0) end
        end)
        coroutine.yield()
        nap = math.min(2 * nap, loop.longest_nap)
        added, reason = loop.put(buffer, ...)
    end
    if added then return true end
    return nil, reason
end

return luv
