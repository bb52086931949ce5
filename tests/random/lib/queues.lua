-- The model's objects: their lifetime, ready queues and notifiers, and how messages get in and out. The classes that
-- Lua code sees are in model.lua.

local values = dofile "tests/random/lib/values.lua"
local raise, record_size, quote = values.raise, values.record_size, values.quote
local unpack = table.unpack or unpack

-- The functions on the objects of one process. Its state: whether it is aborted, all objects that can be found, and
-- the handles.
return function(state)
    ------------------------------------------------------------------------------ objects

    local function describe(object)
        local name = object.name and ("name=%s,"):format(quote(object.name)) or ""
        return ("mtmsg.%s(%sid=%.0f)"):format(object.kind, name, object.id)
    end

    local function raise_closed(object)
        raise("object_closed", describe(object) .. (object.finished and " finished" or ""))
    end

    local function is_aborted(object) return object.aborted or object.aborted_all or false end

    local function check_state(object)
        if object.closed then raise_closed(object) end
        if is_aborted(object) then raise("operation_aborted") end
    end

    -- Nothing more comes: no message is there, and the buffer, or all that the listener has, is finished.
    local function has_members(listener)
        for _, buffer in ipairs(listener.members) do
            if buffer.refs > 0 and not state.is_reachable(buffer) then error(values.SKIP, 0) end
            if not buffer.finished or #buffer.messages > 0 then return true end
        end
        return false
    end

    local function is_at_its_end(object)
        if object.members then return not has_members(object) end
        return object.finished and #object.messages == 0
    end

    local function check_end(object)
        if not is_at_its_end(object) then return end
        if object.finished then raise_closed(object) end
        raise("no_buffers", describe(object))
    end

    local function new_object(kind, name)
        local object = { kind = kind, name = name, refs = 0 }
        table.insert(state.objects, object)
        return object
    end

    local function new_handle(class, object)
        local handle = setmetatable({ object = object, blocking = true }, class)
        state.handles[handle] = true
        object.refs = object.refs + 1
        return handle
    end

    local function remove(list, value)
        for i = 1, #list do
            if list[i] == value then return table.remove(list, i) end
        end
    end

    ------------------------------------------------------------------------------ the ready queue

    local function can_serve(buffer)
        return #buffer.messages > 0 and not buffer.closed and not is_aborted(buffer)
    end

    local function take_off(buffer)
        remove(buffer.listener.ready, buffer)
        if can_serve(buffer) then table.insert(buffer.listener.ready, buffer) end
    end

    local function is_queued(buffer)
        for _, other in ipairs(buffer.listener.ready) do
            if other == buffer then return true end
        end
    end

    local function enter(buffer)
        if buffer.listener and can_serve(buffer) and not is_queued(buffer) then
            table.insert(buffer.listener.ready, buffer)
        end
    end

    -- Whenever one of its messages was taken, by whomever.
    local function to_end(buffer)
        if not buffer.listener then return end
        remove(buffer.listener.ready, buffer)
        enter(buffer)
    end

    -- Several that are enabled at the same time may enter in any order.
    local function check_order(listener, will_serve)
        local count = 0
        for _, buffer in ipairs(listener.members) do
            if #buffer.messages > 0 and not buffer.closed and not is_queued(buffer) and will_serve(buffer) then
                count = count + 1
            end
        end
        if count > 1 then error(values.SKIP, 0) end
    end

    ------------------------------------------------------------------------------ lifetime

    local release, break_rings

    local function disconnect(buffer, event)
        local notifier = buffer[event]
        buffer[event] = nil
        if notifier then release(notifier.buffer) end
    end

    local function free_buffer(buffer)
        disconnect(buffer, ">")
        disconnect(buffer, "<")
    end

    -- A subscriber that is freed.
    local function leave_topic(buffer)
        local topic = buffer.topic
        if not topic then return end
        buffer.topic = nil
        remove(topic.subscribers, buffer)
        release(topic)
    end

    local function leave_if_drained(buffer)
        if buffer.refs == 0 and buffer.listener and #buffer.messages == 0 and buffer.holds == 0 and not buffer.left then
            buffer.left = true
            remove(buffer.listener.members, buffer)
            remove(buffer.listener.ready, buffer)
            free_buffer(buffer)
            leave_topic(buffer)
        end
    end

    function release(object)
        object.refs = object.refs - 1
        if object.refs > 0 then return break_rings() end
        remove(state.objects, object)
        if object.kind == "listener" then
            for _, orphan in ipairs(object.members) do
                orphan.left = true
                free_buffer(orphan)
                leave_topic(orphan)
            end
        elseif object.kind == "topic" then
            object.latest = nil
        elseif object.listener then
            if #object.messages > 0 or object.holds > 0 then
                object.aborted = object.listener.aborted
                if is_aborted(object) then take_off(object) else enter(object) end
            end
            leave_if_drained(object)
            release(object.listener)
        else
            free_buffer(object)
            leave_topic(object)
        end
    end

    -- What a program can reach: by its handles and leases, and from there by what one object keeps of others.
    local function reachable()
        local met, list = {}, {}
        local function meet(object)
            if object and not met[object] then
                met[object] = true
                table.insert(list, object)
            end
        end
        for handle in pairs(state.handles) do meet(handle.object) end
        for lease in pairs(state.leases) do
            meet(lease.source)
            meet(lease.buffer)
        end
        local at = 1
        while list[at] do
            local object = list[at]
            if object[">"] then meet(object[">"].buffer) end
            if object["<"] then meet(object["<"].buffer) end
            meet(object.listener)
            meet(object.topic)
            for _, member in ipairs(object.members or {}) do meet(member) end -- its messages are received there
            at = at + 1
        end
        return met
    end

    -- Buffers that only keep each other, as notifiers, are freed.
    local breaking = false
    function break_rings()
        if breaking then return end
        breaking = true
        local met, again = reachable(), true
        while again do
            again = false
            local all = { unpack(state.objects) }
            for _, object in ipairs(state.objects) do
                for _, member in ipairs(object.members or {}) do table.insert(all, member) end
            end
            for _, object in ipairs(all) do
                if object.kind == "buffer" and not met[object] and (object[">"] or object["<"]) then
                    free_buffer(object)
                    again = true
                end
            end
        end
        breaking = false
    end

    -- Handles that are not in that set are garbage.
    function state.collect(used)
        for handle in pairs(state.handles) do
            if not used[handle] then
                state.handles[handle] = nil
                release(handle.object)
            end
        end
        break_rings()
    end

    ------------------------------------------------------------------------------ leases

    -- What a reader has got from the source; the source is kept, and a listener's buffer is left to drain.
    local function begin_lease(source, buffer)
        local lease = { source = source, buffer = buffer }
        source.refs = source.refs + 1
        state.leases[lease] = true
        if source ~= buffer then buffer.holds = buffer.holds + 1 end
        return lease
    end

    local function end_lease(lease)
        local buffer = lease.buffer
        if lease.source ~= buffer then buffer.holds = buffer.holds - 1 end
        leave_if_drained(buffer)
        state.leases[lease] = nil
        release(lease.source)
        break_rings()
    end

    -- In front of all that came after it; whether its time is not over.
    local function put_back(buffer, message, epoch)
        if buffer.epoch ~= epoch then return false end
        local at = 1
        while buffer.messages[at] and buffer.messages[at].seq < message.seq do at = at + 1 end
        table.insert(buffer.messages, at, message)
        enter(buffer)
        return true
    end

    -- All messages are thrown away.
    local function empty(buffer)
        buffer.messages, buffer.epoch = {}, buffer.epoch + 1
    end

    ------------------------------------------------------------------------------ notifiers

    local put

    local function fired(buffer, event)
        local notifier = buffer[event]
        if not notifier then return end
        local count, threshold = #buffer.messages, notifier.threshold
        if event == ">" and count > threshold or event == "<" and count < threshold or threshold <= 0 then
            return notifier
        end
    end

    -- A call that must not wait hands on what it lets go of, so it is not known when the last reference goes.
    local function check_last_reference(buffer, event)
        local notifier, met = buffer[event], {}
        while notifier and not met[notifier.buffer] do
            met[notifier.buffer] = true
            local told = notifier.buffer
            if (told.closed or told.finished) and told.refs == 1 then error(values.SKIP, 0) end
            notifier = told[">"]
        end
    end

    -- Returns the text of a failure.
    local function notify(buffer, event, notifier)
        local met = {}
        while notifier do
            met[buffer] = true
            if met[notifier.buffer] then return end
            local code, next_notifier = put(notifier.buffer, { n = 0, size = 0 }, false)
            if code == 1 then
                if buffer[event] == notifier then disconnect(buffer, event) end
            elseif code ~= 0 then
                return ("Unknown error while calling notifier. (rc=%d)"):format(code)
            end
            buffer, event, notifier = notifier.buffer, ">", next_notifier
        end
    end

    ------------------------------------------------------------------------------ adding

    local function used_bytes(buffer)
        local bytes = 0
        for _, message in ipairs(buffer.messages) do bytes = bytes + record_size(message) end
        return bytes
    end

    -- Returns the code of the C APIs, and the notifier to call.
    function put(buffer, message, replace)
        if buffer.closed then return 1 end
        if is_aborted(buffer) then return 2 end
        if buffer.finished then return 1 end
        if buffer.fixed then
            if record_size(message) > buffer.size then return 5 end
            if not replace and used_bytes(buffer) + record_size(message) > buffer.size then return 4 end
        end
        if replace then empty(buffer) end
        buffer.added = buffer.added + 1
        message.seq = buffer.added
        table.insert(buffer.messages, message)
        enter(buffer)
        return 0, fired(buffer, ">")
    end

    local function send(buffer, message, replace, stored)
        check_last_reference(buffer, ">")
        local code, notifier = put(buffer, message, replace)
        if code == 1 or code == 2 then
            check_state(buffer)
            raise_closed(buffer)
        end
        if code == 5 then
            values.raise_size(record_size(message), buffer.size, describe(buffer))
        end
        if code == 4 then return false end
        if stored then stored() end
        local failure = notifier and notify(buffer, ">", notifier)
        if failure then error(failure, 0) end
        return true
    end

    ------------------------------------------------------------------------------ receiving
    -- The buffer that is served next, or nil.
    local function first(object)
        if object.kind == "buffer" then return object.messages[1] and object end
        for _, buffer in ipairs(object.ready) do
            if can_serve(buffer) then return buffer end
        end
    end

    local function check_waiting(handle, timeout)
        local object = handle.object
        local waiting = timeout == nil and handle.blocking or timeout ~= nil and timeout > 1
        local fails = object.closed or is_aborted(object) or is_at_its_end(object)
        if waiting and not fails and not first(object) then error(values.SKIP, 0) end
        if not fails and first(object) then check_last_reference(first(object), "<") end
    end

    -- The message, the buffer that it is from, and the failure of the notifier. Nothing if there is none.
    local function take(object, limit)
        check_state(object)
        check_end(object)
        local buffer = first(object)
        while object.ready and object.ready[1] ~= buffer do table.remove(object.ready, 1) end
        if not buffer then return end
        local message = buffer.messages[1]
        if limit and message.size > limit then
            if object.ready then to_end(buffer) end
            values.raise_size(message.size, limit, "mtmsg.reader")
        end
        table.remove(buffer.messages, 1)
        to_end(buffer)
        local notifier = fired(buffer, "<")
        return message, buffer, notifier and notify(buffer, "<", notifier)
    end

    return {
        describe = describe, raise_closed = raise_closed, is_aborted = is_aborted, check_state = check_state,
        new_object = new_object, new_handle = new_handle, remove = remove, take_off = take_off, enter = enter,
        to_end = to_end, check_order = check_order, disconnect = disconnect, free_buffer = free_buffer,
        check_last_reference = check_last_reference, begin_lease = begin_lease, end_lease = end_lease,
        put_back = put_back, empty = empty, put = put, notify = notify,
        first = first, is_at_its_end = is_at_its_end, leave_if_drained = leave_if_drained,
        send = send, check_waiting = check_waiting, take = take,
    }
end
