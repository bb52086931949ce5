-- mpv without picture and sound, with examples/hosts/mpv: one script searches, another shows what it finds.
local tap = require "tap"
local hosts = dofile "tests/hosts/lib/hosts.lua"
hosts.needs("mpv", "lua5.2")

hosts.test("a query reaches the other script, its matches come back, and one is played next", [[
    mkdir -p "$work/music/below"
    $LUA -e 'local n = 4 * 8000 -- four seconds of silence
        local format = string.pack("<I4I2I2I4I4I2I2", 16, 1, 1, 8000, 8000, 1, 8)
        io.write("RIFF", string.pack("<I4", 36 + n), "WAVEfmt ", format,
            "data", string.pack("<I4", n), ("\128"):rep(n))' >"$work/music/first.wav"
    cp "$work/music/first.wav" "$work/music/Two Birds.wav"
    cp "$work/music/first.wav" "$work/music/below/birds.wav"
    echo >"$work/music/birds.txt"
    cat >"$work/test.lua" <<'END'
        mp.register_event("file-loaded", function() mp.commandv("script-message", "find", "nothing like it") end)
        mp.add_timeout(0.5, function() mp.commandv("script-message", "find", "birds") end)
        local function wait_for_matches()
            mp.commandv("script-message", "find-play", "2")
            if mp.get_property_number("playlist-count") < 2 then return mp.add_timeout(0.2, wait_for_matches) end
            print(mp.get_property("playlist/1/filename"))
            mp.commandv("quit")
        end
        mp.add_timeout(1, wait_for_matches)
END
    mpv --no-config --no-terminal --msg-level=all=info --log-file="$work/log" --vo=null --ao=null --loop-file \
        --script=examples/hosts/mpv/finder.lua --script=examples/hosts/mpv/menu.lua --script="$work/test.lua" \
        "$work/music/first.wav"
    code=$?
    grep -E '\[(menu|finder|test)\]' "$work/log"
    exit $code
]], function(printed)
    tap.contains(printed, "2 of 3 files match")
    tap.ok(printed:find "%[test%] [^\n]*/music/below/birds%.wav" or printed:find "%[test%] [^\n]*/music/Two Birds%.wav")
end)

tap.done()
