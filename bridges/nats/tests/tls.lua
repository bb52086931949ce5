-- TLS with a certificate that is made for the test, and who is not let in.

package.path = "bridges/nats/tests/lib/?.lua;tests/lib/?.lua;" .. package.path
local server = require "server"
server.skip_without()
local mtmsg = require "mtmsg"
local nats = require "mtmsg.nats"
local tap = require "tap"

local dir = server.output "mktemp -d"
local made = os.execute(("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext " ..
    "subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout %s/key.pem -out %s/cert.pem >/dev/null 2>&1"):format(dir, dir))
if made ~= true and made ~= 0 then
    tap.skip_all "openssl can't make a certificate here"
end

local function refused(text, options)
    local ok, err = pcall(nats.connect, options)
    tap.ok(not ok, "it was let in")
    tap.ok(tostring(err):find(text), tostring(err))
end

server.with({conf = ('tls { cert_file: "%s/cert.pem", key_file: "%s/key.pem" }\nauthorization { token: "secret" }')
    :format(dir, dir)}, function(s)
    tap.test("messages go through TLS, with the certificate checked", function()
        local conn = nats.connect{url = s.url, tls = true, ca = dir .. "/cert.pem", token = "secret",
                                  hostname = "localhost"}
        local out, come = mtmsg.newbuffer(), mtmsg.newbuffer()
        conn:import("subject", come)
        conn:export(out, "subject")
        for i = 1, 1000 do out:addmsg(i, ("x"):rep(i)) end
        for i = 1, 1000 do
            local number, text = come:nextmsg(30)
            tap.is(number, i)
            tap.is(#text, i)
        end
        conn:close()
    end)

    tap.test("a certificate that nobody vouches for, or for another host, is refused", function()
        refused("SSL", {url = s.url, tls = true, token = "secret", timeout = 5})
        refused("SSL", {url = s.url, tls = true, ca = dir .. "/cert.pem", hostname = "elsewhere", token = "secret"})
        nats.connect({url = s.url, tls = true, insecure = true, token = "secret"}):close()
    end)

    tap.test("who has the wrong token, or no TLS, is not let in", function()
        refused("Authorization", {url = s.url, tls = true, ca = dir .. "/cert.pem", hostname = "localhost",
                                  token = "wrong"})
        refused("SSL", {url = s.url, token = "secret"}) -- the server asks for it
        refused("cannot connect", {url = s.url, tls = true, ca = dir .. "/none.pem"})
    end)
end)

os.execute("rm -rf " .. dir)
tap.done()
