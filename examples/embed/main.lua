-- The main script of the embedding example: another thread adds numbers for it. It runs in the program of host.c, which
-- has mtmsg linked into it and gives start().
local mtmsg = require "mtmsg"
local directory = ... -- where these scripts are

local questions, answers = mtmsg.newbuffer(), mtmsg.newbuffer()
start(directory .. "/adder.lua", questions:id(), answers:id())

local sum = 0
for i = 1, 1000 do
    questions:addmsg(i, sum)
    sum = assert(answers:nextmsg(30), "the other thread does not answer")
end
questions:close()
assert(sum == 500500)
print("two states in two threads: the sum of 1 to 1000 is " .. ("%d"):format(sum))
