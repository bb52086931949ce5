-- The module once more, in plain Lua for one thread and with nothing but lists: what docs/reference.md says, so that
-- random programs can be run on both. It waits for nothing; a call that would wait, or whose outcome is open, skips.

local values = dofile "tests/random/lib/values.lua"
local new_queues = dofile "tests/random/lib/queues.lua"
local raise, bad, check_flag, pack_values = values.raise, values.bad, values.check_flag, values.pack_values
local check_memory, check_timeout = values.check_memory, values.check_timeout
local unpack = table.unpack or unpack

local model = {}

-- The module of a new process, and that process: `collect` is its garbage collector.
function model.new()
    local mtmsg, state = {}, { aborted = false, objects = {}, handles = {}, leases = {} }
    local buffer_ops, listener_ops, topic_ops, writer_class, reader_class = {}, {}, {}, {}, {}
    local q = new_queues(state)
    local describe, raise_closed, is_aborted = q.describe, q.raise_closed, q.is_aborted
    local check_state, new_object = q.check_state, q.new_object
    local new_handle, enter, send, take = q.new_handle, q.enter, q.send, q.take
    local leave_if_drained, check_waiting = q.leave_if_drained, q.check_waiting

    local function nextmsg(handle, timeout)
        check_timeout(1, "nextmsg", timeout)
        check_waiting(handle, timeout)
        local message, buffer, failure = take(handle.object)
        if not message then return end
        if failure then
            q.put_back(buffer, message, buffer.epoch)
        end
        leave_if_drained(buffer)
        if failure then error(failure, 0) end
        return unpack(message, 1, message.n)
    end

    ------------------------------------------------------------------------------ what both classes have

    for kind, class in pairs { buffer = buffer_ops, listener = listener_ops, topic = topic_ops } do
        class.__index = class
        class.__name = "mtmsg." .. kind
        class.__tostring = function(self)
            return describe(self.object):gsub("%(", ": (", 1) .. (self.object.finished and " finished" or "")
        end
        function class:id() return self.object.id end
        function class:name() return self.object.name end
        function class:isabort() return is_aborted(self.object) end
        function class:isnonblock() return not self.blocking end
        function class:nonblock(...)
            local flag = check_flag("nonblock", ...)
            check_state(self.object)
            self.blocking = not flag
        end
        if class ~= topic_ops then class.nextmsg = nextmsg end
    end

    local function check_self(class, handle, n, name)
        if getmetatable(handle) ~= class then bad(n, name, "") end
        return handle.object
    end

    ------------------------------------------------------------------------------ buffers

    local function new_buffer(n, listener, name, size, grow)
        if type(name) ~= "string" then n, name, size, grow = n - 1, nil, name, size end
        local bytes, fixed = check_memory("newbuffer", n + 1, size, grow)
        if listener then
            check_state(listener)
            if listener.finished then raise_closed(listener) end
        end
        if state.aborted then raise("operation_aborted") end
        local buffer = new_object("buffer", name)
        buffer.messages, buffer.size, buffer.fixed, buffer.listener = {}, bytes, fixed, listener
        buffer.holds, buffer.epoch, buffer.added = 0, 0, 0
        if listener then
            table.insert(listener.members, buffer)
            listener.refs = listener.refs + 1
        end
        return new_handle(buffer_ops, buffer)
    end

    function buffer_ops:addmsg(...) return send(self.object, pack_values("addmsg", ...), false) end
    function buffer_ops:setmsg(...) return send(self.object, pack_values("setmsg", ...), true) end
    -- True, or nil and the reason. What would wait skips.
    local function putmsg(handle, message, stored)
        local buffer = handle.object
        if buffer.closed then return nil, "mtmsg.error.object_closed" end
        if is_aborted(buffer) then return nil, "mtmsg.error.operation_aborted" end
        if buffer.finished then return nil, "mtmsg.error.object_closed" end
        if send(buffer, message, false, stored) then return true end
        if handle.blocking then error(values.SKIP, 0) end
        return nil, "mtmsg.error.timeout"
    end

    function buffer_ops:putmsg(...) return putmsg(self, pack_values("putmsg", ...)) end
    function buffer_ops:finish() self.object.finished = true end
    function buffer_ops:msgcnt() return #self.object.messages end

    local function clear(buffer)
        q.empty(buffer)
        q.to_end(buffer)
        leave_if_drained(buffer)
    end

    function buffer_ops:clear()
        if self.object.closed then check_state(self.object) end
        clear(self.object)
        return true
    end

    local function close(buffer)
        buffer.closed = true
        q.empty(buffer)
        if buffer.listener then q.take_off(buffer) end
        q.free_buffer(buffer)
        leave_if_drained(buffer)
    end

    function buffer_ops:close() close(self.object) end

    local function abort(buffer, flag)
        local was_aborted = is_aborted(buffer)
        buffer.aborted = flag
        if not buffer.listener then return end
        if flag or was_aborted then q.take_off(buffer) end
        enter(buffer)
    end

    function buffer_ops:abort(...) abort(self.object, (check_flag("abort", ...))) end

    function buffer_ops:notifier(...)
        local ntf, event, threshold = ...
        if select("#", ...) == 0 then bad(1, "notifier", "") end
        if event ~= nil and event ~= "<" and event ~= ">" then bad(2, "notifier", "") end
        if threshold ~= nil and type(threshold) ~= "number" then bad(3, "notifier", "") end
        event = event or ">"
        local buffer = self.object
        if buffer.closed then check_state(buffer) end
        if ntf == nil then return q.disconnect(buffer, event) end
        if getmetatable(ntf) ~= buffer_ops then bad(1, "notifier", "") end
        if buffer[event] then raise("has_notifier") end
        ntf.object.refs = ntf.object.refs + 1
        buffer[event] = { buffer = ntf.object, threshold = threshold or 0 }
    end

    ------------------------------------------------------------------------------ listeners

    function listener_ops:newbuffer(...) return new_buffer(1, self.object, ...) end

    local function each_member(listener, f)
        for _, buffer in ipairs { unpack(listener.members) } do f(buffer) end
    end

    function listener_ops:clear()
        if self.object.closed then check_state(self.object) end
        each_member(self.object, clear)
        return true
    end

    function listener_ops:finish()
        self.object.finished = true
        each_member(self.object, function(buffer) buffer.finished = true end)
    end

    function listener_ops:close()
        self.object.closed = true
        each_member(self.object, close)
    end

    function listener_ops:abort(...)
        local flag = check_flag("abort", ...)
        if not flag then q.check_order(self.object, function(buffer) return not buffer.aborted_all end) end
        self.object.aborted = flag
        each_member(self.object, function(buffer)
            buffer.aborted = flag
            if flag then q.take_off(buffer) else enter(buffer) end
        end)
    end

    ------------------------------------------------------------------------------ topics

    local function is_bad(object) return object.closed or is_aborted(object) or object.finished end

    local function copy(message)
        local made = {}
        for k, v in pairs(message) do made[k] = v end
        return made
    end

    local function alive(topic)
        local list = {}
        for _, buffer in ipairs(topic.subscribers) do
            if buffer.refs > 0 then table.insert(list, buffer) end
        end
        return list
    end

    function topic_ops:subscribe(options)
        local topic, listener = self.object, options and options.listener and options.listener.object
        if topic.closed then
            raise_closed(listener and is_bad(listener) and listener or topic)
        end
        check_state(topic)
        local handle = new_buffer(1, listener)
        local buffer = handle.object
        if topic.latest then q.put(buffer, copy(topic.latest), false) end
        buffer.topic, topic.refs = topic, topic.refs + 1
        table.insert(topic.subscribers, buffer)
        return handle
    end

    local function publish(topic, message, replace, stored)
        check_state(topic)
        local targets, taken, refused, failure = alive(topic), 0, 0, nil
        for _, buffer in ipairs(targets) do q.check_last_reference(buffer, ">") end
        local notifiers = {}
        for _, buffer in ipairs(targets) do
            local code, notifier = q.put(buffer, copy(message), replace)
            if code == 0 then taken = taken + 1 elseif code > 2 then refused = refused + 1 end
            table.insert(notifiers, notifier or false)
        end
        if topic.last then topic.latest = copy(message) end
        if stored then stored() end
        for i, buffer in ipairs(targets) do
            local text = notifiers[i] and q.notify(buffer, ">", notifiers[i])
            failure = failure or text
        end
        if failure then error(failure, 0) end
        return taken, refused
    end

    function topic_ops:addmsg(...) return publish(self.object, pack_values("addmsg", ...), false) end
    function topic_ops:setmsg(...) return publish(self.object, pack_values("setmsg", ...), true) end

    function topic_ops:clear()
        if self.object.closed then check_state(self.object) end
        self.object.latest = nil
        return true
    end

    function topic_ops:close()
        local topic = self.object
        topic.closed, topic.latest = true, nil
        for _, buffer in ipairs(alive(topic)) do close(buffer) end
    end

    function topic_ops:abort(...)
        self.object.aborted = check_flag("abort", ...)
        for _, buffer in ipairs(alive(self.object)) do abort(buffer, self.object.aborted) end
    end

    ------------------------------------------------------------------------------ writers and readers

    writer_class.__index, writer_class.__name = writer_class, "mtmsg.writer"
    reader_class.__index, reader_class.__name = reader_class, "mtmsg.reader"

    function writer_class:add(...)
        local added = pack_values("add", ...)
        local size = self.message.size + added.size
        if added.size > 0 and self.fixed and size > self.size then
            values.raise_size(size, self.size, "mtmsg.writer")
        end
        for i = 1, added.n do self.message[self.message.n + i] = added[i] end
        self.message.n, self.message.size = self.message.n + added.n, size
    end

    function writer_class:clear() self.message = { n = 0, size = 0 } end

    function writer_class:addmsg(buffer)
        if getmetatable(buffer) == topic_ops then
            return publish(buffer.object, self.message, false, function() self:clear() end)
        end
        return send(check_self(buffer_ops, buffer, 1, "addmsg"), self.message, false, function() self:clear() end)
    end

    function writer_class:setmsg(buffer)
        return send(check_self(buffer_ops, buffer, 1, "setmsg"), self.message, true, function() self:clear() end)
    end

    function reader_class:done()
        local lease = self.lease
        self.from, self.lease = nil, nil
        if lease then q.end_lease(lease) end
    end

    function writer_class:putmsg(buffer)
        check_self(buffer_ops, buffer, 1, "putmsg")
        return putmsg(buffer, self.message, function() self:clear() end)
    end

    function reader_class:clear()
        self:done()
        self.message, self.at = { n = 0 }, 0
    end

    -- Where the buffer cannot be found, the message stays.
    function reader_class:putback()
        local buffer = self.from
        if not buffer then return false end
        if not self.lease then
            if state.aborted then return nil, "mtmsg.error.operation_aborted" end
            if buffer.refs == 0 then return nil, "mtmsg.error.object_closed" end
        end
        local back = q.put_back(buffer, self.message, self.epoch)
        local closed = buffer.closed
        self:clear()
        if back or not closed then return back end
        return nil, "mtmsg.error.object_closed"
    end

    function reader_class:nextmsg(source, timeout)
        if getmetatable(source) ~= listener_ops then check_self(buffer_ops, source, 1, "nextmsg") end
        check_timeout(2, "nextmsg", timeout)
        check_waiting(source, timeout)
        self:clear()
        local message, buffer, failure = take(source.object, self.limit)
        if not message then return false end
        self.message, self.from, self.epoch = message, buffer, buffer.epoch
        if self.leases then self.lease = q.begin_lease(source.object, buffer) end
        leave_if_drained(buffer)
        if failure then error(failure, 0) end
        return true
    end

    function reader_class:next(count)
        if count ~= nil and (type(count) ~= "number" or count % 1 ~= 0) then bad(1, "next", "") end
        count = count or 1
        local first, last = self.at + 1, self.message.n
        if count >= 0 then last = math.min(last, self.at + count) end
        self.at = last
        return unpack(self.message, first, last)
    end

    ------------------------------------------------------------------------------ the module

    function mtmsg.newbuffer(...) return new_buffer(1, nil, ...) end

    function mtmsg.newlistener(name)
        if name ~= nil and type(name) ~= "string" then bad(1, "newlistener", "") end
        if state.aborted then raise("operation_aborted") end
        local listener = new_object("listener", name)
        listener.members, listener.ready = {}, {}
        return new_handle(listener_ops, listener)
    end

    function mtmsg.newtopic(name)
        local last = type(name) == "table" and name.last
        if type(name) == "table" then name = name.name end
        if state.aborted then raise("operation_aborted") end
        local topic = new_object("topic", name)
        topic.subscribers, topic.last = {}, last
        return new_handle(topic_ops, topic)
    end

    function mtmsg.newwriter(size, grow)
        local bytes, fixed = check_memory("newwriter", 1, size, grow)
        return setmetatable({ size = bytes, fixed = fixed, message = { n = 0, size = 0 } }, writer_class)
    end

    function mtmsg.newreader(size, grow)
        local leases = type(size) == "table" and size.lease
        if type(size) == "table" then size, grow = size.size, size.grow end
        local bytes, fixed = check_memory("newreader", 1, size, grow)
        local limit = fixed and bytes or nil
        return setmetatable({ limit = limit, message = { n = 0 }, at = 0, leases = leases }, reader_class)
    end

    -- Whether some handle leads to the object. One to which none does (it refers to itself, by notifiers) goes sooner
    -- or later.
    local function is_reachable(object)
        local seen, list = {}, {}
        local function see(other)
            if other and not seen[other] then
                seen[other] = true
                list[#list + 1] = other
            end
        end
        for handle in pairs(state.handles) do see(handle.object) end
        local i = 1
        while list[i] do
            local other = list[i]
            see(other.listener)
            see(other[">"] and other[">"].buffer)
            see(other["<"] and other["<"].buffer)
            for _, member in ipairs(other.members or {}) do
                if member.refs == 0 then see(member) end -- it is the listener's own
            end
            i = i + 1
        end
        return seen[object] or false
    end

    state.is_reachable = is_reachable

    local function finder(kind, class)
        return function(key)
            if type(key) ~= "string" and type(key) ~= "number" then bad(1, kind, "") end
            local found, open = {}, {}
            for _, object in ipairs(state.objects) do
                if object.kind == kind and (object.name == key or object.id == key) then
                    table.insert(found, object)
                    if not object.closed then table.insert(open, object) end
                end
            end
            if #open > 0 then found = open end
            if state.aborted then raise("operation_aborted") end
            local what = kind .. (type(key) == "string" and " name " .. values.quote(key) or (" id %.0f"):format(key))
            if #found == 0 then raise("unknown_object", what) end
            for _, object in ipairs(found) do
                if not is_reachable(object) then error(values.SKIP, 0) end
            end
            if #found > 1 then raise("ambiguous_name", what) end
            return new_handle(class, found[1])
        end
    end
    mtmsg.buffer, mtmsg.listener = finder("buffer", buffer_ops), finder("listener", listener_ops)
    mtmsg.topic = finder("topic", topic_ops)

    function mtmsg.abort(...)
        local flag = check_flag("abort", ...)
        for _, object in ipairs(flag and {} or state.objects) do
            if object.members then q.check_order(object, function() return true end) end
        end
        state.aborted = flag
        local function sync(object)
            object.aborted_all = flag
            if not flag then object.aborted = false end
        end
        for _, object in ipairs(state.objects) do
            sync(object)
            if object.members then each_member(object, sync) end
        end
        for _, object in ipairs(state.objects) do
            if object.members then each_member(object, flag and q.take_off or enter) end
        end
    end

    -- Without waiting.
    local function reason_of(object)
        if object.closed then return "object_closed" end
        if is_aborted(object) then return "operation_aborted" end
        if q.is_at_its_end(object) then return object.finished and "object_closed" or "no_buffers" end
    end

    function mtmsg.select(_, ...)
        local ended, reason, any
        for i = 1, select("#", ...) do
            local handle = select(i, ...)
            local why = handle and reason_of(handle.object)
            any = any or handle
            if why and not ended then ended, reason = handle, why end
            if handle and not why and q.first(handle.object) then
                local object = handle.object
                return handle, nextmsg({ object = object, blocking = false }, 0)
            end
        end
        if ended then return nil, "mtmsg.error." .. reason, ended end
        return nil, "mtmsg.error." .. (any and "timeout" or "no_buffers")
    end

    function mtmsg.isabort() return state.aborted end
    function mtmsg.sleep() if state.aborted then raise("operation_aborted") end end
    function mtmsg.type(value)
        local class = type(value) == "table" and getmetatable(value)
        return class and class.__name or type(value)
    end

    return mtmsg, state
end

return model
