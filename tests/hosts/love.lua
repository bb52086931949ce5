-- LÖVE without a window, with examples/hosts/love: a thread loads all images while frames go on.
local tap = require "tap"
local hosts = dofile "tests/hosts/lib/hosts.lua"
hosts.needs("love", "luajit")

hosts.test("all images arrive, one that is broken is named", [[
    cp -R examples/hosts/love "$work/game"
    HOME=$work HEADLESS=1 love "$work/game" # makes images, as there are none
    mkdir "$work/game/assets"
    cp $(find "$work" -name '0[1-5].png') "$work/game/assets/"
    find "$work" -path '*share*' -name '*.png' -exec rm {} +
    echo broken >"$work/game/assets/broken.png"
    HOME=$work HEADLESS=1 love "$work/game"
]], function(printed)
    tap.ok(printed:find "24 images in [%d.]+ s, 0 missing")
    tap.ok(printed:find "5 images in [%d.]+ s, 1 missing")
    tap.contains(printed, "broken.png")
end)

tap.done()
