-- Starts programs that have Lua in them, as a user would, for the tests in tests/hosts: everything on the loopback, in
-- a directory that disappears, and ended after a minute at most. It does not judge what they print.
local tap = require "tap"

local hosts = {}

local LIMIT = 60 -- seconds by the clock, for all that one script starts
local B = os.getenv "B" or "build"
local LUA = os.getenv "lua" or "lua5.4"

local PATH = "PATH=$PATH:/usr/sbin; "

local function output_of(command)
    local pipe = assert(io.popen(command .. " 2>&1; echo exit code $?"))
    local printed, code = pipe:read("*a"):match("^(.*)exit code (%d+)%s*$")
    pipe:close()
    return printed, tonumber(code)
end

local function is_there(path)
    local file = io.open(path)
    if file then file:close() end
    return file ~= nil
end

-- Skips the whole test where the program, its part in the file, if one is named, or the module for its Lua is not
-- there; the helpers here need luv.
function hosts.needs(program, lua, part)
    if select(2, output_of(PATH .. "command -v " .. program)) ~= 0 then tap.skip_all(program .. " is not installed") end
    if part and not is_there(part) then tap.skip_all(("%s has no %s"):format(program, part:match "[^/]*$")) end
    if not is_there(("%s/%s/mtmsg.so"):format(B, lua)) then tap.skip_all("the module is not built for " .. lua) end
    tap.needs "luv"
    hosts.lua = lua
end

-- What the shell script may use besides: $work, a directory of its own; `start COMMAND…`, which starts it beside the
-- script and ends it with it; `serve`, the little server, whose port is $port then; `free_port`; `fetch PORT PATH
-- [BODY]`, which prints the answer's status and text; `until_up PORT`.
local PRELUDE = [[
set -u
work=$(mktemp -d)
started=
trap 'kill $started 2>/dev/null; wait; rm -rf "$work"' EXIT
start() { "$@" & started="$started $!"; }
fetch() { $LUA tests/hosts/lib/fetch.lua "$@"; }
free_port() { $LUA -e 'local t = require "luv".new_tcp() t:bind("127.0.0.1", 0) print(t:getsockname().port)'; }
until_up() { until fetch "$1" / >/dev/null 2>&1; do sleep 0.05; done; }
serve() {
    $LUA tests/hosts/lib/server.lua >"$work/port" & started="$started $!"
    until [ -s "$work/port" ]; do sleep 0.05; done
    port=$(cat "$work/port")
}
]]

-- Runs a shell script in which the host finds the module. Returns what it printed, errors included, and its exit code.
function hosts.run(script)
    local path = os.tmpname()
    local file = assert(io.open(path, "w"))
    file:write(PRELUDE, script)
    file:close()
    local command = PATH .. "LUA_CPATH=\"$PWD/%s/%s/?.so;;\" LUA=%s timeout -k 5 %d sh %s"
    local printed, code = output_of(command:format(B, hosts.lua, LUA, LIMIT, path))
    os.remove(path)
    return printed, code
end

-- The script ends well, and what it prints satisfies the check, which gets it; else it is shown.
function hosts.test(name, script, check)
    tap.test(name, function()
        local printed, code = hosts.run(script)
        local ok, err = pcall(function()
            tap.is(code, 0, "exit code")
            check(printed)
        end)
        if not ok then error(tostring(err) .. "\n" .. printed, 0) end
    end)
end

return hosts
