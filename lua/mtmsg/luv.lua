-- Messages in the event loop of luv, which is Neovim's, too: receiving suspends a coroutine, or calls back, and the
-- loop goes on meanwhile. It owns one poll handle for each source that somebody waits for; messages, and how long they
-- stay, are the business of the source.
local mtmsg = require "mtmsg"
local loop = require "mtmsg.loop"
local editor = rawget(_G, "vim")
local uv = type(editor) == "table" and (editor.uv or editor.loop) or package.loaded.luv

-- luv calls back in the coroutine that has loaded it, and nothing would arrive in that one.
local LOADED_INSIDE = 'mtmsg.luv: luv must not be loaded by a coroutine: require "luv" before, in the main program'
local loading, is_main = coroutine.running()
if not uv and loading and not is_main then
    package.loaded[(...)] = nil -- where Lua 5.1 remembers the attempt
    error(LOADED_INSIDE, 0)
end
uv = uv or require "luv"

local TIMEOUT = mtmsg.error.timeout
local AT_ONCE = 64 -- messages of one source, before the loop's other handles have their turn
local LONGEST = 2 ^ 30 -- seconds; who waits for longer needs no timer

local new_poll = package.config:sub(1, 1) == "\\" and uv.new_socket_poll or uv.new_poll

local luv = {}

-- Those who wait for an object, by its id: arrays of users, each with the number of its polls. A user is a coroutine
-- that waits for one message, or has a callback for each; the first of them gets the next message, whichever reference
-- object finds it.
local queues = {}

-- By reference object, as the descriptor is its own: { source, id, handle, queue, count }. count: how many of the queue
-- wait with this one, which is kept meanwhile.
local polls = {}

local function enter(poll, user)
    user.poll, user.waits = poll, true
    poll.count = poll.count + 1
    table.insert(poll.queue, user)
end

-- The poll handle may be needed again at once; so it is for the caller to close it, by close_unused.
local function leave(user)
    if not user.waits then return end
    local queue, i = user.poll.queue, 1
    while queue[i] ~= user do i = i + 1 end
    table.remove(queue, i)
    user.poll.count, user.waits = user.poll.count - 1, false
    if user.timer then user.timer:close() end
end

local function close(poll)
    polls[poll.source] = nil
    poll.queue.polls = poll.queue.polls - 1
    if poll.queue.polls == 0 then queues[poll.id] = nil end
    poll.handle:close()
end

local function close_unused(poll)
    if poll.count == 0 and polls[poll.source] == poll then close(poll) end
end

-- Whether a message can be given to it: somebody else may have closed its coroutine. It runs only if luv has called
-- back in it.
local function is_there(user)
    local status = user.thread and coroutine.status(user.thread)
    if status == "running" then error(LOADED_INSIDE, 0) end
    return not status or status == "suspended"
end

local function first_of(queue)
    local user = queue[1]
    while user and not is_there(user) do
        leave(user)
        close_unused(user.poll)
        user = queue[1]
    end
    return user
end

local function resume(thread, ...)
    local ok, err = coroutine.resume(thread, ...)
    if not ok then return debug.traceback(thread, tostring(err)) end
end

-- One outcome of a protected getmsg, for a user. Returns whether there was any, and the error that ended its coroutine.
-- An error of a callback goes on from here, where everything is in order.
local function serve(user, ok, id, ...)
    if ok and id == nil and (...) == TIMEOUT then return false end
    if user.callback and ok and id ~= nil then
        local queue = user.poll.queue
        if queue[2] then table.insert(queue, table.remove(queue, 1)) end -- its next turn comes after the others'
        user.callback(id, ...)
        return true
    end
    leave(user)
    local failure = user.thread and resume(user.thread, ok, id, ...)
    close_unused(user.poll)
    if user.callback then
        if ok then user.callback(nil, ...) else user.callback(nil, id) end
    end
    return true, failure
end

local function on_readable(poll)
    local source = poll.source
    for _ = 1, AT_ONCE do
        local user = first_of(poll.queue)
        if not user or poll.count == 0 then return end -- who waits with other reference objects is told by these
        local found, failure = serve(user, pcall(source.getmsg, source, 0))
        if failure then error(failure, 0) end
        if not found then return end
    end
