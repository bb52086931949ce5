-- What a process keeps for later after its buffers were full once: an idle one with N drained buffers no more than a
-- few MB and 1 KB for each of them, after at most one further operation on each; and nothing after clear(). While
-- messages flow, however large they are, memory is used again, up to a bound for the whole process. (As in the other
-- program here, the environment switches off what glibc counts as in use beyond that.)

local in_use = require("in_use")
local mtmsg  = require("mtmsg")
local tap    = require("tap")

if not in_use then
    tap.skip("what drained buffers keep", "this malloc does not tell how much is in use")
    return tap.done()
end

local N, FEW = 2000, 5 * 2 ^ 20
local small, large = ("x"):rep(1000), ("y"):rep(60000)

local function fill(buffer)
    for _ = 1, 600 do buffer:addmsg(small) end
    for _ = 1, 9 do buffer:addmsg(large) end
end

local function drain(source)
    for _ = 1, 609 do source:nextmsg() end
end

-- So many new ones; they are referred to until the test ends.
local function buffers_of(maker)
    local list = {}
    for i = 1, N do list[i] = maker:newbuffer() end
    collectgarbage()
    return list
end

local function kept_since(before)
    collectgarbage()
    return in_use() - before
end

local function in_use_beside_lua()
    collectgarbage()
    collectgarbage()
    return in_use() - collectgarbage("count") * 1024
end

local further = {
    ["a receive that finds nothing"] = function(buffer) tap.is(buffer:nextmsg(0), nil) end,
    ["a receive that waits in vain"] = function(buffer) tap.is(buffer:nextmsg(1e-6), nil) end,
    ["clear"]                        = function(buffer) buffer:clear() end,
}

for name, operation in pairs(further) do
    tap.test(("%d drained buffers keep little after %s on each"):format(N, name), function()
        local buffers = buffers_of({ newbuffer = function() return mtmsg.newbuffer() end })
        fill(buffers[1])
        drain(buffers[1]) -- what the state itself keeps is there
        buffers[1]:clear()
        local before = in_use()
        for _, buffer in ipairs(buffers) do
            fill(buffer)
            drain(buffer)
        end
        tap.note(("%.1f MB before that"):format(kept_since(before) / 2 ^ 20))
        for _, buffer in ipairs(buffers) do operation(buffer) end
        local kept = kept_since(before)
        tap.note(("%.1f MB after it"):format(kept / 2 ^ 20))
        tap.ok(kept <= (name == "clear" and 65536 or FEW + N * 1100), ("they keep %d bytes"):format(kept))
        tap.is(buffers[1]:msgcnt(), 0)
    end)
end

tap.test(("%d buffers drained through their listener keep little, with no operation on them"):format(N), function()
    local listener = mtmsg.newlistener()
    local buffers = buffers_of({ newbuffer = function() return listener:newbuffer() end })
    local before = in_use()
    for _, buffer in ipairs(buffers) do
        fill(buffer)
        drain(listener)
    end
    local kept = kept_since(before)
    tap.note(("%.1f MB before it finds nothing"):format(kept / 2 ^ 20))
    tap.ok(kept <= 16 * 2 ^ 20 + N * 1100, ("they keep %d bytes"):format(kept))
    tap.is(listener:nextmsg(0), nil)
    kept = kept_since(before)
    tap.ok(kept <= FEW + N * 1100, ("they keep %d bytes"):format(kept))
end)

for what, case in pairs { ["8 of 1 MB"] = { 8, 2 ^ 20 }, ["3 of 16 MB"] = { 3, 2 ^ 24 } } do
    tap.test(("%s under way again and again are kept while they flow, and not after that"):format(what), function()
        local buffer, text = mtmsg.newbuffer(), ("z"):rep(case[2] - 100)
        local before = in_use_beside_lua()
        for _ = 1, 4 do
            for _ = 1, case[1] do buffer:addmsg(text) end
            for _ = 1, case[1] do buffer:nextmsg() end
        end
        local kept = in_use_beside_lua() - before
        tap.ok(kept >= case[1] * (case[2] - 100) and kept <= 65 * 2 ^ 20, ("it keeps %d bytes"):format(kept))
        tap.is(buffer:nextmsg(0), nil)
        tap.ok(in_use_beside_lua() - before < 2 ^ 20)
    end)
end

tap.test("all buffers together keep at most 64 MB, whatever has gone through them", function()
    local list, text = {}, ("z"):rep(2 ^ 20)
    local before = in_use()
    for i = 1, 40 do
        list[i] = mtmsg.newbuffer()
        for _ = 1, 3 do
            for _ = 1, 4 do list[i]:addmsg(text) end
            for _ = 1, 4 do list[i]:nextmsg() end
        end
    end
    local kept = kept_since(before)
    tap.note(("%.1f MB"):format(kept / 2 ^ 20))
    tap.ok(kept <= 65 * 2 ^ 20, ("they keep %d bytes"):format(kept))
end)

tap.done()
