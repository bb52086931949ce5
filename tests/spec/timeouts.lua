-- Waiting: every kind of timeout for buffers, listeners and readers, as far as one thread can see.

local spec  = require("spec")
local mtmsg = require("mtmsg")

local test, eq, ok, gives, list = spec.test, spec.eq, spec.ok, spec.gives, spec.list

local huge = math.huge

local function new_source(kind)
    if kind == "buffer" then
        local b = mtmsg.newbuffer()
        return b, b
    end
    local lst = mtmsg.newlistener()
    return lst, lst:newbuffer()
end

-- For each way to receive: body gets a function receive(timeout...) that returns the message's
-- values or nothing, the buffer that feeds it, and what receive's texts name.
local function for_each_way(name, body)
    for _, kind in ipairs{"buffer", "listener"} do
        test(kind .. ":nextmsg: " .. name, function()
            local source, b = new_source(kind)
            body(function(...) return source:nextmsg(...) end, b)
        end)
        test("reader:nextmsg of a " .. kind .. ": " .. name, function()
            local source, b = new_source(kind)
            local r = mtmsg.newreader()
            body(function(...)
                local got = r:nextmsg(source, ...)
                eq(type(got), "boolean")
                if got then
                    return r:next(-1)
                end
                gives(list(), r:next(-1))
            end, b)
        end)
    end
end

for_each_way("zero and less than zero do not wait", function(receive)
    for _, timeout in ipairs{0, 0.0, -1 / huge, -1e-300, -1, -3600, -1e300, -huge} do
        gives(list(), receive(timeout))
    end
end)

for_each_way("short timeouts end", function(receive)
    for _, timeout in ipairs{1e-300, 1e-12, 1e-9, 1e-6, 0.001} do
        gives(list(), receive(timeout))
    end
end)

for_each_way("a timeout lasts as long as it was told to", function(receive)
    local before = mtmsg.time()
    gives(list(), receive(0.03))
    ok(mtmsg.time() - before >= 0.029)
end)

for_each_way("a waiting message is returned whatever the timeout", function(receive, b)
    for _, timeout in ipairs{0, -1, -huge, 1e-9, 0.5, 1, 1e9, 1e10, 1e18, 1e19, 2^63, 1e300, huge} do
        b:addmsg("here", timeout)
        gives(list("here", timeout), receive(timeout))
        eq(b:msgcnt(), 0)
    end
    b:addmsg("none")
    gives(list("none"), receive())
    b:addmsg("nil")
    gives(list("nil"), receive(nil))
end)

for_each_way("not a number is no timeout, and takes nothing", function(receive, b)
    b:addmsg("kept")
    for _, timeout in ipairs{0/0, -(0/0)} do
        spec.error_of("receive(timeout)", {receive = receive, timeout = timeout})
        eq(b:msgcnt(), 1)
    end
    gives(list("kept"), receive(0))
end)

test("not a number is a bad argument", function()
    local b, lst = mtmsg.newbuffer(), mtmsg.newlistener()
    local env = {b = b, lst = lst, lb = lst:newbuffer(), r = mtmsg.newreader(), mtmsg = mtmsg}
    for _, nan in ipairs{"0/0", "-(0/0)"} do
        spec.bad_argument(1, "nextmsg", ("b:nextmsg(%s)"):format(nan), env)
        spec.bad_argument(1, "nextmsg", ("lst:nextmsg(%s)"):format(nan), env)
        spec.bad_argument(2, "nextmsg", ("r:nextmsg(b, %s)"):format(nan), env)
        spec.bad_argument(2, "nextmsg", ("r:nextmsg(lst, %s)"):format(nan), env)
        spec.bad_argument(1, "sleep", ("mtmsg.sleep(%s)"):format(nan), env)
    end
end)

spec.run()
