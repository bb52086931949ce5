-- story: putmsg to a topic waited for room in one subscriber before it called the notifiers of the others
-- Those that have the message have got it; who is to be told of that must not wait for the slowest of all.

local mtmsg     = require("mtmsg")
local notifiers = require("notifiers")
local tap       = require("tap")

local function scene()
    local topic = mtmsg.newtopic()
    local full, other = topic:subscribe { limit = 1 }, topic:subscribe()
    topic:addmsg("first")
    return topic, full, other
end

for name, message in pairs { ["a short message"] = "x", ["a long message"] = ("x"):rep(30000) } do
    tap.test(name .. ": the notifier of one subscriber may make room in another one", function()
        local topic, full, other = scene()
        local told = notifiers.new()
        other:notifier(notifiers.new { call = function() full:nextmsg() end })
        full:notifier(told)
        tap.gives({ 2, 0 }, topic:putmsg(message, { 1, 2 }, message))
        tap.is(told:notified(), 1)
        for _, buffer in ipairs { full, other } do
            if buffer == other then buffer:nextmsg() end
            local first, list, last = buffer:nextmsg()
            tap.ok(first == message and list[2] == 2 and last == message)
        end
    end)
end

tap.test("an error of a notifier ends no waiting, and is raised after it", function()
    local topic, full, other = scene()
    other:notifier(notifiers.new { call = function()
        full:nextmsg()
        error("of the notifier")
    end })
    local ok, err = pcall(topic.putmsg, topic, "second")
    tap.ok(not ok and tostring(err):find("of the notifier", 1, true), tostring(err))
    tap.gives({ "second" }, full:nextmsg(0))
end)

tap.done()
