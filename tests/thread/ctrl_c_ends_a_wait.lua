-- Ctrl-C in the stock interpreter ends a call that waits, with its error, and nothing was taken; one whose message
-- refers to what a hook could change goes on. Each case is a process of its own, which gets the signal when it waits:
-- from a thread by luv; or, where MTMSG_THREADS is none, from outside, so it runs on each Lua.

local child = require("child")
local tap   = require("tap")

-- Each waits for ever, or for long.
local cases = {
    ["buffer:nextmsg()"] = function(_, buffer) return buffer:nextmsg() end,
    ["buffer:nextmsg(1000)"] = function(_, buffer) return buffer:nextmsg(1000) end,
    ["buffer:getmsg()"] = function(_, buffer) return buffer:getmsg() end,
    ["buffer:peekmsg()"] = function(_, buffer) return buffer:peekmsg() end,
    ["buffer:messages()"] = function(_, buffer) for _ in buffer:messages() do end end,
    ["listener:nextmsg()"] = function(_, buffer, listener) return listener:nextmsg() end,
    ["listener:getmsg(1000)"] = function(_, buffer, listener) return listener:getmsg(1000) end,
    ["reader:nextmsg(buffer)"] = function(mtmsg, buffer) return mtmsg.newreader():nextmsg(buffer) end,
    ["reader:getmsg(listener)"] = function(mtmsg, _, listener) return mtmsg.newreader():getmsg(listener) end,
    ["mtmsg.select(nil, buffer)"] = function(mtmsg, buffer) return mtmsg.select(nil, mtmsg.newbuffer(), buffer) end,
    ["buffer:putmsg()"] = function(mtmsg, buffer)
        local full = mtmsg.newbuffer{ limit = 1 }
        full:addmsg("one")
        buffer:addmsg("sleeping")
        local ok, err = pcall(full.putmsg, full, "another")
        assert(not ok and full:msgcnt() == 1 and full:info().senders == 0)
        error(err, 0)
    end,
    ["topic:putmsg()"] = function(mtmsg, buffer)
        local topic = mtmsg.newtopic()
        local full, free = topic:subscribe{ limit = 1 }, topic:subscribe()
        topic:addmsg(1)
        buffer:addmsg("sleeping")
        local ok, err = pcall(topic.putmsg, topic, 2)
        assert(not ok and full:msgcnt() == 1 and free:msgcnt() == 2)
        return error(err, 0)
    end,
    ["mtmsg.sleep(1000)"] = function(mtmsg, buffer)
        buffer:addmsg("sleeping")
        return mtmsg.sleep(1000)
    end,
}

-- In a thread of that process: sends the signal when somebody waits, and a message when that is over.
local function interrupt(buffer_id, listener_id, over_id)
    local mtmsg = require("mtmsg")
    local luv = require("luv")
    local buffer, listener, over = mtmsg.buffer(buffer_id), mtmsg.listener(listener_id), mtmsg.buffer(over_id)
    repeat
        local waits = buffer:info().receivers + listener:info().receivers
        if buffer:nextmsg(0) == "sleeping" then waits = 1 end
    until waits > 0
    mtmsg.sleep(0.05) -- likelier that it is asleep; else it looks by itself
    luv.kill(luv.os_getpid(), "sigint")
    over:nextmsg()
    buffer:addmsg("precious")
end

-- Each puts a long message into a buffer that is full.
local going_on = {
    ["buffer:putmsg(long)"] = function(mtmsg, long)
        local full = mtmsg.newbuffer{ limit = 1 }
        return full, full, long
    end,
    -- story: a hook could change what the message of a topic's putmsg referred to
    ["topic:putmsg(long)"] = function(mtmsg, long)
        local topic = mtmsg.newtopic()
        return topic, topic:subscribe{ limit = 1 }, long
    end,
}

-- In a thread of that process: sends the signal when somebody waits for room, and makes room later.
local function interrupt_sender(full_id)
    local mtmsg = require("mtmsg")
    local luv = require("luv")
    local full = mtmsg.buffer(full_id)
    repeat until full:info().senders > 0
    mtmsg.sleep(0.05) -- likelier that it is asleep
    luv.kill(luv.os_getpid(), "sigint")
    mtmsg.sleep(0.05) -- likelier that it has been asked
    full:nextmsg(0)
