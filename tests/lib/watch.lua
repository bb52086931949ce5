-- Waits until a condition is true, for ever: a slow machine is no failure, and a test that hangs is ended by who runs
-- it. Where it takes long it says once what it waits for; it decides nothing.

-- text: what should come true, or a function that gives it. Also for times in which nothing can wait because everything
-- is aborted.
return function(condition, text)
    local time = require("mtmsg").time
    local patience = time() + 60
    while not condition() do
        if time() > patience then
            io.stderr:write("still waiting: ", type(text) == "function" and text() or text, "\n")
            patience = math.huge
        end
    end
end
