-- Runs a program that may use luv, and fails where it would on another machine: some versions of luv break a function
-- that is handed to new_thread and has not been dumped, and some crash at the end of a program whose loop has not run
-- since its last thread began (docs/recipes.md). It knows nothing of threads that the program's threads start.

return function(program)
    local found, luv = pcall(require, "luv")
    if not found then return program() end
    local new_thread, run, owes_run = luv.new_thread, luv.run, false

    function luv.new_thread(...)
        for i = 1, select("#", ...) do
            if type((select(i, ...))) == "function" then error("luv.new_thread without string.dump", 2) end
        end
        owes_run = true
        return new_thread(...)
    end

    function luv.run(...)
        owes_run = false
        return run(...)
    end

    local ok, err = xpcall(program, debug.traceback)
    luv.new_thread, luv.run = new_thread, run
    if not ok then error(err, 0) end
    if owes_run then error("the program has had threads, and does not end with luv.run()", 0) end
end
