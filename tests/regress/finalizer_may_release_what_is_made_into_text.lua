-- story: tostring read an object that a finalizer had released meanwhile
-- A long name needs memory while the text is made, and finalizers run then. One that released the object ended the
-- process.

local finalizers = require("finalizers")
local mtmsg      = require("mtmsg")
local tap        = require("tap")

for _, kind in ipairs { "newbuffer", "newlistener", "newtopic" } do
    tap.test("what " .. kind .. " made is released while tostring runs", function()
        local chances = finalizers.each(function(n)
            local object = mtmsg[kind](("x"):rep(20000))
            if n % 2 == 0 then object:finish() end
            local ran, acted, ok, text = finalizers.during(n, function() object:release() end, tostring, object)
            if not ran then return false end
            tap.is(acted, true)
            tap.is(ok, true, text)
            tap.contains(text, '(name="xxx')
            return true
        end)
        tap.ok(chances > 0, "no finalizer ran")
    end)
end

tap.done()