end

-- Each getmsg that waits there fails, and what calls back is told so.
local function on_failure(poll, why)
    local users, first = {}, nil
    close(poll)
    for _, user in ipairs(poll.queue) do
        if user.poll == poll then table.insert(users, user) end
    end
    for _, user in ipairs(users) do
        local there, failure = user.waits and is_there(user), nil
        if there then _, failure = serve(user, false, "mtmsg.luv: cannot poll: " .. tostring(why)) end
        leave(user)
        first = first or failure
    end
    if first then error(first, 0) end
end

-- Nothing is kept if it raises an error.
local function poll_of(source)
    if polls[source] then return polls[source] end
    local id = source:id()
    local poll = { id = id, source = source, count = 0, handle = assert(new_poll(source:pollfd())) }
    poll.handle:start("r", function(why)
        if why then on_failure(poll, why) else on_readable(poll) end
    end)
    poll.queue = queues[id] or { polls = 0 }
    poll.queue.polls = poll.queue.polls + 1
    polls[source], queues[id] = poll, poll.queue
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

-- In time is also what comes before the loop has come to the timer, unless others come first.
local function give_up(user)
    local source, failure = user.poll.source, nil
    local is_first = first_of(user.poll.queue) == user
    if not user.waits then return end
    leave(user)
    if is_first then
        failure = resume(user.thread, pcall(source.getmsg, source, 0))
    elseif is_there(user) then
        failure = resume(user.thread, true, nil, TIMEOUT)
    end
    close_unused(user.poll)
    if failure then error(failure, 0) end
end

local function finish(user, ok, ...)
    if user.waits then
        leave(user)
        close_unused(user.poll)
        error("mtmsg.luv: somebody else has resumed a coroutine that waits for a message", 0)
    end
    if not ok then error((...), 0) end
    return ...
end

local function suspend(source, timeout, thread)
    local poll, user = poll_of(source), { thread = thread }
    if timeout and timeout < LONGEST then user.timer = after(timeout, function() give_up(user) end) end
    enter(poll, user)
    return finish(user, coroutine.yield())
end

local function settle(source, timeout, thread, id, ...)
    if id ~= nil or (...) ~= TIMEOUT or timeout and timeout <= 0 then return id, ... end
    return suspend(source, timeout, thread)
end

-- As source:getmsg: the id and the values of the next message, or nil and the reason. Without a timeout, in seconds, it
-- waits for as long as it takes. Who comes first is served first.
function luv.getmsg(source, timeout)
    loop.check_source(source, "getmsg")
    local thread = running("getmsg")
    timeout = loop.check_timeout(timeout)
    if queues[source:id()] and not (timeout and timeout <= 0) then return suspend(source, timeout, thread) end
    return settle(source, timeout, thread, source:getmsg(0))
end

-- Calls back from the loop for each message, with what getmsg returns, and when the source has ended once more, with
-- nil and the reason. Returns a function that stops it. Until then it keeps the loop alive.
function luv.on(source, callback)
    loop.check_source(source, "on")
    loop.check_callback(callback, "on")
    local user = { callback = callback }
    enter(poll_of(source), user)
    return function()
        user.callback = function() end
        if not user.waits then return end
        leave(user)
        close_unused(user.poll)
    end
end

-- ------------------------------------------------------------------------------------------------ sending

local function sleep(seconds)
    local thread, timer = coroutine.running(), nil
    timer = after(seconds, function()
        timer:close()
        local failure = coroutine.status(thread) == "suspended" and resume(thread)
        if failure then error(failure, 0) end
    end)
    coroutine.yield()
    if not timer:is_closing() then timer:close() end -- somebody else has resumed it
end

-- As buffer:putmsg: true, or nil and the reason. While there is no room it suspends the running coroutine and looks
-- again, first after 1 ms, then less often.
function luv.putmsg(buffer, ...)
    loop.check_buffer(buffer, "putmsg")
    running("putmsg")
    return loop.putmsg(sleep, buffer, ...)
end

return luv
