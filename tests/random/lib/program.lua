-- Random programs: lists of one-line statements that run on the module and on the model, one after the other, until
-- they differ. It also makes a program that fails as short as it can. What the calls should do, the model knows.

local model = dofile "tests/random/lib/model.lua"
local mtmsg = require "mtmsg"

local program = {}

---------------------------------------------------------------------------------- generating

-- A generator of numbers that is the same in every Lua.
local function new_random(seed)
    local state = seed % 2147483646 + 1
    return function(n)
        state = (state * 16807) % 2147483647
        return math.floor(state / 2147483647 * n) + 1
    end
end

-- Statements as patterns: what is in braces is chosen anew each time, from these lists or by these functions.
local choices = {
    B = { "b1", "b2", "b3", "b4", "b5" },
    L = { "l1", "l2" },
    T = { "t1", "t2" },
    O = { "b1", "b2", "b3", "b4", "b5", "l1", "l2", "l1" },
    W = { "w1", "w2" },
    R = { "r1", "r2" },
    I = { "i1", "i2" },
    X = { "b1", "b2", "b3", "l1", "w1", "r1", "nil", "1", '"x"', "{}" },
    name = { '"n1"', '"n2"', '"a \\"b\\\\"' },
    size = { "0", "1", "4", "18", "40", "300", "1024", "5000", "20.7", "-5" },
    grow = { "0", "0", "0", "1", "2", "1.5", "-1", "100" },
    badsize = { "0/0", "math.huge", "2^63", "{}", "true" },
    flag = { "", "true", "false", "false", "nil" },
    event = { '">"', '">"', '"<"', "nil" },
    threshold = { "0", "1", "2", "3", "-1", "nil" },
    timeout = { "0", "0", "0", "-1", "0.0001", "WAIT" },
    badtime = { "0/0", "{}", "false", '"x"' },
    count = { "", "1", "2", "3", "0", "-1", "100" },
    value = { "nil", "true", "false", "0", "1", "255", "256", "-1", "1.5", "2^53", "-0.25", "1e300", "0/0", "3.0", '""',
        '"a"', '"\\0b"', '("s"):rep(255)', '("t"):rep(256)', '("u"):rep(1500)', '("v"):rep(9000)', '"line\\n"' },
    lease = { "{lease = true}" },
    wrong = { "coroutine.create(function() end)", "io.stdout" },
}

