-- Runs in a thread of its own, started by main.lua: adds numbers until the buffer of questions is closed.
local mtmsg = require "mtmsg"
local questions_id, answers_id = ...
local questions, answers = mtmsg.buffer(questions_id), mtmsg.buffer(answers_id)

while true do
    local ok, a, b = pcall(questions.nextmsg, questions)
    if not ok then
        assert(a:find(mtmsg.error.object_closed, 1, true), a)
        break
    end
    answers:addmsg(a + b)
end
