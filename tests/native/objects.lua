-- Objects of other modules in messages, by the Object C API; and ours, as other modules see them.
-- Buffers and listeners as values are in tests/spec/objects.lua.

local images  = require("images")
local mtmsg   = require("mtmsg")
local spec    = require("spec")
local has_threads, threads = pcall(require, "threads") -- there is no thread library for Lua 5.5

local test, eq = spec.test, spec.eq

local function collect()
    for _ = 1, 4 do collectgarbage() end
end

-- How many images live when nobody has any in this state.
local function alive()
    collect()
    mtmsg.newbuffer()
    collect()
    return images.alive()
end

test("an object of another module arrives as one that refers to the same", function()
    local b, image = mtmsg.newbuffer(), images.new()
    image:set(3, 77)
    b:addmsg("look", {at = image}, image)
    local text, t, got = b:nextmsg()
    eq(text, "look")
    eq(rawequal(t.at, got), true)
    eq(images.same(got, image), true)
    eq(got:at(3), 77)
    got:set(4, 78)
    eq(image:at(4), 78)
end)

test("it lives as long as the message, and goes with it", function()
    local b = mtmsg.newbuffer()
    b:addmsg(images.new())
    eq(alive(), 1)
    local got = b:nextmsg()
    eq(got:at(0), 0)
    got = nil
    eq(alive(), 0)
    for _, run in ipairs{"clear", "close"} do
        b:addmsg(images.new(), {images.new()})
        eq(alive(), 2)
        b[run](b)
        eq(alive(), 0)
    end
end)

test("a receive that must not wait leaves it to others to release what has been thrown away", function()
    local receives = {
        ["nextmsg(0)"] = function(b) return b:nextmsg(0) end,
        ["getmsg(0)"] = function(b) return select(2, b:getmsg(0)) end,
        ["nextmsg of a nonblocking one"] = function(b)
            b:nonblock(true)
            local got = b:nextmsg()
            b:nonblock(false)
            return got
        end,
        ["getmsg of one whose timeout is 0"] = function(b)
            b:settimeout(0)
            local got = select(2, b:getmsg())
            b:settimeout()
            return got
        end,
    }
    for name, receive in pairs(receives) do
        local carrier, b, other = mtmsg.newbuffer(), mtmsg.newbuffer(), mtmsg.newbuffer()
        other:nonblock()
        carrier:addmsg(1) -- later ones may take the short way
        carrier:nextmsg()
        for _ = 1, 2 do carrier:addmsg(b) end
        other:addmsg(images.new())
        eq(alive(), 1)
        other:clear()
        eq(images.alive(), 1)
        eq(receive(carrier) == b, true)
        eq(name .. images.alive(), name .. 1)
        eq(carrier:nextmsg() == b, true)
        eq(images.alive(), 0)
    end
end)

test("writers, readers and topics carry it", function()
    local b, w, r = mtmsg.newbuffer(), mtmsg.newwriter(), mtmsg.newreader()
    w:add(images.new())
    w:add({images.new()})
    eq(alive(), 2)
    w:addmsg(b)
    r:nextmsg(b)
    eq(r:next():at(1), 0)
    eq(r:next()[1]:at(1), 0)
    r:clear()
    eq(alive(), 0)
    local topic = mtmsg.newtopic{last = true}
    local one, two = topic:subscribe(), topic:subscribe()
    topic:addmsg(images.new())
    eq(images.same(one:nextmsg(), two:nextmsg()), true)
    eq(alive(), 1)
    topic:addmsg("another")
    eq(alive(), 0)
end)

test("where it cannot be made the message stays", function()
    local b = mtmsg.newbuffer()
    b:addmsg(1, images.new())
    images.refuse()
    local ok, err = pcall(b.nextmsg, b)
    eq(ok, false)
    spec.matches(tostring(err), "no image today")
    eq(b:msgcnt(), 1)
    eq(b:nextmsg(), 1)
    eq(alive(), 0)
end)

test("what refers to nothing any more is refused", function()
    local b, image = mtmsg.newbuffer(), images.new()
    image:drop()
    spec.matches(spec.error_of("b:addmsg({image})", {b = b, image = image}),
                 "parameter type not supported: .+ at %[1%]%[1%]")
    eq(b:msgcnt(), 0)
end)

test("other modules can carry ours", function()
    local b, l = mtmsg.newbuffer("ours"), mtmsg.newlistener()
    eq(images.copy(b) == b, true)
    eq(images.same(images.copy(l), l), true)
    local id = b:id()
    b = images.copy(b)
    collect()
    eq(b:id(), id)
    eq(images.copy(mtmsg.newtopic("t")):name(), "t")
    eq(images.same(b, l), false)
end)

if has_threads then
test("a state that has not loaded the module gets it, and objects outlive the state that made them", function()
    local to, from = mtmsg.newbuffer(), mtmsg.newbuffer()
    local join = threads.spawn([[
        local to, from = ...
        local mtmsg = require("mtmsg")
        to, from = mtmsg.buffer(to), mtmsg.buffer(from)
        local image = to:nextmsg()
        assert(package.loaded.images)
        image:set(5, image:at(5) + 1)
        from:addmsg(image, package.loaded.images.new())
    ]], to:id(), from:id())
    local image = images.new()
    image:set(5, 41)
    to:addmsg(image)
    join()
    local got, other = from:nextmsg()
    eq(image:at(5), 42)
    eq(images.same(got, image), true)
    other:set(1, 1)
    eq(other:at(1), 1)
    got, other, image = nil, nil, nil
    eq(alive(), 0)
end)
end

spec.run()
