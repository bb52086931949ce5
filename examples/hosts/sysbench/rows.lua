-- Feeds the rows of a file to all threads of sysbench, each row once: one thread reads the file while the others work,
-- and the rows that wait never take more than a fixed amount of memory, however large the file is. Alone, every thread
-- of sysbench would have to read the whole file, or have a part of it made for it.
--
--     sysbench --threads=5 --time=0 --rows=queries.txt examples/hosts/sysbench/rows.lua run
--     sysbench --threads=5 --time=0 --rows=keys.txt --db-driver=mysql … --statement='SELECT * FROM t WHERE id = %s'
--         examples/hosts/sysbench/rows.lua run
--
-- With a statement each row is put into it and sent to the database; without one its words are counted, to try it out.
-- The first thread is the loader and counts as an event once; so N threads are N - 1 workers. In the end each worker
-- says what it did. If one of the threads fails, all of them end.
--
-- Each thread has a Lua state of its own. The buffer of rows has a fixed size; when a worker has taken a row while it
-- was getting empty, its notifier tells the loader, which sleeps meanwhile.
local mtmsg = require "mtmsg"

sysbench.cmdline.options = {
    rows = { "File with a row on each line", "" },
    statement = { "Statement for the database, in which %s becomes the row", "" },
    room = { "Bytes of memory for the rows that wait", 65536 },
}

local rows, room, results

-- ------------------------------------------------------------------------------------------------ the main thread
function init()
    rows = mtmsg.newbuffer("sysbench rows", sysbench.opt.room, 0)
    room = mtmsg.newbuffer("sysbench room")
    results = mtmsg.newbuffer("sysbench results")
    rows:notifier(room, "<", 16)
    if sysbench.opt.threads < 2 then error("rows.lua needs --threads=2 or more: the first one loads") end
end

function done()
    for tid, count, words in function() return results:nextmsg(0) end do
        print(("thread %d: %d rows, %d words"):format(tid, count, words))
    end
end

-- ------------------------------------------------------------------------------------------------ the loader
-- Waits for room, as long as it takes. A message in `room` may be an old one, so it tries again after each.
local function put(what, row)
    while not rows:addmsg(what, row) do room:nextmsg(1) end
end

local function load_all()
    local file = assert(io.open(sysbench.opt.rows))
    for row in file:lines() do put("row", row) end
    file:close()
    for _ = 2, sysbench.opt.threads do put("end") end -- each worker takes one, and then no more
    return true -- this thread has no more events
end

-- ------------------------------------------------------------------------------------------------ the workers
local connection, count, words = nil, 0, 0

function thread_init()
    rows, room, results = mtmsg.buffer("sysbench rows"), mtmsg.buffer("sysbench room"), mtmsg.buffer("sysbench results")
    if sysbench.tid > 0 and sysbench.opt.statement ~= "" then
        connection = sysbench.sql.driver():connect()
    end
end

local function work(row)
    if connection then return connection:query(sysbench.opt.statement:format(row)) end
    for _ in row:gmatch("%S+") do words = words + 1 end
end

local function work_on_next()
    local what, row = rows:nextmsg()
    if what == "end" then
        results:addmsg(sysbench.tid, count, words)
        return true
    end
    work(row)
    count = count + 1
end

function event()
    local ok, ended = pcall(sysbench.tid == 0 and load_all or work_on_next)
    if ok then return ended or nil end -- whatever is not nil ends this thread
    rows:abort() -- wakes the others, and ends them
    room:abort()
    error(ended, 0)
end

function thread_done()
    if connection then connection:disconnect() end
end
