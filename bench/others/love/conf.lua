-- Only what threads need: no window, no sound.
function love.conf(t)
    for _, name in ipairs {
        "audio", "data", "font", "graphics", "image", "joystick", "keyboard", "math", "mouse", "physics", "sound",
        "system", "touch", "video", "window",
    } do
        t.modules[name] = false
    end
    t.window = false
end
