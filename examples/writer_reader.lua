-- Writer and reader: a writer collects the values of a message one by one, and a reader hands them out one by one. That
-- suits messages whose length is known late, and it saves Lua tables and the limit of the Lua stack.
local cqueues_thread = require "cqueues.thread"
local mtmsg = require "mtmsg"

local SHAPES = 200

-- Receives shapes, each with any number of points, and sends back the length of each outline.
local function measure(_, shapes_id, lengths_id)
    local mtmsg = require "mtmsg"
    local shapes, lengths = mtmsg.buffer(shapes_id), mtmsg.buffer(lengths_id)
    local reader, writer = mtmsg.newreader(), mtmsg.newwriter()
    while true do
        assert(reader:nextmsg(shapes, 30), "no shape came in time")
        local what, number = reader:next(2)
        if what == "end" then break end
        local length = 0
        local x0, y0 = reader:next(2)
        while true do
            local x, y = reader:next(2)
            if not x then break end
            length = length + math.sqrt((x - x0) ^ 2 + (y - y0) ^ 2)
            x0, y0 = x, y
        end
        writer:add(number)
        writer:add(length)
        writer:addmsg(lengths) -- afterwards the writer is empty and ready for the next message
    end
end

local shapes, lengths = mtmsg.newbuffer(), mtmsg.newbuffer()
local thread = assert(cqueues_thread.start(measure, shapes:id(), lengths:id()))

-- Shape n is a flight of n steps, each 3 wide and 4 high.
local writer = mtmsg.newwriter()
for number = 1, SHAPES do
    writer:add("steps", number)
    for step = 0, number do
        writer:add(step * 3, step * 4)
    end
    assert(writer:addmsg(shapes))
end
shapes:addmsg("end")

for n = 1, SHAPES do
    local number, length = lengths:nextmsg(30)
    assert(number == n and math.abs(length - 5 * n) < 1e-9)
end
local ok, err = thread:join(30)
assert(ok and not err, err)

-- Values that have been added by mistake are dropped by clear; a reader can be emptied the same way.
writer:add("mistake")
writer:clear()
writer:add("correct")
writer:setmsg(shapes) -- replaces whatever is in the buffer
assert(shapes:msgcnt() == 1 and shapes:nextmsg() == "correct")
print(SHAPES .. " shapes measured")
