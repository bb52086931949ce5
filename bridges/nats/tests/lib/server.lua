-- A nats-server of one's own on the loopback: started, killed, started again at its port, and ended whatever becomes
-- of the test. It expects the program to be installed; programs that don't find it skip themselves.

local child = require "child"
local mtmsg = require "mtmsg"
local tap = require "tap"

local quote = child.quote
local server = {}
server.__index = server

local function read(path)
    local f = io.open(path)
    local text = f and f:read "*a"
    if f then f:close() end
    return text
end

-- What a shell command prints, without its last line's end.
function server.output(command)
    local f = assert(io.popen(command))
    local text = f:read "*a"
    f:close()
    return (text:gsub("\n$", ""))
end

server.program = server.output "PATH=$PATH:/usr/sbin command -v nats-server"

function server.skip_without()
    if server.program == "" or not pcall(require, "mtmsg.nats") then
        tap.skip_all((server.program == "" and "nats-server" or "mtmsg.nats") .. " is not there")
    end
end

-- Waits until f() gives something, and gives that; raises if it takes longer than anything does here.
function server.await(what, f, ...)
    for _ = 1, 6000 do
        local result = f(...)
        if result then return result end
        mtmsg.sleep(0.01)
    end
    error("waited in vain for: " .. what, 2)
end

-- options: jetstream = true; conf = text of its configuration
function server.start(options)
    local dir = server.output "mktemp -d"
    local self = setmetatable({dir = dir, options = options or {}, port = -1}, server)
    self:configure(self.options.conf or "")
    self:run()
    return self
end

-- For the next time that it is run.
function server:configure(text)
    local f = assert(io.open(self.dir .. "/conf", "w"))
    f:write(text)
    f:close()
end

-- The shell ends the server when its input ends: with the pipe, so with this process, however that ends.
function server:run()
    assert(not self.pipe)
    os.remove(self.dir .. "/pid")
    local command = ("%s -c %s -a 127.0.0.1 -p %d -m -1 --ports_file_dir %s -l %s"):format(server.program,
        quote(self.dir .. "/conf"), self.port, quote(self.dir), quote(self.dir .. "/log"))
    if self.options.jetstream then command = command .. " -js -sd " .. quote(self.dir .. "/store") end
    os.execute("rm -f " .. quote(self.dir) .. "/*.ports")
    local watch = "{ %s >/dev/null 2>&1 & }; pid=$!; echo $pid >%s; cat >/dev/null; kill -9 $pid 2>/dev/null"
    self.pipe = assert(io.popen(watch:format(command, quote(self.dir .. "/pid")), "w"))
    self.pid = server.await("the server's process", function()
        return (read(self.dir .. "/pid") or ""):match "%d+"
    end)
    local address = server.await("the server's port", function()
        local ports = server.output("cat " .. quote(self.dir) .. "/*.ports 2>/dev/null")
        self.monitor = ports:match '"monitoring":%s*%[%s*"%w+://[^"]+:(%d+)"'
        return self.monitor and ports:match '"nats":%s*%[%s*"%w+://([^"]+)"'
    end)
    self.port = tonumber(address:match ":(%d+)$")
    self.url = ("nats://127.0.0.1:%d"):format(self.port)
end

-- How many subscriptions it has, by the page that it serves for monitoring.
function server:subscriptions()
    local ask = "printf \"GET /subsz HTTP/1.0\\r\\n\\r\\n\" >&3; cat <&3"
    local text = server.output(("timeout 10 bash -c 'exec 3<>/dev/tcp/127.0.0.1/%d; %s' 2>/dev/null"):format(
        self.monitor, ask))
    return tonumber(text:match '"num_subscriptions":%s*(%d+)')
end

-- As any program might that speaks the server's protocol.
function server:publish(subject, bytes, reply)
    local text = bytes:gsub(".", function(c) return ("\\%03o"):format(c:byte()) end)
    local lines = ("CONNECT {\"verbose\":false}\\r\\nPUB %s %s %d\\r\\n%s\\r\\nPING\\r\\n"):format(
        subject, reply or "", #bytes, text)
    local answer = server.output(("printf '%s' | timeout 10 bash -c " ..
        "'exec 3<>/dev/tcp/127.0.0.1/%d; cat >&3; grep -m1 PONG <&3'"):format(lines:gsub("%%", "%%%%"), self.port))
    assert(answer:find "PONG", answer)
end

function server:signal(name) os.execute(("kill -%s %s"):format(name, self.pid)) end

-- As a crash would.
function server:kill()
    self:signal "KILL"
    self.pipe:close()
    self.pipe = nil
end

function server:stop()
    if self.pipe then self:kill() end
    os.execute("rm -rf " .. quote(self.dir))
end

-- Runs f with a server, and stops it however f ends.
function server.with(options, f)
    local s = server.start(options)
    local ok, err = xpcall(function() return f(s) end, debug.traceback)
    s:stop()
    if not ok then error(err, 0) end
end

return server
