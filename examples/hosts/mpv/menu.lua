-- Finds files to play while mpv plays: what matches appears on the screen as it is found, and the player never stops
-- for it. Alone, two scripts of mpv can send each other texts through the player; here they share queues of tables, in
-- which a new query takes the place of the old one.
--
--     mpv --script=examples/hosts/mpv/finder.lua --script=examples/hosts/mpv/menu.lua FILE
--
-- In mpv's console, or bound to keys in input.conf:
--
--     script-message find TEXT       looks for it below the directory of the file that is played
--     script-message find-play 3     puts the third match into the playlist
local utils = require "mp.utils"
local mtmsg = require "mtmsg"

local SHOWN = 10 -- matches at most
local MILLISECONDS = 5000 -- for which they stand on the screen

local queries, matches -- buffers of finder.lua
local number, found, timer = 0, {}, nil

local function show(text)
    local lines = { text }
    for i = 1, math.min(#found, SHOWN) do
        local _, name = utils.split_path(found[i])
        lines[#lines + 1] = ("%2d  %s"):format(i, name)
    end
    mp.osd_message(table.concat(lines, "\n"), MILLISECONDS / 1000)
end

-- Takes what has come, without waiting. Matches of an older query may still be among it.
local function collect()
    local changed = false
    while matches:msgcnt() > 0 do
        local match = matches:nextmsg(0)
        if match and match.number == number then
            if match.path then
                found[#found + 1] = match.path
                changed = true
            else
                timer:kill()
                local text = ("%d of %d files match"):format(#found, match.looked_at)
                mp.msg.info(text)
                return show(text)
            end
        end
    end
    if changed then show "searching" end
end

local function find(text)
    local ok
    ok, queries = pcall(mtmsg.buffer, "mpv queries") -- the other script makes it, and may not have run yet
    if not ok then return mp.msg.error "finder.lua is not loaded" end
    matches = mtmsg.buffer "mpv matches"
    number, found = number + 1, {}
    local directory = utils.split_path(mp.get_property("path", ""))
    queries:setmsg { number = number, directory = directory ~= "" and directory or ".", text = text }
    if timer then timer:kill() end
    timer = mp.add_periodic_timer(0.05, collect)
end

mp.register_script_message("find", find)
mp.register_script_message("find-play", function(which)
    local path = found[tonumber(which) or 1]
    if not path then return mp.msg.error "there is no such match" end
    mp.commandv("loadfile", path, "append-play")
    mp.msg.info("added " .. path)
end)
