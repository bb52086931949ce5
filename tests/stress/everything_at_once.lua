-- All at once, in rounds whose roles a seed decides: senders, receivers and visitors in Lua, native senders, receivers
-- and notifiers, buffers that grow, are fixed, vanish, ring each other, are cleared, replaced, aborted and closed.
-- Every message arrives whole, once, in order, and from a buffer that nobody troubles none is missing.
--
-- MTMSG_SOAK is how many seconds it goes on, MTMSG_SEED the first round's seed, MTMSG_RSS how many MiB the process may
-- grow by between its second round and its last one.

local heap    = require("heap")
local host    = require("host")
local mtmsg   = require("mtmsg")
local tap     = require("tap")
local traffic = require("traffic")
local watch   = require("watch")

local seconds = tonumber(os.getenv("MTMSG_SOAK") or "") or 4
local seed = tonumber(os.getenv("MTMSG_SEED") or "") or os.time() % 1000000 * 1000 + math.floor(os.clock() * 1e6) % 1000
local emulated = (os.getenv("MTMSG_RUN") or ""):find("qemu", 1, true)
-- sanitizers keep what was freed, and an emulator some of its own memory for each thread that has ended
local growth = tonumber(os.getenv("MTMSG_RSS") or "") or heap.in_use() and not emulated and 64 or 600
local forever = 1e6 -- seconds; who runs this ends it if it hangs
local slow = os.getenv("MTMSG_GC") == "1"

local STREAMS = 8 -- of each sender: one for each buffer, the last for the buffers that vanish

local state
local function random(n)
    state = (state * 16807) % 2147483647
    return math.floor(state / 2147483647 * n) + 1
end

