-- Asks a server on the loopback for a page by HTTP and prints the answer: its status, and what came, as it comes.
--
-- usage: lua fetch.lua PORT PATH [BODY]
local luv = require "luv"
local port, path, body = tonumber(arg[1]), arg[2], arg[3]

local client, answer, failed = luv.new_tcp(), "", nil

local function finish(err)
    failed = failed or err
    if not client:is_closing() then client:close() end
end

client:connect("127.0.0.1", port, function(err)
    if err then return finish(err) end
    client:write(("%s %s HTTP/1.0\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s"):format(body and "POST" or "GET",
        path, #(body or ""), body or ""))
    client:read_start(function(read_error, chunk)
        if not chunk then return finish(read_error) end
        answer = answer .. chunk
    end)
end)
luv.run()

local status, text = answer:match("^HTTP/%S+ (%d+).-\r\n\r\n(.*)$")
if not status then
    io.stderr:write("fetch: ", failed or "no answer", "\n")
    os.exit(1)
end
print(status)
io.write(text)
