-- A TCP server in luv that gives its work to four threads: they get what clients send, and answer by messages. What one
-- client sends goes to one thread, so its answers stay in order. usage: lua examples/echo/server.lua [PORT]
local uv = require "luv"
local mtmsg = require "mtmsg"
local messages = require "mtmsg.luv"

-- Runs in a thread. No text: the client has sent all it wanted to.
local function work(jobs_id, answers_id)
    local mtmsg = require "mtmsg"
    local jobs, answers = mtmsg.buffer(jobs_id), mtmsg.buffer(answers_id)
    for _, client, text in jobs:messages() do answers:addmsg(client, text) end
end

local jobs, answers, clients, latest = {}, mtmsg.newbuffer(), {}, 0
for i = 1, 4 do
    jobs[i] = mtmsg.newbuffer()
    uv.new_thread(string.dump(work), jobs[i]:id(), answers:id())
end

messages.on(answers, function(_, number, text)
    local client = clients[number]
    if text then return client:write(text) end
    clients[number] = nil
    client:shutdown(function() client:close() end)
end)

local server = uv.new_tcp()
assert(server:bind("127.0.0.1", tonumber((...)) or 0))
server:listen(128, function()
    local client, number = uv.new_tcp(), latest + 1
    latest, clients[number] = number, client
    server:accept(client)
    client:read_start(function(_, text) jobs[number % 4 + 1]:addmsg(number, text) end)
end)
print("port " .. server:getsockname().port)
io.stdout:flush()
uv.run()
