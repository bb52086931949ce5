function love.conf(t)
    t.identity = "mtmsg-assets"
    t.window.title = "A thread loads, the game goes on"
    t.window.width, t.window.height = 960, 600
    if os.getenv "HEADLESS" then -- to try it without a screen
        t.modules.audio, t.modules.graphics, t.modules.window = false, false, false
    end
end
