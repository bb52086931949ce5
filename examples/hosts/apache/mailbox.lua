-- Requests that wait for what other requests bring (long polling), with mod_lua. Alone, requests know nothing of each
-- other: each has a Lua state of its own, for as long as it takes.
--
--     PORT=8080 DIR=/tmp apache2 -d "$PWD" -f examples/hosts/apache/apache.conf -DFOREGROUND
--     curl 127.0.0.1:8080/wait/anna                 gets the first text for anna, within 25 seconds
--     curl -d 'dinner is ready' 127.0.0.1:8080/tell/anna
--
-- A request that waits makes a buffer with the name, and waits in it; its thread serves nobody else meanwhile, so it
-- takes as many threads as requests may wait. When the request has ended, its state is closed, and the buffer gone.
require "apache2"
local mtmsg = require "mtmsg"

local LIMIT = 25 -- seconds

local function answer(r, status, text)
    r.status = status
    r.content_type = "text/plain"
    r:puts(text, "\n")
    return apache2.OK
end

local function name_in(r)
    return "mailbox " .. r.uri:match "[^/]*$"
end

function wait(r)
    local name = name_in(r)
    if pcall(mtmsg.buffer, name) then return answer(r, 409, "somebody else is waiting") end
    local text = mtmsg.newbuffer(name):nextmsg(LIMIT)
    return answer(r, text and 200 or 204, text or "")
end

function tell(r)
    local found, mailbox = pcall(mtmsg.buffer, name_in(r)) -- of two with this name it finds none
    if not found then return answer(r, 404, "nobody is waiting") end
    mailbox:addmsg(r:requestbody())
    return answer(r, 200, "told")
end