local weighted = {
    { 4, "{B} = mtmsg.newbuffer({?name, }{size}, {grow}) collectgarbage()" },
    { 2, "{B} = mtmsg.newbuffer({?name}) collectgarbage()" },
    { 5, "{B} = {L}:newbuffer({?name}) collectgarbage()" },
    { 4, "{B} = {L}:newbuffer({?name, }{size}, {grow}) collectgarbage()" },
    { 2, "{L} = mtmsg.newlistener({?name}) collectgarbage()" },
    { 2, "{B} = mtmsg.buffer({name}) collectgarbage()" },
    { 2, "{B} = mtmsg.buffer({I}) collectgarbage()" },
    { 1, "{L} = mtmsg.listener({name}) collectgarbage()" },
    { 1, "{L} = mtmsg.listener({I}) collectgarbage()" },
    { 2, "{B} = nil collectgarbage()" },
    { 1, "{L} = nil collectgarbage()" },
    { 2, "{I} = {O}:id()" },
    { 2, "{W} = mtmsg.newwriter({size}, {grow})" },
    { 1, "{W} = mtmsg.newwriter()" },
    { 1, "r1:done() r1 = mtmsg.newreader({size}, {grow})" },
    { 1, "r2:done() r2 = mtmsg.newreader({size}, {grow})" },
    { 1, "r1:done() r1 = mtmsg.newreader()" },
    { 2, "r2:done() r2 = mtmsg.newreader({lease})" },
    { 5, "R({R}:putback())" },
    { 2, "R({R}:done())" },
    { 2, "{T} = mtmsg.newtopic({?name}) collectgarbage()" },
    { 2, "{T} = LAST({?name}) collectgarbage()" },
    { 1, "{T} = mtmsg.topic({name}) collectgarbage()" },
    { 6, "{B} = {T}:subscribe() collectgarbage()" },
    { 5, "{B} = SUBSCRIBE({T}, {L}) collectgarbage()" },
    { 10, "R({T}:addmsg({values}))" },
    { 2, "R({T}:setmsg({values}))" },
    { 2, "R({W}:addmsg({T}))" },
    { 1, "R({T}:clear())" },
    { 1, "R({T}:close())" },
    { 2, "R({T}:abort({flag}))" },
    { 1, "R({T}:isabort(), {T}:name(), {T}:id(), tostring({T}))" },
    { 24, "R({B}:addmsg({values}))" },
    { 5, "R({B}:setmsg({values}))" },
    { 5, "R({B}:putmsg({values}))" },
    { 2, "R({W}:putmsg({B}))" },
    { 6, "R(mtmsg.select(0, {O}, {O}))" },
    { 1, "R({O}:finish())" },
    { 14, "R({B}:nextmsg({timeout}))" },
    { 16, "R({L}:nextmsg({timeout}))" },
    { 2, "local o = {O} if o:isnonblock() then R(o:nextmsg()) end" },
    { 1, "local o = {O} if o:isnonblock() then R({R}:nextmsg(o)) end" },
    { 8, "R({W}:add({values}))" },
    { 6, "R({W}:addmsg({B}))" },
    { 2, "R({W}:setmsg({B}))" },
    { 1, "R({W}:clear())" },
    { 8, "R({R}:nextmsg({O}, {timeout}))" },
    { 8, "R({R}:next({count}))" },
    { 1, "R({R}:clear())" },
    { 4, "R({B}:msgcnt())" },
    { 3, "R({O}:clear())" },
    { 4, "R({O}:abort({flag}))" },
    { 2, "R({O}:isabort(), {O}:isabort())" },
    { 1, "R({O}:close())" },
    { 2, "R({O}:nonblock({flag}))" },
    { 1, "R({O}:isnonblock())" },
    { 9, "R({B}:notifier({B}, {event}, {threshold}))" },
    { 3, "R({B}:notifier(nil, {event}))" },
    { 1, "R({O}:name(), {O}:id(), tostring({O}))" },
    { 1, "R(mtmsg.abort({flag}))" },
    { 2, "R(mtmsg.abort(false))" },
    { 1, "R(mtmsg.isabort(), mtmsg.sleep(0))" },
    { 1, "R(mtmsg.type({X}))" },
    { 1, "R({B}:addmsg({values}, {wrong}))" },
    { 1, "R({B}:setmsg({wrong}))" },
    { 1, "R({W}:add({values}, {wrong}, {values}))" },
    { 1, "R({O}:nextmsg({badtime}))" },
    { 1, "R({R}:nextmsg({X}, {badtime}))" },
    { 1, "R({W}:addmsg({X}))" },
    { 1, "R({B}:notifier({X}, {event}))" },
    { 1, "R(mtmsg.newbuffer({name}, {badsize}))" },
    { 1, "R(mtmsg.newreader({badsize}, 2) ~= nil)" },
    { 1, "R({R}:next(1.5))" },
}

local total = 0
for _, entry in ipairs(weighted) do total = total + entry[1] end

