-- A small HTTP server on the loopback for the tests of hosts, on luv: it prints its port and serves for a minute at
-- most. /flaky answers every tenth request with 503; it reads no bodies.
local luv = require "luv"

local server, count = luv.new_tcp(), 0
assert(server:bind("127.0.0.1", 0))

local function answer(path)
    count = count + 1
    local status = path:find("^/flaky") and count % 10 == 0 and "503 Service Unavailable" or "200 OK"
    local body = path .. "\n"
    return ("HTTP/1.1 %s\r\nContent-Length: %d\r\nContent-Type: text/plain\r\n\r\n%s"):format(status, #body, body)
end

assert(server:listen(128, function()
    local client, text, closes = luv.new_tcp(), "", false
    server:accept(client)
    client:read_start(function(_, chunk)
        if not chunk then return client:is_closing() or client:close() end
        text = text .. chunk
        closes = chunk:find("HTTP/1.0", 1, true) ~= nil
        while true do
            local path, rest = text:match("^%u+ (%S+) .-\r\n\r\n()")
            if not path then return end
            text = text:sub(rest)
            client:write(answer(path))
            if text == "" and closes then return client:close() end
        end
    end)
end))

print(server:getsockname().port)
io.stdout:flush()

local limit = luv.new_timer()
limit:start(60000, 0, luv.stop)
luv.run()
os.exit(0)