end

if going_on[arg[1]] then
    local mtmsg, luv = require("mtmsg"), require("luv")
    local to, full, long = going_on[arg[1]](mtmsg, ("x"):rep(20000))
    to:addmsg("short")
    local thread = luv.new_thread(interrupt_sender, full:id())
    local ok, err = pcall(function()
        to:putmsg(long)
        for _ = 1, 1e6 do end -- the hook runs now at the latest
    end)
    print(ok, (tostring(err):gsub("^[^ ]*: ", "")))
    luv.thread_join(thread)
    print(full:nextmsg(0) == long)
    luv.run()
    return
end

if arg[2] == "from outside" then
    local mtmsg = require("mtmsg")
    local listener = mtmsg.newlistener()
    local buffer = listener:newbuffer()
    io.stderr:write("ready\n")
    local ok, err = pcall(cases[arg[1]], mtmsg, buffer, listener)
    print(ok, (tostring(err):gsub("^mtmsg:%d+: ", "")))
    buffer:clear()
    buffer:addmsg("precious")
    print(buffer:nextmsg())
    print(buffer:info().receivers, listener:info().receivers)
    return
end

if arg[1] then
    local mtmsg, luv = require("mtmsg"), require("luv")
    local listener, over = mtmsg.newlistener(), mtmsg.newbuffer()
    local buffer = listener:newbuffer()
    local thread = luv.new_thread(interrupt, buffer:id(), listener:id(), over:id())
    local ok, err = pcall(cases[arg[1]], mtmsg, buffer, listener)
    print(ok, (tostring(err):gsub("^mtmsg:%d+: ", "")))
    over:addmsg()
    print(buffer:nextmsg())
    print(buffer:info().receivers, listener:info().receivers)
    luv.thread_join(thread)
    luv.run()
    return
end

-- As child.run, with a signal some time after the process has said that it is ready. A shell has it ignored by what
-- runs in the background, until the interpreter sets its own handler.
local SIGNALLED = [[
    "$@" 2>"$0" &
    until grep -q ready "$0"; do sleep 0.05; done
    sleep 0.2
    kill -INT $!
    wait $!
    code=$?
    rm "$0"
    exit $code
]]

local function run_signalled(name)
    local words = { "tests/limit", child.limit, "sh", "-c", SIGNALLED, os.tmpname() }
    for _, word in ipairs { child.interpreter(), arg[0], name, "from outside" } do words[#words + 1] = word end
    for i, word in ipairs(words) do words[i] = child.quote(word) end
    local output = child.background("{ " .. table.concat(words, " ") .. "; } 2>&1; echo exit code $?")()
    local printed, code = output:match("^(.*)exit code (%d+)%s*$")
    return tonumber(code), printed
end

local from_outside = os.getenv("MTMSG_THREADS") == "none"
local run = from_outside and run_signalled or child.run
if from_outside then going_on = {} end -- there another thread makes room

local why_not = child.lacking
if not from_outside then
    why_not = not pcall(require, "luv") and "luv is not installed"
        or os.getenv("MTMSG_THREADS") ~= "luv" and "the process is that of the stock interpreter, with threads by luv"
        or why_not
end
for name in pairs(cases) do
    local text = "ended by Ctrl-C: " .. name
    if why_not then
        tap.skip(text, why_not)
    else
        tap.test(text, function()
            local code, printed = run(name)
            tap.is(printed, "false\tinterrupted!\nprecious\n0\t0\n")
            tap.is(code, 0)
        end)
    end
end
for name in pairs(going_on) do
    local text = "not ended by Ctrl-C: " .. name
    if why_not then
        tap.skip(text, why_not)
    else
        tap.test(text, function()
            local code, printed = child.run(name)
            tap.is(printed, "false\tinterrupted!\ntrue\n")
            tap.is(code, 0)
        end)
    end
end

tap.done()
