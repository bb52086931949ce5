-- Neovim without a screen, with examples/hosts/neovim/search.lua: matches stream into the editor; a search can be
-- stopped.
local tap = require "tap"
local hosts = dofile "tests/hosts/lib/hosts.lua"
hosts.needs("nvim", "luajit")

local SCRIPT = [[
    mkdir "$work/tree" "$work/tree/below" "$work/home"
    for i in $(seq 400); do
        awk -v i=$i 'BEGIN { for (j = 1; j <= 100; j++) print j % 10 ? "nothing" : "  a needle, " i "/" j }' \
            >"$work/tree/$i.txt"
    done
    echo "a needle" >"$work/tree/below/one.txt"
    printf 'a needle\0' >"$work/tree/binary"
    cat >"$work/test.lua" <<'END'
PROGRAM
END
    HOME=$work/home work=$work nvim --clean --headless -c "luafile $work/test.lua" -c qa 2>&1
]]

local function with(program)
    return (SCRIPT:gsub("PROGRAM", (program:gsub("%%", "%%%%"))))
end

hosts.test("matches come in while the editor goes on", with [[
    vim.cmd "luafile examples/hosts/neovim/search.lua"
    local between = false
    for _ = 1, 30 do -- others may keep the editor from looking until all is there
        vim.cmd("Search a%sneedle " .. vim.env.work .. "/tree")
        assert(vim.wait(30000, function()
            local count = #vim.fn.getqflist()
            between = between or count > 0 and count < 4001
            return vim.g.search_status ~= "searching"
        end, 1))
        if between then break end
    end
    local list = vim.fn.getqflist()
    print(vim.g.search_status, #list, between)
    table.sort(list, function(a, b) return vim.fn.bufname(a.bufnr) .. a.lnum < vim.fn.bufname(b.bufnr) .. b.lnum end)
    local last = list[#list]
    print(vim.fn.bufname(last.bufnr):match("/tree/.*"), last.lnum, last.col, last.text)
]], function(printed)
    tap.contains(printed, "done: 4001 matches in 402 files 4001 true")
    tap.contains(printed, "/tree/below/one.txt 1 1 a needle")
end)

hosts.test("a search that is stopped ends, and the next one begins", with [[
    vim.cmd "luafile examples/hosts/neovim/search.lua"
    vim.cmd "Search . /usr"
    vim.wait(30000, function() return #vim.fn.getqflist() > 0 end, 1)
    vim.cmd "SearchStop"
    assert(vim.wait(30000, function() return vim.g.search_status ~= "searching" end, 1))
    print(vim.g.search_status)
    vim.cmd("Search needle " .. vim.env.work .. "/tree/below")
    assert(vim.wait(30000, function() return vim.g.search_status ~= "searching" end, 1))
    print(vim.g.search_status)
    vim.cmd "Search . /usr" -- and leaves while it runs
]], function(printed)
    tap.ok(printed:find "stopped: %d+ matches in %d+ files")
    tap.contains(printed, "done: 1 matches in 1 files")
end)

tap.done()
