-- Other processes: runs a test program again, in one of its own that may crash or hang without harm to the test, and
-- says how it ended; or has one run beside the test. It does not judge what they do.

local child = {}

local arguments = arg -- which is no global in a Lua 5.1 function of variable arguments

-- Why there can be none, where this is so.
child.lacking = package.config:sub(1, 1) == "\\" and "a process of its own needs a shell of Unix" or nil

-- Seconds of processor time that the process has.
child.limit = 20

-- A program, with its arguments, that starts the process: that which runs those of another platform, where this is one.
child.before = {}
for word in (os.getenv("MTMSG_RUN") or ""):gmatch("%S+") do table.insert(child.before, word) end

-- As one word of a shell.
function child.quote(text)
    return "'" .. tostring(text):gsub("'", "'\\''") .. "'"
end

local function line(words)
    local quoted = {}
    for i, word in ipairs(words) do quoted[i] = child.quote(word) end
    return table.concat(quoted, " ")
end

-- The program that runs this script stands before all of its own options.
function child.interpreter()
    local i = -1
    while arguments[i - 1] do i = i - 1 end
    return arguments[i]
end

-- The beginning of a command that runs scripts like this one.
function child.command()
    local words = { (table.unpack or unpack)(child.before) }
    words[#words + 1] = child.interpreter()
    return line(words)
end

-- Has a shell command run beside this process. Gives a function that waits for its end and gives what it printed.
function child.background(command)
    local pipe = assert(io.popen(command .. " 2>&1"))
    return function()
        local text = pipe:read("*a")
        pipe:close()
        return text
    end
end

-- The same for a script with these arguments.
function child.start(...)
    return child.background(child.command() .. " " .. line { ... })
end

-- Runs this script with these arguments. Gives the exit code, as a shell has it (0: it ended well), and what it
-- printed.
function child.run(...)
    local words = { "tests/limit", child.limit, (table.unpack or unpack)(child.before) }
    for _, word in ipairs { child.interpreter(), arguments[0], ... } do words[#words + 1] = word end
    local output = child.background("{ " .. line(words) .. "; } 2>&1; echo exit code $?")()
    local printed, code = output:match("^(.*)exit code (%d+)%s*$")
    return tonumber(code), printed
end

return child
