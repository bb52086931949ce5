-- The programs of docs/beyond.md, run as it says: one process makes jobs, two others take them.

package.path = "bridges/nats/tests/lib/?.lua;tests/lib/?.lua;" .. package.path
local server = require "server"
server.skip_without()
local child = require "child"
require "mtmsg.nats"
local pages = require "pages"
local tap = require "tap"

local programs = {}
for _, block in ipairs(pages.blocks "docs/beyond.md") do
    if block.language == "lua" and block.text:find('require "mtmsg.nats"', 1, true)
        and not block.text:find "^%-%- not run by the tests" then
        programs[#programs + 1] = block.text
    end
end

tap.test("one process makes jobs, two others take each of them once", function()
    tap.is(#programs, 2)
    server.with({}, function(s)
        local files = {}
        for i, text in ipairs(programs) do
            local count
            text, count = text:gsub("nats://127%.0%.0%.1:4222", s.url)
            tap.is(count, 1)
            files[i] = ("%s/%d.lua"):format(s.dir, i)
            local f = assert(io.open(files[i], "w"))
            f:write(text)
            f:close()
        end
        local before = s:subscriptions() -- the server's own
        local workers = {child.start(files[2]), child.start(files[2])}
        server.await("both workers", function() return s:subscriptions() == before + 2 end)
        tap.is(child.start(files[1])(), "")
        local sum, lines = 0, 0
        for _, worker in ipairs(workers) do
            for number in worker():gmatch "square\t(%d+)" do
                sum = sum + number
                lines = lines + 1
            end
        end
        tap.is(lines, 100)
        tap.is(sum, 338350)
    end)
end)

tap.done()
