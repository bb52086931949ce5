-- Neovim without a screen, with mtmsg.luv in the editor's own loop: callbacks and coroutines, for messages of threads
-- that the editor has started.
local tap = require "tap"
local hosts = dofile "tests/hosts/lib/hosts.lua"
hosts.needs("nvim", "luajit")

local SCRIPT = [[
    cat >"$work/test.lua" <<'END'
    NAME
    local mtmsg, messages = require "mtmsg", require "mtmsg.luv"
    local inbox, printed, done = mtmsg.newbuffer(), {}, false
    local function start(count, last)
        return uv.new_thread(function(id, count, last)
            local inbox = require "mtmsg".buffer(id)
            for i = 1, count do inbox:addmsg(i) end
            if last then inbox:finish() end
        end, inbox:id(), count, last)
    end
    PROGRAM
    print(table.concat(printed, " "))
END
    HOME=$work work=$work LUA_PATH="$PWD/lua/?.lua;;" nvim --clean --headless -c "luafile $work/test.lua" -c qa 2>&1
]]

-- The loop's name has changed: vim.uv is that of later versions.
local names = {
    ["vim.loop"] = "local uv = vim.loop",
    ["vim.uv"] = "local uv = vim.uv or vim.loop vim.uv, vim.loop = uv, nil",
}

local function with(name, program)
    return (SCRIPT:gsub("NAME", function() return names[name] end):gsub("PROGRAM", function() return program end))
end

for name in pairs(names) do
    hosts.test("messages call back in the editor's loop, by " .. name, with(name, [[
    messages.on(inbox, vim.schedule_wrap(function(id, value)
        if id then vim.g.sum = (vim.g.sum or 0) + value else done = value end
    end))
    local thread = start(100, true)
    assert(vim.wait(30000, function() return done end, 1))
    printed = { vim.g.sum, done }
    ]]), function(printed) tap.contains(printed, "5050 mtmsg.error.object_closed") end)
end

hosts.test("coroutines wait while the editor goes on", with("vim.loop", [[
    local turns = 0
    coroutine.wrap(function()
        printed[1] = select(2, messages.getmsg(inbox, 0.01))
        for i = 2, 4 do printed[i] = select(2, messages.getmsg(inbox)) end
        done = true
    end)()
    vim.wait(50)
    local thread = start(3)
    assert(vim.wait(30000, function() turns = turns + 1 return done end, 1))
    ]]), function(printed) tap.contains(printed, "mtmsg.error.timeout 1 2 3") end)

tap.done()
