-- story: a finalizer freed the array that was just being sent
-- A large array was sent from where it lies. A finalizer that resized it, while the values after it were looked
-- at, freed these elements: the message had whatever was there then. It has the elements as they were.

local mtmsg      = require("mtmsg")
local carray     = require("carray")
local finalizers = require("finalizers")
local tap        = require("tap")

local count, resized = 400000, 3000000 -- so large that the memory moves

local function ascending()
    local list = {}
    for i = 1, count do list[i] = i % 200 + 1 end
    return list
end

local pattern = ascending()

-- The finalizer came before the array was looked at, or the message has all of it as it was.
local function check(received)
    tap.is(received:type(), "uchar")
    tap.ok(#received == count or #received == resized, "length " .. #received)
    for i = 1, count, 997 do tap.is(received:get(i), pattern[i], "element " .. i) end
    for i = count + 1, #received, 9973 do tap.is(received:get(i), 0, "new element " .. i) end
end

local function test(name, send)
    tap.test(name, function()
        local buffer = mtmsg.newbuffer()
        local chances = finalizers.each(function(n)
            local big = carray.new("uchar", pattern)
            local function resize() big:setlen(resized) end
            local ran, acted, ok, err = finalizers.during(n, resize, send(buffer), buffer, big,
                carray.new("uchar", { 1, 2 }), "text", carray.new("double", 1), carray.sizeof)
            tap.is(ok, true, tostring(err))
            tap.is(acted, ran or nil)
            local first, second, text, third, last = buffer:nextmsg(0)
            check(first)
            tap.gives({ 1, 2 }, second:values())
            tap.is(text, "text")
            tap.gives({ 0 }, third:values())
            tap.is(type(last), "function")
            return ran
        end)
        tap.note(chances .. " chances for finalizers")
    end)
end

test("addmsg with a large array before others", function(buffer) return buffer.addmsg end)
test("setmsg with a large array before others", function(buffer) return buffer.setmsg end)

tap.done()
