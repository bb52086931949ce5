-- Integers of 64 bits in compiled loops; and where there is no FFI: then they are refused, and what arrives is the
-- number that is next to them.
local child = require "child"
local tap   = require "tap"
local old   = require "old_client"

if arg[1] then -- the process without FFI
    package.preload.ffi = function() error "not here" end
    package.loaded.ffi = nil
    local buffer = require "mtmsg".newbuffer()
    local writer = old.writer(buffer)
    writer:integer(2 ^ 53, 1)
    writer:send(buffer, false, false)
    buffer:addmsg("after")
    assert(buffer:nextmsg() == 2 ^ 53 and buffer:nextmsg() == "after")
    print(pcall(buffer.addmsg, buffer, assert(loadstring "return 1LL")()))
    os.exit(0)
end

local mtmsg, ffi = require "mtmsg", require "ffi"
local near = ffi.new("int64_t", 2 ^ 53)

tap.test("compiled loops send and receive them among numbers", function()
    local buffer, reader = mtmsg.newbuffer(), mtmsg.newreader()
    for i = 1, 2000 do
        local wide = near + 2 * i + 1
        buffer:addmsg(i)
        buffer:addmsg(wide)
        buffer:addmsg(i, wide, "text")
        tap.is(buffer:nextmsg(), i)
        local got = buffer:nextmsg()
        tap.ok(ffi.istype("int64_t", got) and got == wide)
        local number, again, text = buffer:nextmsg()
        tap.ok(number == i and again == wide and text == "text")
        if i % 100 == 0 then -- not in all rounds, so that the loop is compiled before
            buffer:addmsg(-wide)
            buffer:addmsg(wide, nil, -wide)
            local _, first = buffer:getmsg()
            tap.ok(first == -wide)
            tap.ok(reader:nextmsg(buffer))
            local one, nothing, two = reader:next(3)
            tap.ok(one == wide and nothing == nil and two == -wide)
        end
    end
end)

tap.test("a null pointer is no nil, and a struct that equals everything no boolean", function()
    local buffer = mtmsg.newbuffer()
    local struct = ffi.metatype("struct { int one; }", { __eq = function() return true end })
    for _, value in ipairs { ffi.cast("void *", 0), struct(), ffi.new("uint64_t", 1) } do
        for _ = 1, 100 do -- until it is compiled
            local ok, message = pcall(buffer.addmsg, buffer, value)
            tap.is(ok, false)
            tap.ok(message:find("parameter type not supported", 1, true), message)
            tap.is(pcall(buffer.addmsg, buffer, 1, value), false)
        end
    end
    tap.is(buffer:msgcnt(), 0)
end)

tap.test("where there is no FFI they are refused, and arrive as numbers", function()
    local code, printed = child.run("without")
    tap.is(code, 0, printed)
    tap.contains(printed, "parameter type not supported")
end)

tap.done()
