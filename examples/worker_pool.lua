-- Worker pool: several threads take jobs from one buffer, each job goes to whoever is free.
-- The results come back through a second buffer, in any order.
local luv = require "luv"
local mtmsg = require "mtmsg"

local WORKERS, JOBS = 3, 200

-- Runs in a thread of its own, with a Lua state of its own: it can use nothing from outside but its arguments.
local function worker(jobs_id, results_id)
    local mtmsg = require "mtmsg"
    local jobs, results = mtmsg.buffer(jobs_id), mtmsg.buffer(results_id)
    local kinds = {}

    function kinds.square(n) return n * n end

    function kinds.factors(n)
        local list, factor = {}, 2
        while n > 1 do
            while n % factor == 0 do
                list[#list + 1] = factor
                n = n / factor
            end
            factor = factor + 1
        end
        return list
    end

    function kinds.binary(n)
        local digits = ""
        repeat
            digits = ("%d"):format(n % 2) .. digits
            n = math.floor(n / 2)
        until n == 0
        return digits
    end

    function kinds.steps(n) -- to 1, halving what is even, and three times what is odd, and one
        local count = 0
        while n ~= 1 do
            n = n % 2 == 0 and n / 2 or 3 * n + 1
            count = count + 1
        end
        return count
    end

    function kinds.words(n)
        local small = { "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
            "twelve",
            "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen" }
        local tens = { "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety" }
        local words, rest = {}, n % 100
        if n >= 100 then words[1] = small[math.floor(n / 100)] .. " hundred" end
        if rest >= 20 then words[#words + 1] = tens[math.floor(rest / 10)] end
        if rest >= 20 then rest = rest % 10 end
        words[#words + 1] = small[rest]
        return table.concat(words, " ")
    end

    -- An error in a luv thread would end the process, so it is caught and sent as a result.
    local ok, err = pcall(function()
        while true do
            local what, n = jobs:nextmsg()
            if what == "quit" then break end
            results:addmsg(what, n, kinds[what](n))
        end
    end)
    if not ok then results:addmsg("error", err) end
end

local jobs, results = mtmsg.newbuffer("jobs"), mtmsg.newbuffer("results")
local threads = {}
for i = 1, WORKERS do
    -- the dump, since with Lua 5.4 some versions of luv break a function of this size
    threads[i] = luv.new_thread(string.dump(worker), jobs:id(), results:id())
end

local names = { "square", "factors", "binary", "steps", "words" }
for n = 1, JOBS do
    jobs:addmsg(names[n % #names + 1], n)
end
for _ = 1, WORKERS do
    jobs:addmsg("quit") -- one for each: a worker that takes it takes nothing more
end

local checks = {
    square = function(n, square) return square == n * n end,
    factors = function(n, factors)
        local product = 1
        for _, factor in ipairs(factors) do product = product * factor end
        return product == n
    end,
    binary = function(n, digits) return tonumber(digits, 2) == n end,
    steps = function(n, count) return (count == 0) == (n == 1) end,
    words = function(n, words) return (words:find("hundred") ~= nil) == (n >= 100) end,
}
local done = {}
for _ = 1, JOBS do
    local what, n, result = results:nextmsg(30)
    assert(what and what ~= "error", n or "no result in time")
    assert(checks[what](n, result), what)
    assert(not done[n], "a job was done twice")
    done[n] = true
end
for _, thread in ipairs(threads) do
    thread:join()
end
assert(#done == JOBS and jobs:msgcnt() == 0 and results:msgcnt() == 0)
print(JOBS .. " jobs done by " .. WORKERS .. " workers")
luv.run() -- the luv of Debian 13 crashes at the end of a program that had threads, unless its loop has run
