-- A thread reads and decodes the images of a game while the game goes on: each frame takes what has arrived, for two
-- milliseconds at most, and the thread waits when the game has no time. LÖVE's own channels have no bound: there the
-- thread would decode everything into memory at once; and nothing would end it but a message of its own.
--
--     love examples/hosts/love             the images are those in its directory `assets`
--     HEADLESS=1 love examples/hosts/love  without a window
--
-- Where there are no images, some are made. The module must be one for LuaJIT, and be found by LUA_CPATH.
local mtmsg = require "mtmsg"

local ROOM = 32 * 1024 * 1024 -- bytes of decoded images that may wait
local BUDGET = 0.002 -- seconds that a frame spends on what has arrived

local wanted, assets, loader
local names, images, missing, longest, started = {}, {}, 0, 0, 0

local function make_images()
    love.filesystem.createDirectory "assets"
    for n = 1, 24 do
        local image = love.image.newImageData(256, 256)
        image:mapPixel(function(x, y) return n / 24, x / 256, y / 256, 1 end)
        image:encode("png", ("assets/%02d.png"):format(n))
    end
end

local function list_images()
    for _, name in ipairs(love.filesystem.getDirectoryItems "assets") do
        if name:find "%.png$" or name:find "%.jpe?g$" then names[#names + 1] = "assets/" .. name end
    end
end

function love.load()
    list_images()
    if #names == 0 then
        make_images()
        list_images()
    end
    wanted, assets = mtmsg.newbuffer(), mtmsg.newbuffer("assets", ROOM, 0)
    loader = love.thread.newThread "loader.lua"
    loader:start(wanted:id(), assets:id())
    for _, name in ipairs(names) do wanted:addmsg(name) end
    started = love.timer.getTime()
end

local function take(asset)
    if asset.problem then
        missing = missing + 1
        return print(asset.name .. ": " .. asset.problem)
    end
    local data = love.image.newImageData(asset.width, asset.height, "rgba8", asset.pixels)
    images[#images + 1] = love.graphics and love.graphics.newImage(data) or data
end

function love.update(passed)
    if #images > 0 then longest = math.max(longest, passed) end
    local from = love.timer.getTime()
    while love.timer.getTime() - from < BUDGET and #images + missing < #names do
        if assets:msgcnt() == 0 then break end
        take(assets:nextmsg(0))
    end
    if #images + missing == #names and started then
        print(("%d images in %.2f s, %d missing, the longest frame took %.0f ms"):format(#images,
            love.timer.getTime() - started, missing, longest * 1000))
        started = nil
        if not love.graphics then love.event.quit() end
    end
end

function love.draw()
    local columns = 8
    for i, image in ipairs(images) do
        local column, row = (i - 1) % columns, math.floor((i - 1) / columns)
        love.graphics.draw(image, column * 120, row * 120 + 40, 0, 112 / image:getWidth(), 112 / image:getHeight())
    end
    love.graphics.print(("%d of %d, %d frames a second"):format(#images, #names, love.timer.getFPS()), 8, 8)
end

function love.threaderror(_, err) error(err) end

function love.quit()
    wanted:close() -- wakes the thread, which is waiting for more work
    assets:close() -- or for room
    loader:wait()
end
