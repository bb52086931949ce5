-- Searches a tree of files for Neovim: a thread reads them, the matches stream into the quickfix list while you go on
-- typing, and a search that runs can be stopped. Alone, Neovim's threads can give back a result at their end.
--
--     :luafile examples/hosts/neovim/search.lua
--     :Search pattern [directory]      a pattern of Lua; the directory is the current one unless given
--     :SearchStop
--
-- The thread sends tables of matches to a buffer of a fixed size: if the editor has no time, the thread waits, not the
-- editor. After each table it rings a handle of the editor's loop. Closing the buffer stops the search: the next table
-- of the thread meets an error, which ends it.
local mtmsg = require "mtmsg"
local uv = vim.uv or vim.loop

local ROOM = 256 * 1024 -- bytes of matches that may wait for the editor
local AT_ONCE = 20 -- tables of matches that are shown before the editor has its turn again

-- Runs in the thread. Its state sees nothing of this one, so it has all that it needs in it.
local function search(results_id, ended_id, leave_id, bell, root, pattern)
    local luv, mtmsg = require "luv", require "mtmsg"
    local results, ended = mtmsg.buffer(results_id), mtmsg.buffer(ended_id)
    local matches, files = {}, 0

    local function send()
        while not results:addmsg(matches) do mtmsg.sleep(0.01) end -- no room now
        matches = {}
        bell:send()
    end

    local function search_file(path)
        local file = io.open(path, "rb")
        local text = file and file:read "*a"
        if file then file:close() end
        files = files + 1
        if not text or text:find("\0", 1, true) or not text:find(pattern) then return end
        local number = 0
        for line in (text .. "\n"):gmatch "(.-)\r?\n" do
            number = number + 1
            local column = line:find(pattern)
            if column then
                matches[#matches + 1] = { filename = path, lnum = number, col = column, text = line:sub(1, 200) }
            end
            if #matches == 50 then send() end
        end
    end

    local function search_directory(path)
        local entries = luv.fs_scandir(path)
        while entries do
            local name, kind = luv.fs_scandir_next(entries)
            if not name then break end
            if kind == "directory" and name:sub(1, 1) ~= "." then search_directory(path .. "/" .. name) end
            if kind == "file" then search_file(path .. "/" .. name) end
        end
    end

    local ok, err = pcall(function()
        search_directory(root)
        if #matches > 0 then send() end
    end)
    ended:addmsg(ok and "done" or err, files)
    bell:send()
    mtmsg.buffer(leave_id):nextmsg()
end

-- ------------------------------------------------------------------------------------------------ the editor's side
local running -- the search that is going on: thread, results, ended, bell, count

local function show_some(s)
    for _ = 1, AT_ONCE do
        local matches = s.results:nextmsg(0)
        if not matches then break end
        vim.fn.setqflist({}, "a", { items = matches })
        s.count = s.count + #matches
    end
end

-- The thread stays until it is told to leave: the loops of later versions join threads that have ended, and to join one
-- again is a crash.
local function join(s)
    s.leave:addmsg(true)
    s.thread:join()
end

-- In turns with the rest of the editor, until nothing is left. The thread may be ringing for the last time when its end
-- is known; only after join does nobody use the bell any more.
local function attend(s)
    if not s.stopped then show_some(s) end
    if not s.stopped and s.results:msgcnt() > 0 then return vim.schedule(function() attend(s) end) end
    local how, files = s.ended:nextmsg(0)
    if not how then return end
    if not s.stopped then show_some(s) end
    join(s)
    s.bell:close()
    running = nil
    local failed = how ~= "done" and not s.stopped and ": " .. how or ""
    vim.g.search_status = ("%s: %d matches in %d files%s"):format(s.stopped and "stopped" or "done", s.count, files,
        failed)
    vim.cmd "redrawstatus"
end

local function stop()
    if not running or running.stopped then return end
    running.stopped = true
    running.results:close()
end

local function start(pattern, root)
    if running then error "a search is running: :SearchStop ends it" end
    string.find("", pattern) -- an error here is better than one in the thread
    local s = { results = mtmsg.newbuffer("matches", ROOM, 0), ended = mtmsg.newbuffer("ended"), count = 0 }
    s.leave = mtmsg.newbuffer("leave")
    s.bell = uv.new_async(function() vim.schedule(function() if running == s then attend(s) end end) end)
    vim.fn.setqflist({}, " ", { title = "Search " .. pattern })
    vim.g.search_status = "searching"
    running = s
    s.thread = uv.new_thread(string.dump(search), s.results:id(), s.ended:id(), s.leave:id(), s.bell, root,
        pattern)
end

vim.api.nvim_create_user_command("Search", function(command)
    start(command.fargs[1], vim.fn.fnamemodify(command.fargs[2] or ".", ":p"):gsub("/$", ""))
end, { nargs = "+" })
vim.api.nvim_create_user_command("SearchStop", stop, {})
vim.api.nvim_create_autocmd("VimLeavePre", { callback = function()
    stop()
    if running then join(running) end
end })