local function choose(random, what)
    local optional, rest = what:match("^%?(%l+)(.*)$")
    if optional then
        return random(2) == 1 and choices[optional][random(#choices[optional])] .. rest or ""
    end
    if what == "values" then
        local list = {}
        for i = 1, random(4) - 1 do list[i] = choose(random, "value") end
        return #list > 0 and table.concat(list, ", ") or "nil"
    end
    return choices[what][random(#choices[what])]
end

local function statement(random)
    local at, pattern = random(total), nil
    for _, entry in ipairs(weighted) do
        at, pattern = at - entry[1], entry[2]
        if at <= 0 then break end
    end
    return (pattern:gsub("{(.-)}", function(what) return choose(random, what) end))
end

-- A program of that many statements.
function program.generate(seed, length)
    local random = new_random(seed)
    local list = { "l1 = mtmsg.newlistener()", "l2 = mtmsg.newlistener()", "b1 = mtmsg.newbuffer()",
        "b2 = l1:newbuffer()", "b3 = l1:newbuffer()", "b4 = l1:newbuffer()", "b5 = mtmsg.newbuffer(40, 0)",
        "w1 = mtmsg.newwriter()", "w2 = mtmsg.newwriter(100, 0)", "r1 = mtmsg.newreader()",
        "r2 = mtmsg.newreader(100, 0)", "i1 = b2:id()", "i2 = l2:id()", "t1 = mtmsg.newtopic()",
        "t2 = LAST()" }
    for i = #list + 1, length do list[i] = statement(random) end
    return list
end

---------------------------------------------------------------------------------- running

local slots = { "b1", "b2", "b3", "b4", "b5", "l1", "l2", "t1", "t2" }

local function show(value)
    if type(value) == "number" then
        if value ~= value then return "nan" end
        return (math.type and math.type(value) or "number") .. (" %.17g"):format(value)
    end
    if type(value) == "string" then return ("%q"):format((value:gsub(": 0x%x+ ", ": "))) end
    return (tostring(value):gsub(": 0x%x+ ", ": "))
end

local function show_all(...)
    local texts = {}
    for i = 1, select("#", ...) do texts[i] = show((select(i, ...))) end
    return "(" .. table.concat(texts, ", ") .. ")"
end

-- What is wrong with an argument is said in words of the module's own.
local function error_text(err)
    if type(err) ~= "string" then return "an error that is a " .. type(err) end
    err = err:gsub("^line:%d+: ", "")
    return (err:gsub("^(bad argument #%d+ to '%w+').*", "%1"))
end

-- WAIT is a timeout that is not used up: where it is, the model says that there is a message.
local function new_environment(module, collect, wait)
    local env = { WAIT = wait, mtmsg = module, math = math, coroutine = coroutine, io = io, print = print,
        tostring = tostring, collectgarbage = collect }
    function env.LAST(name) return module.newtopic{ name = name, last = true } end
    function env.SUBSCRIBE(topic, listener) return topic:subscribe{ listener = listener } end
    function env.R(...) env.result = show_all(...) end
    return env
end

local function compile(text, env)
    if not setfenv then return assert(load(text, "=line", "t", env)) end
    return setfenv(assert(loadstring(text, "=line")), env)
end

-- In a coroutine of its own, so that no value of it stays on a stack.
local function run_line(text, env)
    env.result = nil
    local ok, err = coroutine.wrap(function() return pcall(compile(text, env)) end)()
    if not ok and type(err) == "table" and err.skip then return nil end
    return ok and (env.result or "done") or "error: " .. error_text(err)
end

local function collect_real()
    coroutine.wrap(function() collectgarbage() end)()
end

-- The model's objects have the ids of the real ones.
local function share_ids(real, modelled)
    for _, slot in ipairs(slots) do
        local handle = modelled[slot]
        if handle and not handle.object.id then
            handle.object.id = assert(real[slot], "the module has made no object"):id()
        end
    end
end

local function used_handles(env)
    local used = {}
    for _, slot in ipairs(slots) do
        if env[slot] then used[env[slot]] = true end
    end
    return used
end

local function clean_up(real)
    for _, slot in ipairs(slots) do real[slot] = nil end
    real.w1, real.w2, real.r1, real.r2 = nil, nil, nil, nil
    mtmsg.abort(false)
    collect_real()
end

-- Runs the statements on both. Returns the number of the one where they differ, and how; or nothing. The collector
-- works only where the program says so.
function program.run(list)
    local module, state = model.new()
    local modelled
    local real = new_environment(mtmsg, collect_real, 2)
    modelled = new_environment(module, function() state.collect(used_handles(modelled)) end, math.huge)
    collectgarbage()
    collectgarbage("stop")
    local at, text
    for i, line in ipairs(list) do
        local expected = run_line(line, modelled)
        local got = expected and run_line(line, real)
        local ok, err = true, nil
        if got == expected then ok, err = pcall(share_ids, real, modelled) end
        if got ~= expected or not ok then
            at, text = i, ok and ("expected %s\n     got %s"):format(expected, got) or err
            break
        end
    end
    clean_up(real)
    collectgarbage("restart")
    return at, text
end

---------------------------------------------------------------------------------- shrinking

local function without(list, first, count)
    local rest = {}
    for i, line in ipairs(list) do
        if i < first or i >= first + count then rest[#rest + 1] = line end
    end
    return rest
end

-- Leaves out statements as long as it still fails: many at once at first, then one by one; for so many seconds at most.
function program.shrink(list, run, seconds)
    local at, deadline = run(list), mtmsg.time() + seconds
    list = without(list, at + 1, #list)
    local count = math.ceil(#list / 2)
    while count >= 1 do
        local first, changed = 1, false
        while first <= #list and mtmsg.time() < deadline do
            local shorter = without(list, first, count)
            local where = run(shorter)
            if where then
                list, changed = without(shorter, where + 1, #shorter), true
            else
                first = first + count
            end
        end
        if mtmsg.time() >= deadline or count == 1 and not changed then break end
        count = count > 1 and math.ceil(count / 2) or 1
    end
    return list
end

-- The statements as a program for a Lua prompt.
function program.text(list)
    return 'mtmsg = require "mtmsg" R = print\n' .. table.concat(list, "\n")
end

return program
