-- One list of blocked addresses and one count of requests for all threads of haproxy, in Lua. With lua-load-per-thread
-- each thread has a Lua state of its own, so that threads don't wait for each other; alone, such states know nothing of
-- each other.
--
--     PORT=8080 ADMIN=8081 haproxy -f examples/hosts/haproxy/haproxy.cfg
--     curl 127.0.0.1:8081/block/10.1.2.3/60     blocks an address for a minute, in all threads
--     curl 127.0.0.1:8081/counts                what all threads have seen
--
-- Whoever asks for what only an intruder asks for is blocked, too (lua.trap). An address becomes known to the other
-- threads by a message to each; a thread looks for messages before it decides. The counts are a message: a thread that
-- finds it adds its own and puts it back, and if another thread has it at this moment, does so at its next request.
-- Nothing here ever waits: haproxy's threads each serve many connections.
local mtmsg = require "mtmsg"

local BLOCKED_FOR = 600 -- seconds, of those who were trapped
local NEVER_WAIT = 0

local news = mtmsg.newbuffer("haproxy news " .. core.thread) -- address, until when
local counts -- one message: requests, denied
if core.thread == 1 then
    counts = mtmsg.newbuffer "haproxy counts" -- threads load one after the other
    counts:addmsg(0, 0)
else
    counts = mtmsg.buffer "haproxy counts"
end

local blocked = {} -- address: until when
local inboxes -- of all threads
local requests, denied = 0, 0 -- of this thread, not counted in the message yet

local function tell_all(address, until_when)
    if not inboxes then
        inboxes = {}
        repeat
            local found, inbox = pcall(mtmsg.buffer, "haproxy news " .. #inboxes + 1)
            if found then inboxes[#inboxes + 1] = inbox end
        until not found
    end
    for _, inbox in ipairs(inboxes) do inbox:addmsg(address, until_when) end
end

local function read_news()
    while news:msgcnt() > 0 do
        local address, until_when = news:nextmsg(NEVER_WAIT)
        if not address then return end -- somebody is adding right now
        blocked[address] = until_when
    end
end

-- Returns the counts of all threads, or nothing if another thread has the message at this moment.
local function count()
    local all_requests, all_denied = counts:nextmsg(NEVER_WAIT)
    if not all_requests then return end
    all_requests, all_denied = all_requests + requests, all_denied + denied
    requests, denied = 0, 0
    counts:addmsg(all_requests, all_denied)
    return all_requests, all_denied
end

core.register_action("trap", { "http-req" }, function(txn)
    tell_all(txn.f:src(), mtmsg.time() + BLOCKED_FOR)
end)

core.register_action("check", { "http-req" }, function(txn)
    read_news()
    local address = txn.f:src()
    local is_blocked = (blocked[address] or 0) > mtmsg.time()
    if not is_blocked then blocked[address] = nil end
    requests, denied = requests + 1, denied + (is_blocked and 1 or 0)
    txn:set_var("txn.blocked", is_blocked)
    count()
end)

local function answer(applet, status, text)
    applet:set_status(status)
    applet:add_header("content-length", #text)
    applet:add_header("content-type", "text/plain")
    applet:start_response()
    applet:send(text)
end

core.register_service("firewall", "http", function(applet)
    local address, seconds = applet.path:match "^/block/([%x.:]+)/(%d+)$"
    if address then
        tell_all(address, mtmsg.time() + tonumber(seconds))
        return answer(applet, 200, ("%s is blocked for %d s\n"):format(address, seconds))
    elseif applet.path ~= "/counts" then
        return answer(applet, 404, "/block/ADDRESS/SECONDS, /counts\n")
    end
    local all_requests, all_denied = count()
    while not all_requests do
        core.msleep(1) -- this connection pauses, its thread does not
        all_requests, all_denied = count()
    end
    answer(applet, 200, ("%d requests, %d denied\n"):format(all_requests, all_denied))
end)
