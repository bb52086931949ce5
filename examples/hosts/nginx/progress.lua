-- A long job of nginx that tells how far it is while it runs, and that ends when nobody waits for it any more. Alone,
-- a thread of nginx's pool (ngx.run_worker_thread) gives back one result at its end, and cannot be stopped.
--
--     mkdir /tmp/web && nginx -p /tmp/web -c "$PWD/examples/hosts/nginx/nginx.conf"
--     curl -N '127.0.0.1:8080/words?file=/usr/share/dict/words'
--
-- All Lua code of a server process runs in one thread, in turns; so it must never wait for a message, but look for one
-- with a timeout of 0, and let ngx.sleep give the turn to others meanwhile. The job has a thread and a state of its
-- own, and may do what it likes. Closing the buffer ends it: the next message that it adds meets an error.
local mtmsg = require "mtmsg"

local progress = {}

-- ------------------------------------------------------------------------------------------------ the server's thread
function progress.words(file)
    local messages = mtmsg.newbuffer()
    local job = ngx.thread.spawn(function()
        return ngx.run_worker_thread("jobs", "progress", "count", messages:id(), file)
    end)
    ngx.on_abort(function() messages:close() end) -- the client has gone
    ngx.header.content_type = "text/plain"
    local what, value
    repeat
        what, value = messages:nextmsg(0)
        if what then
            ngx.say(what, " ", value)
            ngx.flush(true)
        else
            ngx.sleep(0.02)
        end
    until what == "words" or what == "failed"
    ngx.thread.wait(job)
end

-- ------------------------------------------------------------------------------------------------ the job's thread
local PART = 1024 * 1024

local function count(messages, path)
    local file = assert(io.open(path, "rb"))
    local size = file:seek "end"
    file:seek "set"
    local words, done, rest = 0, 0, ""
    for part in function() return file:read(PART) end do
        local text = rest .. part
        local whole = text:match "^(.*%s)" or ""
        rest = text:sub(#whole + 1)
        for _ in whole:gmatch "%S+" do words = words + 1 end
        done = done + #part
        messages:addmsg("percent", math.floor(100 * done / size))
    end
    file:close()
    return words + (rest ~= "" and 1 or 0)
end

function progress.count(id, path)
    local messages = mtmsg.buffer(id)
    local ok, result = pcall(count, messages, path)
    pcall(messages.addmsg, messages, ok and "words" or "failed", result) -- nobody may be there any more
end

return progress
