-- Counts the words of text files with a pool of worker threads, and checks the result against a count in one thread.
--
--     lua demo/wordcount.lua [file…]      without files: the sources and documentation of this project, 20 times
--
-- Lines go to the workers through one buffer, whoever is free takes the next. Each worker answers through a buffer of
-- its own, and a listener collects the answers. WORKERS in the environment sets the number of workers.
local luv = require "luv"
local mtmsg = require "mtmsg"

local WORKERS = tonumber(os.getenv("WORKERS")) or 4
local UNDER_WAY = 10000 -- so many lines may wait for their answer: it bounds the memory, whatever the files are

-- Adds the words of a text to a table of counts; returns how many there were. Used by the workers and by the check.
local function count_words(text, counts)
    local total = 0
    for word in text:lower():gmatch("[%w_]+") do
        counts[word] = (counts[word] or 0) + 1
        total = total + 1
    end
    return total
end

-- Runs in a thread, in a Lua state of its own. One id is all that it is given: what it needs comes in a message, two
-- buffers and a function.
local function worker(start_id)
    local mtmsg = require "mtmsg"
    local jobs, answers, count_words = mtmsg.buffer(start_id):nextmsg()
    -- An error in a luv thread would end the process without a word, so it is caught and reported.
    local ok, err = pcall(function()
        local counts = {}
        while true do
            local what, line = jobs:nextmsg()
            if what == "quit" then break end
            answers:addmsg("line", count_words(line, counts))
        end
        answers:addmsg("done", counts)
    end)
    if not ok then answers:addmsg("error", err) end
end

-- Files of text below a directory, without what is hidden or built.
local function find_texts(directory, files)
    local entries = assert(luv.fs_scandir(directory))
    while true do
        local name = luv.fs_scandir_next(entries)
        if not name then return files end
        local path = directory .. "/" .. name
        local kind = assert(luv.fs_lstat(path)).type
        if kind == "directory" and name ~= "build" and not name:match("^%.") then
            find_texts(path, files)
        elseif kind == "file" and (name:match("%.[ch]$") or name:match("%.lua$") or name:match("%.md$")) then
            files[#files + 1] = path
        end
    end
end

local files = #arg > 0 and arg or find_texts(".", {})
local ROUNDS = #arg > 0 and 1 or 20
assert(#files > 0, "there is no text here")

local often = ROUNDS > 1 and (" %d times"):format(ROUNDS) or ""
print(("counting %d files%s with %d workers …"):format(#files, often, WORKERS))
io.stdout:flush()

-- ------------------------------------------------------------------------------------------------ the pool
local jobs, listener = mtmsg.newbuffer("jobs"), mtmsg.newlistener("answers")
local start, threads = mtmsg.newbuffer(), {}
for i = 1, WORKERS do
    start:addmsg(jobs, listener:newbuffer(), count_words)
    threads[i] = luv.new_thread(string.dump(worker), start:id())
end

local started
local sent, answered, words, counts, messages, working = 0, 0, 0, {}, 0, WORKERS

local on_terminal, next_progress = luv.guess_handle(1) == "tty", 0
local function show_progress()
    local now = mtmsg.time()
    if not on_terminal or now < next_progress then return end
    next_progress = now + 0.1
    io.write(("\r  %d lines sent, %d counted, %d words, %.0f messages per second \27[K"):format(sent, answered, words,
        messages / math.max(now - started, 1e-3)))
    io.flush()
end

-- Takes one answer, if there is one in time.
local function take_answer(timeout)
    local what, a = listener:nextmsg(timeout)
    if not what then return false end
    messages = messages + 1
    if what == "line" then
        answered, words = answered + 1, words + a
    elseif what == "done" then
        for word, count in pairs(a) do
            counts[word] = (counts[word] or 0) + count
        end
        working = working - 1
    else
        error("a worker failed: " .. tostring(a))
    end
    show_progress()
    return true
end

local bytes, texts = 0, {}
for i, path in ipairs(files) do
    local file = assert(io.open(path, "rb"))
    texts[i] = file:read("*a")
    file:close()
    bytes = bytes + #texts[i]
end

local function send_lines(text)
    for line in text:gmatch("[^\n]+") do
        jobs:addmsg("line", line)
        sent, messages = sent + 1, messages + 1
        while sent - answered > UNDER_WAY do
            assert(take_answer(30), "the workers do not answer")
        end
    end
    while take_answer(0) do end
end

started = mtmsg.time()
for _ = 1, ROUNDS do
    for _, text in ipairs(texts) do
        send_lines(text)
    end
end
for _ = 1, WORKERS do
    jobs:addmsg("quit")
    messages = messages + 1
end
while working > 0 do
    assert(take_answer(30), "the workers do not answer")
end
local seconds = mtmsg.time() - started
for _, thread in ipairs(threads) do
    thread:join()
end
if on_terminal then io.write("\r\27[K") end

-- ------------------------------------------------------------------------------------------------ the result
local ranking = {}
for word in pairs(counts) do
    ranking[#ranking + 1] = word
end
table.sort(ranking, function(a, b) return counts[a] > counts[b] or counts[a] == counts[b] and a < b end)
local most = {}
for i = 1, math.min(5, #ranking) do
    most[i] = ("%s (%d)"):format(ranking[i], counts[ranking[i]])
end
print(("%d files, %d bytes, counted%s: %d lines, %d words, %d of them different"):format(#files, bytes, often, sent,
    words, #ranking))
print("most frequent: " .. table.concat(most, ", "))
print(("%d messages between %d threads in %.2f seconds: %.0f per second, with the splitting into words"):format(
    messages, WORKERS + 1, seconds, messages / seconds))

local expected, expected_words = {}, 0
for _, text in ipairs(texts) do
    expected_words = expected_words + ROUNDS * count_words(text, expected)
end
local wrong = {}
for word, count in pairs(expected) do
    if counts[word] ~= ROUNDS * count then wrong[#wrong + 1] = word end
end
for word in pairs(counts) do
    if not expected[word] then wrong[#wrong + 1] = word end
end
if answered ~= sent or words ~= expected_words or #wrong > 0 then
    error(("the count in one thread differs: %d words, and %d words with another count, such as '%s'"):format(
        expected_words, #wrong, wrong[1] or ""))
end
print("OK: one thread counts the same")
luv.run() -- the luv of Debian 13 crashes at the end of a program that had threads, unless its loop has run
