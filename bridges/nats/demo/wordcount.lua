-- Counts the words of text files with a pool of worker threads that is spread over three processes, kills one of these
-- on the way, and checks the result against a count in one thread.
--
--     lua bridges/nats/demo/wordcount.lua [file…]      without files: the sources and pages of this project
--
-- A nats-server of its own runs on the loopback, with a stream of jobs. Each job is a text. A worker sends the table of
-- its words home, with the token of the job, and only then the job is acknowledged, here. What a process had in its
-- hands when it was killed is delivered again; a job that comes home twice counts once.
package.path = "bridges/nats/tests/lib/?.lua;tests/lib/?.lua;" .. package.path
local luv = require "luv"
local mtmsg = require "mtmsg"
local nats = require "mtmsg.nats"

local THREADS = 2 -- in each process

-- Adds the words of a text to a table of counts.
local function count_words(text, counts)
    for word in text:lower():gmatch("%w+") do counts[word] = (counts[word] or 0) + 1 end
end

---------------------------------------------------------------------------------------- a process of workers

-- Runs in a thread, in a Lua state of its own; a function comes as its code.
local function worker(jobs_id, results_id, count_words_code)
    local mtmsg = require "mtmsg"
    local jobs, results = mtmsg.buffer(jobs_id), mtmsg.buffer(results_id)
    local count_words = (loadstring or load)(count_words_code)
    while true do
        local token, number, text = jobs:nextmsg()
        if token == "quit" then return end
        local counts = {}
        count_words(text, counts)
        results:addmsg(token, number, counts)
    end
end

local function run_workers(url)
    local conn = nats.connect{url = url, name = "workers"}
    local jobs, results = mtmsg.newbuffer{limit = 2 * THREADS}, mtmsg.newbuffer()
    conn:export(results, "results")
    local threads = {}
    for i = 1, THREADS do
        threads[i] = luv.new_thread(string.dump(worker), jobs:id(), results:id(), string.dump(count_words))
    end
    local import = conn:import("jobs", jobs, {stream = "JOBS", queue = "workers", ack = "explicit", ackwait = 1})
    local quit = mtmsg.newbuffer()
    conn:import("quit", quit)
    quit:nextmsg()
    import:close()
    for _ = 1, THREADS do jobs:addmsg("quit") end
    for _, thread in ipairs(threads) do thread:join() end
    conn:close()
end

if arg[1] == "--workers" then
    run_workers(arg[2])
    os.exit(0)
end

---------------------------------------------------------------------------------------- the process at home

local function read(path)
    local file = assert(io.open(path, "rb"))
    local text = file:read("*a")
    file:close()
    return text
end

local files = {}
if #arg > 0 then
    for i = 1, #arg do files[i] = arg[i] end
else
    local list = assert(io.popen "ls src/*/*.[ch] docs/*.md include/*/*.h bridges/*/*/*.[ch] tests/*/*.lua tests/*/*.c")
    for path in list:lines() do files[#files + 1] = path end
    list:close()
end
assert(#files > 0, "there is no text here")

local texts, expected = {}, {}
for i, path in ipairs(files) do
    texts[i] = read(path):sub(1, 500000) -- a server takes messages of up to a megabyte
    count_words(texts[i], expected)
end

-- Starts another process with this program -> its process id
local function start_workers(url, dir, number)
    local file = ("%s/workers%d"):format(dir, number)
    os.execute(("'%s' '%s' --workers '%s' >'%s.log' 2>&1 & echo $! >'%s'"):format(arg[-1], arg[0], url, file, file))
    return (read(file):match "%d+")
end

local server = require "server"
server.with({jetstream = true}, function(s)
    local conn = nats.connect{url = s.url, name = "home"}
    conn:newstream{name = "JOBS", subjects = {"jobs"}, queue = true, storage = "memory"}
    local jobs, results, done, quit = mtmsg.newbuffer(), mtmsg.newbuffer(), mtmsg.newbuffer(), mtmsg.newbuffer()
    conn:import("results", results)
    conn:export(jobs, "jobs", {stream = "JOBS"})
    conn:replies(done)
    local quits = conn:export(quit, "quit")

    local processes = {}
    for i = 1, 3 do processes[i] = start_workers(s.url, s.dir, i) end
    print(("%d files, workers in the processes %s"):format(#files, table.concat(processes, ", ")))
    for number, text in ipairs(texts) do jobs:addmsg(number, text) end

    local counts, seen, came, twice, killed = {}, {}, 0, 0, nil
    while came < #texts do
        local token, number, words = results:nextmsg(60)
        assert(token, "the workers do not answer")
        done:addmsg(token)
        if seen[number] then
            twice = twice + 1
        else
            seen[number], came = true, came + 1
            for word, count in pairs(words) do counts[word] = (counts[word] or 0) + count end
        end
        if not killed and came >= #texts / 5 then
            killed = processes[2]
            os.execute("kill -9 " .. killed)
            print(("process %s is killed after %d files"):format(killed, came))
        end
    end
    quit:addmsg()
    server.await("the workers' last message", function() return quits:info().messages == 1 end)
    for _, process in ipairs(processes) do
        server.await("the end of the workers", function()
            return server.output("kill -0 " .. process .. " 2>/dev/null && echo alive") == ""
        end)
    end
    conn:close()

    local words, different, wrong = 0, 0, 0
    for word, count in pairs(expected) do
        words, different = words + count, different + 1
        if counts[word] ~= count then wrong = wrong + 1 end
    end
    for word in pairs(counts) do
        if not expected[word] then wrong = wrong + 1 end
    end
    print(("%d words, %d different ones; %d files came home twice"):format(words, different, twice))
    assert(wrong == 0, wrong .. " words have a wrong count")
    print("The totals are right.")
end)
