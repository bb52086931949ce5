-- Request and reply: a server thread takes requests from a buffer that it publishes under a name. A client makes a
-- buffer for its replies and sends the id along, so the server needs to know nothing about its clients.
local luv = require "luv"
local mtmsg = require "mtmsg"

local function server(ready_id)
    local mtmsg = require "mtmsg"
    local requests = mtmsg.newbuffer("upper case service")
    mtmsg.buffer(ready_id):addmsg("ready") -- from now on the name is found
    local ok, err = pcall(function()
        while true do
            local reply_to, text = requests:nextmsg()
            if reply_to == "quit" then break end
            -- A client may have given up: then its buffer is gone, or closed, and nobody misses the reply.
            pcall(function() mtmsg.buffer(reply_to):addmsg(text:upper()) end)
        end
    end)
    if not ok then io.stderr:write(err, "\n") end
end

local function client(number, done_id)
    local mtmsg = require "mtmsg"
    local done = mtmsg.buffer(done_id)
    local ok, err = pcall(function()
        local requests = mtmsg.buffer("upper case service")
        local replies = mtmsg.newbuffer()
        for i = 1, 50 do
            local text = ("request %d of client %d"):format(i, number)
            requests:addmsg(replies:id(), text)
            local reply = replies:nextmsg(30)
            assert(reply == text:upper(), "not the reply to this request: " .. tostring(reply))
        end
    end)
    done:addmsg(ok, err)
end

local ready, done = mtmsg.newbuffer(), mtmsg.newbuffer()
local server_thread = luv.new_thread(string.dump(server), ready:id())
assert(ready:nextmsg(30) == "ready")

-- A request without anybody waiting for the reply does no harm.
local requests = mtmsg.buffer("upper case service")
local gone = mtmsg.newbuffer()
requests:addmsg(gone:id(), "nobody waits for this")
gone:close()

local clients = {}
for number = 1, 3 do
    clients[number] = luv.new_thread(string.dump(client), number, done:id())
end
for _ = 1, #clients do
    local ok, err = done:nextmsg(60)
    assert(ok, err or "a client did not finish in time")
end

requests:addmsg("quit")
for _, thread in ipairs(clients) do
    thread:join()
end
server_thread:join()
print("150 requests answered")
luv.run() -- the luv of Debian 13 crashes at the end of a program that had threads, unless its loop has run
