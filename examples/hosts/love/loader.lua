-- The thread that loads: reads and decodes the images that are wanted, one after the other, and hands them to the game.
-- The buffer of assets has a fixed size, so that this thread never gets far ahead of the game.
require "love.image"
require "love.timer"
local wanted_id, assets_id = ...
local mtmsg = require "mtmsg"
local wanted, assets = mtmsg.buffer(wanted_id), mtmsg.buffer(assets_id)

local function hand_over(asset)
    while not assets:addmsg(asset) do love.timer.sleep(0.002) end -- no room now
end

local _, err = pcall(function()
    while true do
        local name = wanted:nextmsg()
        local ok, err = pcall(function()
            local image = love.image.newImageData(name)
            hand_over { name = name, width = image:getWidth(), height = image:getHeight(), pixels = image:getString() }
        end)
        if not ok then hand_over { name = name, problem = err } end -- it cannot be read, or is larger than the buffer
    end
end)
if err and not tostring(err):find(mtmsg.error.object_closed, 1, true) then error(err) end -- closed: the game has ended
