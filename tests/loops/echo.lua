-- The server of examples/echo: what clients send comes back, whole and in order, also from many at once, and what is
-- large; and a client that has sent all it wanted to gets the rest before the connection ends.

local tap = require "tap"
tap.needs "luv"
local uv = require "luv"
local lua = os.getenv "MTMSG_LUA" or os.getenv "lua" or "lua5.4" -- how one is started here

local server, pipe, port = nil, uv.new_pipe(false), nil
server = assert(uv.spawn("/bin/sh", { args = { "-c", "exec " .. lua .. " examples/echo/server.lua" },
    stdio = { nil, pipe, 2 } },
    function() server:close() end))
pipe:read_start(function(_, text)
    port = text and tonumber(text:match "port (%d+)")
    pipe:close()
end)
uv.run("once")
while not port do uv.run "once" end

-- Sends the texts, one after the other, and says that there is no more; returns a function that gives what came back.
local function talk(texts)
    local client, got, ended = uv.new_tcp(), {}, false
    client:connect("127.0.0.1", port, function(err)
        assert(not err, err)
        client:read_start(function(read_error, text)
            assert(not read_error, read_error)
            if text then
                got[#got + 1] = text
            else
                ended = true
                client:close()
            end
        end)
        for _, text in ipairs(texts) do client:write(text) end
        client:shutdown()
    end)
    return function()
        while not ended do uv.run "once" end
        return table.concat(got)
    end
end

tap.test("what was sent comes back, and then the connection ends", function()
    tap.is(talk { "hello\n" }(), "hello\n")
    tap.is(talk { "" }(), "")
end)

tap.test("what is large comes back in order", function()
    local texts = {}
    for i = 1, 2000 do texts[i] = ("%d %s\n"):format(i, ("x"):rep(i)) end
    tap.ok(talk(texts)() == table.concat(texts), "it is another text")
end)

tap.test("each of many clients at once gets its own", function()
    local answers, texts = {}, {}
    for i = 1, 50 do
        texts[i] = { ("client %d "):format(i), ("%d"):format(i):rep(1000), "\n" }
        answers[i] = talk(texts[i])
    end
    for i = 1, 50 do tap.is(answers[i](), table.concat(texts[i])) end
end)

server:kill "sigkill"
uv.run()
tap.done()