local function one_of(list) return list[random(#list)] end

-- ---- the plan of a round

local troubles = { "none", "none", "none", "none", "clear", "replace", "abort", "close" }

local function plan_buffer(plan, objects, i)
    local target = { name = ("buffer %d of %d"):format(i, plan.seed), most = 300 * 1024, trouble = one_of(troubles) }
    local home = random(#plan.listeners + 1) - 1
    local owner, new = mtmsg, mtmsg.newbuffer
    if home > 0 then
        owner, new = objects.listeners[home], objects.listeners[home].newbuffer
        target.home = home
        if plan.listeners[home].trouble ~= "none" then target.trouble = plan.listeners[home].trouble end
    end
    local args = one_of { {}, {}, { 64, 1 }, { random(5000), 2 }, { 1000 + random(100000), 0 } }
    if args[2] == 0 then target.most = args[1] - 60 end
    local name_and_size = { target.name, args[1], args[2] }
    if owner == mtmsg then objects[i] = new((table.unpack or unpack)(name_and_size, 1, 3))
    else objects[i] = new(owner, (table.unpack or unpack)(name_and_size, 1, 3)) end
    target.id, target.ordered = objects[i]:id(), true
    return target
end

-- Notifiers that count and sometimes fail, and a buffer that is rung by another.
local function connect(plan, objects, i)
    local target, buffer = plan.buffers[i], objects[i]
    local kind = random(5)
    if kind == 1 then
        target.added = traffic.notifier(random(2) == 1 and 7 or 0)
        buffer:notifier(target.added)
    elseif kind == 2 then
        target.bell = mtmsg.newbuffer()
        buffer:notifier(target.bell)
    end
    kind = random(4)
    if kind == 1 then
        local every = random(2) == 1 and 5 or 0
        target.taken, target.ordered = traffic.notifier(every), every == 0 -- who puts back lets others pass
        buffer:notifier(target.taken, "<")
    elseif kind == 2 then
        target.threshold = traffic.notifier()
        buffer:notifier(target.threshold, "<", random(20))
    end
end

local function text_of(list)
    local texts = {}
    for i, t in ipairs(list) do
        texts[i] = ("{ id = %.0f, name = %q, most = %d, trouble = %q }"):format(t.id, t.name, t.most or 0, t.trouble)
    end
    return "{ " .. table.concat(texts, ", ") .. " }"
end

local function make_plan()
    local plan = { seed = seed, buffers = {}, listeners = {}, abort_all = random(4) == 1 }
    local objects = { listeners = {}, keepers = {} }
    plan.messages = (slow and 20 or 100) + random(slow and 20 or 500)
    for i = 1, random(2) do
        objects.listeners[i] = mtmsg.newlistener("listener of " .. seed)
        objects.keepers[i] = objects.listeners[i]:newbuffer() -- so that it always has one
        local trouble = i == 2 and one_of { "none", "close", "abort", "clear" } or "none"
        plan.listeners[i] = { id = objects.listeners[i]:id(), name = "", trouble = trouble }
    end
    for i = 1, 1 + random(STREAMS - 3) do
        plan.buffers[i] = plan_buffer(plan, objects, i)
        connect(plan, objects, i)
    end
    return plan, objects
end

-- ---- a round

local code = "return assert(loadfile('tests/stress/lib/roles.lua'))(...)"

-- Starts threads in Lua and native ones; they wait at the gate.
local function start(plan, objects)
    local crew = { count = 0, senders = {}, receivers = {}, others = {}, native = {}, roles = {} }
    plan.total = 0
    local function note(role)
        crew.count = crew.count + 1
        crew.roles[role] = (crew.roles[role] or 0) + 1
    end
    local senders = { "send" }
    for _ = 1, random(3) do senders[#senders + 1] = one_of { "send", "send", "vanish", "visit" } end
    for _, role in ipairs(senders) do plan.total = plan.total + (role == "send" and plan.messages or 30) end
    plan.text = ("return { seed = %d, streams = %d, messages = %d, total = %d, abort_all = %s, "):format(
        seed, STREAMS, plan.messages, plan.total, tostring(plan.abort_all)) ..
        "buffers = " .. text_of(plan.buffers) .. ", listeners = " .. text_of(plan.listeners) .. " }"
    local function go(list, role, ...)
        note(role)
        list[#list + 1] = host.thread(code, role, plan.text, crew.count, ...)
    end
    for _, role in ipairs(senders) do go(crew.senders, role) end
    for _ = 1, random(3) - 1 do
        local i = random(#plan.buffers)
        local target = plan.buffers[i]
        note("native send")
        crew.native[#crew.native + 1] = { sends = true, traffic.send(objects[i], {
            stream = crew.count * STREAMS + i, count = plan.messages, most = target.most,
            seed = seed % 1e6 + crew.count, nonblock = random(2) == 1,
            replace = target.trouble == "replace" and random(3) == 1,
        }) }
    end
    crew.last_sender = crew.count

    local ways = { "waits", "waits", "reader", "mixed", "timed", "polled", "nonblock" }
    local function receive(kind, id, ordered)
        go(crew.receivers, "receive", kind, id, ordered, one_of(ways))
    end
    local function receive_natively(i)
        note("native receive")
        crew.native[#crew.native + 1] = { traffic.receive(objects[i], {
            nonblock = random(4) == 1, timeout = one_of { -1, 0.0005, 0 }, ordered = plan.buffers[i].ordered,
        }) }
    end
    for l, listener in ipairs(plan.listeners) do
        local ordered = true
        for _, target in ipairs(plan.buffers) do
            if target.home == l and not target.ordered then ordered = false end
        end
        for _ = 1, random(3) do receive("listener", listener.id, ordered) end
    end
    for i, target in ipairs(plan.buffers) do
        local many = target.home and random(3) - 2 or random(2)
        for _ = 1, many do
            if random(3) == 1 then receive_natively(i) else receive("buffer", target.id, target.ordered) end
        end
    end

    local wanted = { abort = plan.abort_all, churn = random(2) == 1 }
    for _, kind in ipairs { "buffers", "listeners" } do
        for _, target in ipairs(plan[kind]) do wanted[target.trouble] = true end
    end
    for _, role in ipairs { "clear", "abort", "close", "churn" } do
        if wanted[role] then go(crew.others, role) end
    end
    return crew
end

local function join(thread)
    local ok, err = thread:join()
    if not ok then error(err, 0) end
end

local function join_natives(crew, senders)
    for _, native in ipairs(crew.native) do
        if (native.sends or false) == senders then
            local wrong = native[1]:join(forever)
            if wrong then error(wrong, 0) end
        end
    end
end

-- The streams to which these sums must apply: stream, buffer's number.
local function each_stream(plan, crew, f)
    for sender = 1, crew.last_sender do
        for i = 1, STREAMS do f(sender * STREAMS + i, plan.buffers[i]) end
    end
end

local function is_untroubled(target)
    return not target or target.trouble == "none" or target.trouble == "abort"
end

local function missing(plan, crew)
    local count, where = 0, nil
    each_stream(plan, crew, function(stream, target)
        local _, _, lost = traffic.sums(stream)
        if is_untroubled(target) and lost > 0 then
            local name = target and target.name or "buffers that vanished"
            count, where = count + lost, ("stream %d of %s"):format(stream, name)
        end
    end)
    return count, where
end

-- Everything that must arrive has arrived.
local function wait_until_drained(plan, crew, objects)
    local count, where, queued
    local function is_drained()
        count, where = missing(plan, crew)
        queued = 0
        for i = 1, #plan.buffers do queued = queued + objects[i]:msgcnt() end
        return count == 0 and queued == 0 or mtmsg.sleep(0.0005)
    end
    watch(is_drained, function()
        return ("%d messages are missing (%s), %d are queued"):format(count, tostring(where), queued)
    end)
end

local function check_sums(plan, crew, objects)
    local added, taken, failures = {}, {}, {}
    each_stream(plan, crew, function(stream, target)
        local sent, received, lost, phantom, failed = traffic.sums(stream)
        tap.is(phantom, 0, "messages received that were not sent")
        if is_untroubled(target) then tap.is(lost, 0, "messages lost") end
        if target then
            added[target] = (added[target] or 0) + sent
            taken[target] = (taken[target] or 0) + received
            failures[target] = (failures[target] or 0) + failed
        end
    end)
    local back, sum_taken, sum_calls = select(3, traffic.totals()), 0, 0
    for i, target in ipairs(plan.buffers) do
        if target.added then
            local calls, failed = target.added:calls()
            tap.is(calls, added[target], "calls of a notifier for messages added")
            tap.is(failed, failures[target], "failures of a notifier")
        end
        if target.bell then -- it may be busy, or aborted, which the sender learns
            tap.is(target.bell:msgcnt(), added[target] - failures[target], "rings of a buffer for messages added")
        end
        if target.taken then
            sum_taken, sum_calls = sum_taken + taken[target], sum_calls + (target.taken:calls())
        end
        if target.trouble ~= "close" then tap.is(objects[i]:msgcnt(), 0) end
    end
    tap.is(sum_calls, sum_taken + back, "calls of notifiers for messages taken")
end

local function close_all(plan, objects)
    for _, listener in ipairs(objects.listeners) do listener:close() end
    for i = 1, #plan.buffers do objects[i]:close() end
end

local function describe(crew, plan)
    local words = {}
    for role, count in pairs(crew.roles) do words[#words + 1] = count .. " " .. role end
    table.sort(words)
    for _, target in ipairs(plan.buffers) do
        if target.trouble ~= "none" then words[#words + 1] = "a buffer to " .. target.trouble end
    end
    return table.concat(words, ", ") .. (plan.abort_all and ", all aborted" or "")
end

-- Gives what took part in it as a text.
local function run_round(plan, objects)
    traffic.begin(25 * STREAMS, 2000)
    local crew = start(plan, objects)
    traffic.open(crew.count, forever)
    for _, thread in ipairs(crew.senders) do join(thread) end
    join_natives(crew, true)
    traffic.stop()
    for _, thread in ipairs(crew.others) do join(thread) end
    for _, target in ipairs(plan.buffers) do
        if target.taken then target.taken:heal() end
    end
    wait_until_drained(plan, crew, objects)
    close_all(plan, objects)
    for _, thread in ipairs(crew.receivers) do join(thread) end
    join_natives(crew, false)
    check_sums(plan, crew, objects)
    return describe(crew, plan)
end

-- A round that has failed leaves no thread waiting: the test can end.
local function give_up(plan, objects)
    traffic.stop()
    mtmsg.abort(false)
    close_all(plan, objects)
end

-- ---- rounds

local function resident()
    return math.floor((heap.resident() or 0) / 2 ^ 20)
end

local begin, all, rounds, first, after, held = host.now(), 0, 0, seed, nil, nil
local high, longest = 0, 0

tap.test("rounds of everything at once", function()
    repeat
        state = seed * 7919 % 2147483646 + 1
        local started = host.now()
        local plan, objects = make_plan()
        local ok, text = xpcall(function() return run_round(plan, objects) end, debug.traceback)
        if not ok then
            give_up(plan, objects)
            error(("with MTMSG_SEED=%d: %s"):format(seed, text), 0)
        end
        plan, objects = nil, nil
        local sent, received, back = traffic.totals()
        all, rounds = all + received, rounds + 1
        collectgarbage()
        collectgarbage()
        longest = math.max(longest, host.now() - started)
        local now = resident()
        if rounds == 2 then after, held = now, heap.in_use() end
        high = math.max(high, now)
        tap.note(("round %d, seed %d: %d sent, %d received, %d put back, %.0f/s, %d MiB; %s"):format(rounds, seed, sent,
            received, back, received / (host.now() - started), now, text))
        io.stdout:flush()
        seed = seed + 1
    until host.now() - begin >= seconds
    traffic.finish()
end)

tap.test("the process does not grow", function()
    after = after or resident()
    tap.note(("%d rounds from seed %d, the longest took %.1f s, %d messages, %.0f messages/s"):format(rounds, first,
        longest, all, all / (host.now() - begin)))
    tap.note(("resident: %d MiB after the second round, %d at the end, %d at most"):format(after, resident(), high))
    tap.ok(resident() <= after + growth, ("from %d MiB to %d MiB"):format(after, resident()))
    if held then -- whatever the system or the emulator keeps, malloc has got back what the rounds took
        local now = heap.in_use()
        tap.note(("malloc: %.0f KiB after the second round, %.0f at the end"):format(held / 1024, now / 1024))
        tap.ok(now < held + 2 ^ 20, ("from %d to %d bytes of malloc"):format(held, now))
    end
end)

tap.done()
