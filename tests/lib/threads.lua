-- Runs Lua functions in threads with Lua states of their own, over luv, cqueues or the test host, as the
-- environment variable MTMSG_THREADS says; without it, over the first of host, luv, cqueues that is there.
-- It hides how these libraries differ. It does not say how threads talk to each other.

local threads = {}

-- Seconds that a test waits for what must come: for ever. A slow machine is no failure, and what hangs is ended by who
-- runs the test (tests/limit).
threads.limit = 1e6

-- Each starts code (text or dump) with simple values in a new thread and returns a function that waits until the
-- thread has ended and its state is closed, and raises if the thread did.
local libraries = {}

function libraries.host(host, code, ...)
    local thread = host.thread(code, ...)
    return function()
        local ok, text = thread:join()
        if not ok then error(text, 0) end
    end
end

-- An error inside a luv thread ends the whole process with exit status 255.
function libraries.luv(luv, code, ...)
    local thread = luv.new_thread(code, ...)
    return function() luv.thread_join(thread) end
end

function libraries.cqueues(_, code, ...)
    local thread, socket = require("cqueues.thread").start(function(_, text, ...)
        return assert((loadstring or load)(text))(...)
    end, code, ...)
    return function()
        local ok, err = thread:join()
        if not ok then ok, err = thread:join() end -- it calls a thread that ends right now a dead one
        socket:close()
        if not ok or err then error(tostring(err), 0) end
    end
end

local function choose()
    local wanted = os.getenv("MTMSG_THREADS")
    for _, name in ipairs(wanted and { wanted } or { "host", "luv", "cqueues" }) do
        if not libraries[name] then
            error("MTMSG_THREADS is " .. name .. ", but luv, cqueues and host are known only")
        end
        local ok, library = pcall(require, name)
        if ok then return name, library end
        if wanted then error(library) end
    end
    error("there is no thread library: neither luv nor cqueues, and this is not the test host")
end

local library
threads.library, library = choose()

-- What a new state can run: a text is code already, and a function must need nothing of the state that it is from.
local function code_of(body)
    if type(body) == "string" then return body end
    local i = 1
    while true do
        local name = debug.getupvalue(body, i)
        if not name then break end
        if name ~= "_ENV" then error("a thread's function cannot use the outer local " .. name, 3) end
        i = i + 1
    end
    return string.dump(body)
end

-- Starts body in a thread, without any use of mtmsg. The arguments are simple values, and integers may arrive as
-- floats. Returns a function that waits for the thread's end; errors and results cannot be counted on.
function threads.spawn(body, ...)
    return libraries[threads.library](library, code_of(body), ...)
end

-- Lives in the new thread: takes code and arguments from one buffer and adds what comes of them to another.
local frame = [[
local id = ...
local mtmsg = require("mtmsg")
local unpack = table.unpack or unpack

-- While everything is aborted nothing can be reported, and nothing can wait for the end of that.
local function add(buffer, ...)
    local added, err
    repeat
        added, err = pcall(buffer.addmsg, buffer, ...)
    until added or err ~= mtmsg.error.operation_aborted
    return added, err
end

local function report(buffer, ok, ...)
    local added, err = add(buffer, ok, ...)
    if not added then add(buffer, false, tostring((not ok and ...) or err)) end
end

local function run(result, code, ...)
    local buffer = mtmsg.buffer(result)
    local body, err = (loadstring or load)(code)
    if not body then return report(buffer, false, err) end
    local n, args = select("#", ...), { ... }
    report(buffer, xpcall(function() return body(unpack(args, 1, n)) end, debug.traceback))
end

run(mtmsg.buffer(id):nextmsg())
]]

local running = {}
local handle = {}
handle.__index = handle

-- Starts body in a thread. Arguments and results are whatever a message can carry.
function threads.start(body, ...)
    local mtmsg = require("mtmsg")
    local call, result = mtmsg.newbuffer(), mtmsg.newbuffer()
    call:addmsg(result:id(), code_of(body), ...)
    local self = setmetatable({ call = call, result = result }, handle)
    self.wait = threads.spawn(frame, call:id())
    running[self] = true
    return self
end

local function finish(self, ok, ...)
    running[self] = nil
    self.wait()
    if not ok then
        error("in a thread: " .. tostring((...)), 3)
    end
    return ...
end

-- Waits until the thread has ended and its state is closed. Returns its results or raises its error.
function handle:join()
    return finish(self, self.result:nextmsg(threads.limit))
end

-- Whether join would not wait for body to return.
function handle:has_ended()
    return self.result:msgcnt() > 0
end

-- Joins all threads of a list and returns the list of their first results.
function threads.join_all(list)
    local results = {}
    for i, thread in ipairs(list) do
        results[i] = thread:join()
    end
    return results
end

-- Lets time pass so that other threads come to where they wait. A test holds without it just as well: this only makes
-- it likelier that it looks at a thread that sleeps, and not at one on its way there.
function threads.pause(seconds)
    if seconds > 0 then
        require("mtmsg").newbuffer():nextmsg(seconds)
    end
end

threads.watch = require("watch")

return threads
