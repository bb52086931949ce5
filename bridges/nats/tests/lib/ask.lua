-- Asks a service so many questions, and prints how many answers were right. Arguments: URL, count.

local nats = require "mtmsg.nats"

local conn, right = nats.connect{url = arg[1]}, 0
for i = 1, tonumber(arg[2]) do
    local ok, square, table = conn:request("square", 30, i, {i})
    if ok and square == i * i and table.of == i then right = right + 1 end
end
conn:close()
print(right .. " right")
