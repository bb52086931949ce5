-- The monitor in a terminal, which `script` provides: it draws one table over the other, in which the jam can be seen,
-- and ends with its program. Without a terminal it prints one table after the other.

local child = require("child")
local tap   = require("tap")

local ESCAPE = "\27%["

local function output(command)
    local pipe = assert(io.popen(command .. " 2>&1"))
    local text = pipe:read("*a")
    pipe:close()
    return text
end

local lua = child.command()
local ok, err = pcall(require, "luv")
local why_not = not ok and "luv cannot be used: " .. tostring(err):match("[^\n]*") or child.lacking
local has_script = not why_not and output("command -v script") ~= ""

local function test(name, reason, body)
    if reason then tap.skip(name, reason) else tap.test(name, body) end
end

-- The rows of its buffers, during the jam and after it. How many wait for room depends on the moment.
local function shows_the_jam(text)
    tap.ok(text:find("jobs +50 +%d+ +%d+ +0 +[^\n]*full"), text)
    tap.ok(text:find("results +%d+ +%d+ +%d+ +0 +"), text)
    tap.ok(text:find("jobs +%d+ +%d+ +%d+ +0 +[^\n]*finished"), text)
end

test("in a terminal each table takes the place of the one before", why_not
    or not has_script and "script is not installed", function()
    local text = output(("script -qec \"%s examples/monitor.lua\" /dev/null"):format(lua))
    local tables = select(2, text:gsub(ESCAPE .. "H", ""))
    tap.ok(tables >= 2, "tables: " .. tables)
    tap.is(select(2, text:gsub(ESCAPE .. "J", "")), tables)
    local screen = text:gsub("\r", ""):gsub(ESCAPE .. "%a", "")
    shows_the_jam(screen)
end)

test("without one they follow each other", why_not, function()
    local text = output(lua .. " examples/monitor.lua")
    tap.is(text:find(ESCAPE), nil)
    tap.is(text:find("^kind +name or id +queued"), 1)
    shows_the_jam(text)
end)

local function output_beside(program)
    local name = os.tmpname()
    local file = assert(io.open(name, "w"))
    file:write(program)
    file:close()
    local text = output(("%s examples/monitor.lua %s first"):format(lua, name))
    os.remove(name)
    return text
end

-- All wait before the program ends, after which comes the last table; and until the loop runs, which is after that.
test("it shows who waits", why_not, function()
    local text = output_beside([[
        local luv, mtmsg = require "luv", require "mtmsg"
        jobs, results = mtmsg.newbuffer{ name = "jobs", limit = 50 }, mtmsg.newbuffer("results") -- stay until the end
        local function make(id) require "mtmsg".buffer(id):putmsg("a job") end
        local function take(id) require "mtmsg".buffer(id):getmsg() end
        while jobs:addmsg("a job") do end
        local threads = { luv.new_thread(string.dump(take), results:id()) }
        for i = 2, 3 do threads[i] = luv.new_thread(string.dump(make), jobs:id()) end
        while jobs:info().senders < 2 or results:info().receivers < 1 do mtmsg.sleep(0.001) end
        local timer = luv.new_timer()
        timer:start(0, 0, function()
            timer:close()
            jobs:close()
            results:close()
            for i = 1, 3 do threads[i]:join() end
        end)]])
    tap.ok(text:find("jobs +50 +%d+ +0 +0 +2 send, full\n"), text)
    tap.ok(text:find("results +0 +0 +0 +0 +1 receive\n"), text)
end)

test("a program runs beside it", why_not, function()
    local text = output_beside([[
        local mtmsg = require "mtmsg"
        local inbox = mtmsg.newbuffer("the inbox")
        for i = 1, 7 do inbox:addmsg(i) end
        local busy = mtmsg.newbuffer()
        assert(arg[1] == "first" and arg[2] == nil)
        repeat until inbox:info().messages == 7
        busy:nextmsg(0.5)
        error("its own end", 0)]])
    tap.ok(text:find("buffer +the inbox +7 "), text)
    tap.contains(text, "its own end")
end)

tap.done()
