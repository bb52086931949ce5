-- What Linux tells of this process's memory.

local memory = {}

-- Bytes of address space, and of memory; nil where the system does not tell, or a sanitizer is in the way, which keeps
-- the whole address space for itself, and what was freed.
function memory.taken()
    local f = io.open "/proc/self/status"
    local text = f and f:read "*a" or ""
    if f then f:close() end
    local size, resident = text:match "VmSize:%s*(%d+) kB", text:match "VmRSS:%s*(%d+) kB"
    if size and size * 1024 < 1e12 then return size * 1024, resident * 1024 end
end

-- The process gets no more memory than it has taken now, and so many bytes. False: that can't be had here.
function memory.limit(more)
    local size = memory.taken()
    if not size then return false end
    local pid = io.open "/proc/self/stat":read "*a":match "^%d+"
    local done = os.execute(("prlimit --pid %s --as=%d 2>&1"):format(pid, size + more))
    return done == true or done == 0
end

return memory
