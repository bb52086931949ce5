-- What a buffer keeps: less than 1 MB beyond an explicit size after it held 256 MB and was drained, and nothing beyond
-- what it got at its creation if its size is fixed, whatever goes through it. What glibc counts as in use beyond that
-- (freed memory kept for each thread, whole pages for large strings) is switched off by the environment.

local in_use = require("in_use")
local mtmsg  = require("mtmsg")
local tap    = require("tap")

if not in_use then
    tap.skip("what buffers keep", "this malloc does not tell how much is in use")
    return tap.done()
end

local function fill(buffer, bytes, ...)
    local sizes, sum, i = { ... }, 0, 0
    while sum < bytes do
        i = i + 1
        local size = sizes[i % #sizes + 1]
        buffer:addmsg(i, ("x"):rep(size))
        sum = sum + size
    end
    return i
end

local function drain(source, count)
    for i = 1, count do tap.is((source:nextmsg(0)), i) end
    tap.is(source:nextmsg(0), nil)
end

local held = 256 * 2 ^ 20

for name, size in pairs { ["of default size"] = false, ["of 100 bytes"] = 100, ["of 3 MB"] = 3 * 2 ^ 20 } do
    for what, sizes in pairs { small = { 1000 }, large = { 100000, 300000 }, mixed = { 10, 200, 3000, 5000, 70000 } } do
        tap.test(("a buffer %s that held 256 MB in %s messages keeps less than 1 MB"):format(name, what), function()
            mtmsg.newbuffer():addmsg(("x"):rep(300000)) -- what the state itself keeps is there
            local before = in_use()
            local buffer = size and mtmsg.newbuffer(size) or mtmsg.newbuffer()
            local count = fill(buffer, held, (table.unpack or unpack)(sizes))
            local full = in_use() - before
            drain(buffer, count)
            local kept = in_use() - before
            tap.note(("%.1f MB full, %.0f KB drained"):format(full / 2 ^ 20, kept / 1024))
            tap.ok(kept < 2 ^ 20 + (size or 0), ("it keeps %d bytes"):format(kept))
            buffer:close()
            tap.ok(in_use() - before < 65536, "a closed buffer has kept memory")
        end)
    end
end

tap.test("the buffers of a listener that were full, drained and dropped keep nothing", function()
    local listener = mtmsg.newlistener()
    local keeper = listener:newbuffer()
    local before = in_use()
    for _ = 1, 3 do
        local count = fill(listener:newbuffer(), held / 8, 10, 3000, 100000)
        collectgarbage()
        drain(listener, count)
    end
    tap.ok(in_use() - before < 65536)
    tap.is(keeper:msgcnt(), 0)
end)

for _, size in ipairs { 1, 64, 1000, 5000, 100000, 10000000 } do
    tap.test(("a fixed buffer of %d bytes takes its memory at creation, and never more"):format(size), function()
        local payload = {}
        for i = 1, 12 do payload[i] = ("p"):rep(math.floor(size / i)) end
        local text = ("x"):rep(math.max(0, size - 3 - (size > 255 and 15 or 0)))
        local before = in_use()
        local buffer = mtmsg.newbuffer(size, 0)
        local created = in_use()
        tap.ok(created - before <= 4 * size + 4096 + 200, -- the reference object comes on top
            ("it took %d bytes"):format(created - before))
        local most = created
        for round = 1, 40 do
            for i = 1, 12 do pcall(buffer.addmsg, buffer, payload[i]) end
            if round % 3 == 0 then pcall(buffer.setmsg, buffer, payload[round % 12 + 1]) end
            most = math.max(most, in_use())
            for _ = 1, round % 5 do buffer:nextmsg(0) end
        end
        buffer:clear()
        if size > 3 then tap.is(buffer:addmsg(text), true, "the largest message fits") end
        most = math.max(most, in_use())
        tap.ok(most <= created + 2048, ("it grew by %d bytes"):format(most - created))
    end)
end

tap.done()
