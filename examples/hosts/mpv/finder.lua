-- Searches directories for files to play, apart from the script that shows what was found: see menu.lua. mpv runs each
-- script in a thread and a Lua state of its own, so this one may wait for a disk, and for its next task.
local utils = require "mp.utils"
local mtmsg = require "mtmsg"

local queries = mtmsg.newbuffer "mpv queries" -- { number, directory, text }, of which only the newest counts
local matches = mtmsg.newbuffer "mpv matches" -- { number, path }, and in the end { number, looked_at }

local media = {}
for ending in ("mkv mp4 webm avi mov mp3 flac ogg opus wav m4a"):gmatch "%S+" do media[ending] = true end

-- Whether there is no point in going on: a newer query, or mpv's end.
local ended = false
local function is_over()
    local event = mp.wait_event(0)
    ended = ended or event.event == "shutdown"
    return ended or queries:msgcnt() > 0
end

-- Returns how many files of media were looked at, or nil where it was given up.
local function search(query, directory)
    local looked_at = 0
    for _, name in ipairs(utils.readdir(directory, "files") or {}) do
        if media[(name:match "%.(%w+)$" or ""):lower()] then
            looked_at = looked_at + 1
            local path = utils.join_path(directory, name)
            if path:lower():find(query.text:lower(), 1, true) then
                matches:addmsg { number = query.number, path = path }
            end
        end
    end
    for _, name in ipairs(utils.readdir(directory, "dirs") or {}) do
        local more = not is_over() and search(query, utils.join_path(directory, name))
        if not more then return end
        looked_at = looked_at + more
    end
    return looked_at
end

function mp_event_loop() -- in the place of mpv's own: it alternates between mpv's events and our messages
    while not ended do
        local query = queries:nextmsg(0.1)
        local looked_at = query and search(query, query.directory)
        if looked_at then matches:addmsg { number = query.number, looked_at = looked_at } end
        is_over()
    end
end
