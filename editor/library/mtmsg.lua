---@meta mtmsg
-- What lua-language-server should know about the module: types, arguments and a summary of each call, as annotations
-- (LuaCATS). Nobody runs this file. docs/reference.md has the whole story; a test compares the two.
-- The classes have no parent: if they were userdata, any of them could be given for any other without a complaint.

---What a message may consist of: of the userdata light ones, arrays, buffers, listeners, topics, and objects of other
---modules with the Object C API.
---@alias mtmsg.value nil|boolean|number|string|table|lightuserdata|userdata|function|mtmsg.object

---What can be created and found by its id or name.
---@alias mtmsg.object mtmsg.buffer|mtmsg.listener|mtmsg.topic

---An array with the carray C API, as the module `carray` makes them.
---@alias mtmsg.array userdata

---An object with the Notify C API, such as a buffer.
---@alias mtmsg.notifier mtmsg.buffer|userdata|table

---@alias mtmsg.event
---| ">" # after a message was added
---| "<" # after a message was removed

---Refers to a queue of messages that all threads of the process can share. Each state has objects of its own for it,
---made with `mtmsg.newbuffer`, `mtmsg.buffer` or `listener:newbuffer`.
---@class mtmsg.buffer
local buffer = {}

---Refers to a listener, which receives from its buffers in turn. Made with `mtmsg.newlistener` or `mtmsg.listener`.
---@class mtmsg.listener
local listener = {}

---Refers to a topic, which passes each message on to all buffers that have subscribed. Made with `mtmsg.newtopic` or
---`mtmsg.topic`.
---@class mtmsg.topic
local topic = {}

---Collects the values of a message step by step. It stays in the state that made it.
---@class mtmsg.writer
local writer = {}

---Takes a whole message and hands out its values step by step. It stays in the state that made it.
---@class mtmsg.reader
local reader = {}

---What gives way if an addition would exceed a bound.
---@alias mtmsg.overflow
---| "refuse" # the new message: addmsg returns false
---| "oldest" # the oldest messages are dropped

---How a buffer is to be made.
---@class mtmsg.buffer_options
---@field name? string need not be unique
---@field size? integer bytes to begin with; 1024 unless given
---@field grow? number factor by which memory grows; 2 unless given, 0 for a fixed size
---@field limit? integer the most messages
---@field maxbytes? integer the most bytes that they account for
---@field overflow? mtmsg.overflow what gives way; `"refuse"` unless given
---@field create? boolean find an open one of that name, or create it; the second result tells which

---How a listener is to be made.
---@class mtmsg.listener_options
---@field name? string need not be unique
---@field create? boolean find an open one of that name, or create it; the second result tells which

---How a topic is to be made.
---@class mtmsg.topic_options
---@field name? string need not be unique
---@field create? boolean find an open one of that name, or create it; the second result tells which
---@field last? boolean a new subscriber begins with the latest message

---How a subscriber is to be made.
---@class mtmsg.subscriber_options
---@field name? string need not be unique
---@field size? integer bytes to begin with; 1024 unless given
---@field grow? number factor by which memory grows; 2 unless given, 0 for a fixed size
---@field limit? integer the most messages
---@field maxbytes? integer the most bytes that they account for
---@field overflow? mtmsg.overflow what gives way; `"refuse"` unless given
---@field listener? mtmsg.listener serves it

---How a reader is to be made.
---@class mtmsg.reader_options
---@field size? integer bytes to begin with; 1024 unless given
---@field grow? number factor by which memory grows; 2 unless given, 0 for a fixed size
---@field lease? boolean a message goes back to its buffer if the reader ends before it is done

---What can be seen of a buffer, listener or topic. What does not apply is nil.
---@class mtmsg.info
---@field kind "buffer"|"listener"|"topic"
---@field id integer
---@field name? string
---@field messages? integer queued
---@field bytes? integer that they account for
---@field limit? integer most messages
---@field maxbytes? integer most bytes
---@field added? integer messages that were ever added
---@field taken? integer by receivers
---@field replaced? integer thrown away by setmsg
---@field dropped? integer thrown away for newer ones
---@field receivers? integer threads that wait for a message
---@field selects? integer those of them that wait in mtmsg.select
---@field senders? integer threads that wait for room
---@field finished boolean
---@field closed boolean
---@field aborted boolean
---@field references integer
---@field listener? integer its id
---@field topic? integer its id
---@field buffers? integer connected to a listener
---@field subscribers? integer of a topic

---What errors begin with; look for them with `err:find(mtmsg.error.object_closed, 1, true)`.
---@class mtmsg.error
---@field ambiguous_name string several buffers, or several listeners, have the name
---@field has_notifier string the buffer has a notifier of this type already
---@field message_size string more bytes than a buffer, writer or reader may hold
---@field no_buffers string a listener without any buffer cannot receive
---@field object_closed string the buffer or listener is closed
---@field operation_aborted string the object, or everything, is aborted
---@field out_of_memory string memory of the size asked for is not to be had
---@field timeout string a reason, never raised: there was no message in time
---@field unknown_object string no buffer or listener has the id or name; perhaps it was collected

---Message buffers between threads.
---@class mtmsg
---@field error mtmsg.error
---@field _VERSION string
---@field _INFO string the atomic operations and thread primitives that it was built with
local mtmsg = {}

---Creates a buffer. With grow 0 the size in bytes is a fixed limit, and no message that fits needs an allocation.
---With the option `create` an open one of the name is found, if there is one.
---
---Raises `operation_aborted`, `out_of_memory`, `ambiguous_name`.
---@param name? string need not be unique
---@param size? integer bytes to begin with; 1024 unless given
---@param grow? number factor by which memory grows; 2 unless given, 0 for a fixed size
---@return mtmsg.buffer
---@overload fun(size?: integer, grow?: number): mtmsg.buffer
---@overload fun(options: mtmsg.buffer_options): mtmsg.buffer, boolean?
---@nodiscard
function mtmsg.newbuffer(name, size, grow) end

---Finds a buffer of this process, whichever thread created it.
---
---Raises `unknown_object`, `ambiguous_name`, `operation_aborted`.
---@param id integer what `buffer:id()` gave
---@return mtmsg.buffer
---@overload fun(name: string): mtmsg.buffer
---@nodiscard
function mtmsg.buffer(id) end

---Creates a listener. It has no buffers yet: `listener:newbuffer` makes them.
---
---Raises `operation_aborted`, `out_of_memory`.
---@param name? string need not be unique
---@return mtmsg.listener
---@overload fun(options: mtmsg.listener_options): mtmsg.listener, boolean?
---@nodiscard
function mtmsg.newlistener(name) end

---Finds a listener of this process, whichever thread created it.
---
---Raises `unknown_object`, `ambiguous_name`, `operation_aborted`.
---@param id integer what `listener:id()` gave
---@return mtmsg.listener
---@overload fun(name: string): mtmsg.listener
---@nodiscard
function mtmsg.listener(id) end

---Creates a topic: what is added to it is added to every buffer that has subscribed.
---
---Raises `operation_aborted`, `out_of_memory`.
---@param name? string need not be unique
---@return mtmsg.topic
---@overload fun(options: mtmsg.topic_options): mtmsg.topic, boolean?
---@nodiscard
function mtmsg.newtopic(name) end

---Finds a topic of this process, whichever thread created it.
---
---Raises `unknown_object`, `ambiguous_name`, `operation_aborted`.
---@param id integer what `topic:id()` gave
---@return mtmsg.topic
---@overload fun(name: string): mtmsg.topic
---@nodiscard
function mtmsg.topic(id) end

---Aborts all buffers, all listeners, finding, creating and sleeping in the whole process, or ends that with false.
---@param flag? boolean true unless given
function mtmsg.abort(flag) end

---Whether `mtmsg.abort()` is in force.
---@return boolean
function mtmsg.isabort() end

---Seconds since 1970-01-01 UTC, with fractions. This is the time of day, which may be set.
---@return number
function mtmsg.time() end

---Suspends the calling thread.
---
---Raises `operation_aborted`.
---@param timeout number seconds
function mtmsg.sleep(timeout) end

---The type of any value; for objects of this module and others that are registered with Lua the name of their class.
---@param arg any
---@return string
function mtmsg.type(arg) end

---Creates a writer.
---
---Raises `out_of_memory`.
---@param size? integer bytes to begin with; 1024 unless given
---@param grow? number factor by which memory grows; 2 unless given, 0 for a fixed size
---@return mtmsg.writer
---@nodiscard
function mtmsg.newwriter(size, grow) end

---Creates a reader.
---
---Raises `out_of_memory`.
---@param size? integer bytes to begin with; 1024 unless given
---@param grow? number factor by which memory grows; 2 unless given, 0 for a fixed size
---@return mtmsg.reader
---@overload fun(options: mtmsg.reader_options): mtmsg.reader
---@nodiscard
function mtmsg.newreader(size, grow) end

---Registers a metatable of this state: tables that have it travel with the name. A nil takes it back; without it the
---function only asks.
---@param name string
---@param metatable? any a table without __gc, __close and __mode, or nil
---@return any metatable that the name has now
function mtmsg.metatable(name, metatable) end

---What can be seen of every buffer, listener and topic of the process.
---@return mtmsg.info[]
function mtmsg.objects() end

---The next message of the first source that has one; it waits for one. Nil and false are passed over.
---
---Raises `out_of_memory`.
---@param timeout number|nil seconds; nil: without limit
---@param ... mtmsg.buffer|mtmsg.listener|nil|false
---@return any source it is a buffer or listener; nil: no message
---@return any ... the values; or the reason, an error name, and the source that has ended
function mtmsg.select(timeout, ...) end

---Says whether this state accepts Lua functions in messages. Without the flag it only asks.
---@param flag? boolean
---@return boolean accepted before the call
function mtmsg.functions(flag) end

---The id, with which another thread finds this buffer. No other object of the process has or has had it.
---@return integer
function buffer:id() end

---The name that it was created with.
---@return string?
function buffer:name() end

---Adds the arguments as one message. False if a fixed size has no room for it at present, or if this object is in
---nonblocking mode and another thread was in the way.
---
---Raises `message_size`, `object_closed`, `operation_aborted`, `out_of_memory`.
---@param ... mtmsg.value
---@return boolean added
function buffer:addmsg(...) end

---Adds the arguments as one message, and waits for room as long as settimeout says. Nil and a reason, an error name:
---not added.
---
---Raises `message_size`, `out_of_memory`.
---@param ... mtmsg.value
---@return boolean? added
---@return string? reason
function buffer:putmsg(...) end

---Puts one message in the place of all that are there. If it returns false, they are still there.
---
---Raises `message_size`, `object_closed`, `operation_aborted`, `out_of_memory`.
---@param ... mtmsg.value
---@return boolean stored
function buffer:setmsg(...) end

---How many messages are in the buffer.
---@return integer
function buffer:msgcnt() end

---Removes all messages. False only in nonblocking mode, if another thread was in the way.
---
---Raises `object_closed`.
---@return boolean cleared
function buffer:clear() end

---Receives the first message, and waits for one: for as long as it takes, or up to the timeout. Returns its values, or
---nothing if there was none in time. In nonblocking mode it waits only if there is a timeout above 0.
---
---Raises `object_closed`, `operation_aborted`.
---@param timeout? number seconds; 0 does not wait
---@param ... mtmsg.array? used again for arrays in the message
---@return any ... the values of the message
---@overload fun(self: mtmsg.buffer, ...: mtmsg.array?): ...
function buffer:nextmsg(timeout, ...) end

---Receives the first message, and tells by its results: the id of the buffer and the values, or
---nil and the reason (`mtmsg.error.timeout`, `object_closed`, `operation_aborted`).
---@param timeout? number seconds; 0 does not wait; unless given what settimeout says
---@param ... mtmsg.array? used again for arrays in the message
---@return integer? id
---@return any ... the values, or the reason
---@overload fun(self: mtmsg.buffer, ...: mtmsg.array?): integer?, ...
function buffer:getmsg(timeout, ...) end

---Gives the first message, which stays, and tells by its results: the id of the buffer and the values, or
---nil and the reason (`mtmsg.error.timeout`, `object_closed`, `operation_aborted`).
---@param timeout? number seconds; 0 does not wait; unless given what settimeout says
---@param ... mtmsg.array? used again for arrays in the message
---@return integer? id
---@return any ... the values, or the reason
---@overload fun(self: mtmsg.buffer, ...: mtmsg.array?): integer?, ...
function buffer:peekmsg(timeout, ...) end

---For loops: `for id, ... in buffer:messages() do`. Ends when it is closed, or finished and drained, and when nothing
---comes in time.
---
---Raises `operation_aborted`.
---@param timeout? number seconds, for each message anew; unless given what settimeout says
---@return function
---@return mtmsg.buffer
function buffer:messages(timeout) end

---How long getmsg and the like wait if they are not told: without limit unless given.
---@param timeout? number seconds
function buffer:settimeout(timeout) end

---Connects a notifier, which is then called by each thread that adds to the buffer (or removes from it), or disconnects
---it if nil is given.
---
---Raises `has_notifier`, `object_closed`.
---@param ntf mtmsg.notifier?
---@param type? mtmsg.event what it is called after; `">"` unless given
---@param threshold? integer call only if more messages than this are there, or for `"<"`: only if fewer are left
function buffer:notifier(ntf, type, threshold) end

---Switches the nonblocking mode of this object on or off, in which no call waits for another thread.
---
---Raises `object_closed`, `operation_aborted`.
---@param flag? boolean true unless given
function buffer:nonblock(flag) end

---Whether this object is in nonblocking mode.
---@return boolean
function buffer:isnonblock() end

---Leaves a message that is added when this Lua state closes, however its thread ends. The result withdraws it, and
---returns whether it was still there.
---
---Raises `object_closed`, `message_size`, `out_of_memory`.
---@param ... mtmsg.value
---@return function
function buffer:will(...) end

---What can be seen of it: messages, bytes, bounds, what was added and taken, who waits.
---@return mtmsg.info
function buffer:info() end

---Gives up this reference now, instead of when it is collected. To this object it is as if it were closed.
function buffer:release() end

---Closes the buffer for all threads and for good, and frees its messages.
function buffer:close() end

---No more messages, for all threads and for good: those that are there are delivered, then it is as if closed.
function buffer:finish() end

---Aborts the buffer: whoever uses it, or waits for it, gets `operation_aborted`. Messages stay. False enables it again.
---@param flag? boolean true unless given
function buffer:abort(flag) end

---Whether the buffer is aborted.
---@return boolean
function buffer:isabort() end

---A descriptor for event loops, readable while a receive would not wait; closed with this object.
---@return integer
function buffer:pollfd() end

---The id, with which another thread finds this listener. No other object of the process has or has had it.
---@return integer
function listener:id() end

---The name that it was created with.
---@return string?
function listener:name() end

---Creates a buffer that is connected to the listener. Keep the result: the listener does not keep its buffers alive.
---
---Raises `object_closed`, `operation_aborted`, `out_of_memory`.
---@param name? string need not be unique
---@param size? integer bytes to begin with; 1024 unless given
---@param grow? number factor by which memory grows; 2 unless given, 0 for a fixed size
---@return mtmsg.buffer
---@overload fun(self: mtmsg.listener, size?: integer, grow?: number): mtmsg.buffer
---@overload fun(self: mtmsg.listener, options: mtmsg.buffer_options): mtmsg.buffer, boolean?
---@nodiscard
function listener:newbuffer(name, size, grow) end

---Receives a message of the buffer whose turn it is, and waits like `buffer:nextmsg`.
---
---Raises `no_buffers`, `object_closed`, `operation_aborted`.
---@param timeout? number seconds; 0 does not wait
---@param ... mtmsg.array? used again for arrays in the message
---@return any ... the values of the message
---@overload fun(self: mtmsg.listener, ...: mtmsg.array?): ...
function listener:nextmsg(timeout, ...) end

---Receives a message of the buffer whose turn it is, and tells by its results: the id of the buffer and the values, or
---nil and the reason (`mtmsg.error.timeout`, `object_closed`, `no_buffers`, `operation_aborted`).
---@param timeout? number seconds; 0 does not wait; unless given what settimeout says
---@param ... mtmsg.array? used again for arrays in the message
---@return integer? id
---@return any ... the values, or the reason
---@overload fun(self: mtmsg.listener, ...: mtmsg.array?): integer?, ...
function listener:getmsg(timeout, ...) end

---For loops: `for id, ... in listener:messages() do`. Ends when it is closed, or finished and drained, when it has no
---buffers, and when nothing comes in time.
---
---Raises `operation_aborted`.
---@param timeout? number seconds, for each message anew; unless given what settimeout says
---@return function
---@return mtmsg.listener
function listener:messages(timeout) end

---How long getmsg and the like wait if they are not told: without limit unless given.
---@param timeout? number seconds
function listener:settimeout(timeout) end

---Switches the nonblocking mode of this object on or off, in which no call waits for another thread.
---
---Raises `object_closed`, `operation_aborted`.
---@param flag? boolean true unless given
function listener:nonblock(flag) end

---Whether this object is in nonblocking mode.
---@return boolean
function listener:isnonblock() end

---Removes all messages of all its buffers. False only in nonblocking mode, if another thread was in the way.
---
---Raises `object_closed`.
---@return boolean cleared
function listener:clear() end

---What can be seen of it, and of all of its buffers together.
---@return mtmsg.info
function listener:info() end

---Gives up this reference now, instead of when it is collected. To this object it is as if it were closed.
function listener:release() end

---Closes the listener and its buffers for all threads and for good, and frees the messages.
function listener:close() end

---Finishes its buffers, and refuses new ones; when they are drained it is as if closed.
function listener:finish() end

---Aborts the listener and its buffers, or enables them again with false. Messages stay.
---@param flag? boolean true unless given
function listener:abort(flag) end

---Whether the listener is aborted.
---@return boolean
function listener:isabort() end

---A descriptor for event loops, readable while a receive would not wait; closed with this object.
---@return integer
function listener:pollfd() end

---A number that finds the topic in other threads, by `mtmsg.topic`.
---@return integer
function topic:id() end

---The name given at creation.
---@return string?
function topic:name() end

---Creates a buffer that gets what is added to the topic from now on; with the option `last` of the topic first the
---latest message.
---
---Raises `object_closed`, `operation_aborted`, `out_of_memory`.
---@param name? string need not be unique
---@param size? integer bytes to begin with; 1024 unless given
---@param grow? number factor by which memory grows; 2 unless given, 0 for a fixed size
---@return mtmsg.buffer
---@overload fun(self: mtmsg.topic, size?: integer, grow?: number): mtmsg.buffer
---@overload fun(self: mtmsg.topic, options: mtmsg.subscriber_options): mtmsg.buffer
---@nodiscard
function topic:subscribe(name, size, grow) end

---Adds the arguments as one message to every subscriber. It never waits for a receiver.
---
---Raises `object_closed`, `operation_aborted`, `out_of_memory`.
---@param ... mtmsg.value
---@return integer taken how many have it
---@return integer refused how many have not: they are full or busy
function topic:addmsg(...) end

---Puts one message in the place of all messages of every subscriber.
---
---Raises `object_closed`, `operation_aborted`, `out_of_memory`.
---@param ... mtmsg.value
---@return integer taken how many have it
---@return integer refused how many have not: they are busy
function topic:setmsg(...) end

---Adds the arguments as one message to every subscriber, and waits for those that are full.
---
---Raises `out_of_memory`.
---@param ... mtmsg.value
---@return integer? taken how many have it; nil if the topic has ended or is aborted
---@return any refused how many had no room in time; or the reason, a string
function topic:putmsg(...) end

---Sets how long `putmsg` of this object waits for room.
---@param timeout? number seconds; none: without limit
function topic:settimeout(timeout) end

---Gives up this reference now.
function topic:release() end

---Forgets the latest message, which new subscribers get with the option `last`. False only in nonblocking mode.
---
---Raises `object_closed`.
---@return boolean
function topic:clear() end

---Switches the nonblocking mode of this object: its calls wait for no other thread.
---
---Raises `object_closed`, `operation_aborted`.
---@param flag? boolean true unless given
function topic:nonblock(flag) end

---Whether this object is in nonblocking mode.
---@return boolean
function topic:isnonblock() end

---What can be seen of it.
---@return mtmsg.info
function topic:info() end

---Ends the topic and its subscribers for good. Every thread that uses or waits for one gets `object_closed`.
function topic:close() end

---No more messages and no more subscribers. What the subscribers have is delivered; then it is as if they were closed.
function topic:finish() end

---Interrupts the topic and its subscribers, or ends that with false.
---@param flag? boolean true unless given
function topic:abort(flag) end

---Whether the topic is aborted.
---@return boolean
function topic:isabort() end

---Appends the arguments: all of them, or none if it raises an error.
---
---Raises `message_size`, `out_of_memory`.
---@param ... mtmsg.value
function writer:add(...) end

---Adds the collected values to the buffer as one message. After true the writer is empty, else it has what it had.
---
---Raises `message_size`, `object_closed`, `operation_aborted`, `out_of_memory`.
---@param buffer mtmsg.buffer
---@return boolean added
---@overload fun(self: mtmsg.writer, topic: mtmsg.topic): integer, integer
function writer:addmsg(buffer) end

---Adds the collected values to the buffer as one message, and waits for room as long as settimeout says. After true the
---writer is empty.
---
---Raises `message_size`, `out_of_memory`.
---@param buffer mtmsg.buffer
---@return boolean? added
---@return string? reason
function writer:putmsg(buffer) end

---Puts the collected values, as one message, in the place of all messages of the buffer.
---
---Raises `message_size`, `object_closed`, `operation_aborted`, `out_of_memory`.
---@param buffer mtmsg.buffer
---@return boolean stored
---@overload fun(self: mtmsg.writer, topic: mtmsg.topic): integer, integer
function writer:setmsg(buffer) end

---Forgets the collected values.
function writer:clear() end

---Hands out the next values; fewer than asked for, or nothing, when no more are left.
---@param count? integer 1 unless given; all the rest if negative
---@param ... mtmsg.array? used again for arrays among the values
---@return any ... the values
---@overload fun(self: mtmsg.reader, ...: mtmsg.array?): ...
function reader:next(count, ...) end

---Receives a message as a whole, and drops what is left of the one before. It waits like `buffer:nextmsg`; false if
---there was none in time.
---
---Raises `no_buffers`, `message_size`, `out_of_memory`, `object_closed`, `operation_aborted`.
---@param buffer mtmsg.buffer
---@param timeout? number seconds; 0 does not wait
---@return boolean received
---@overload fun(self: mtmsg.reader, listener: mtmsg.listener, timeout?: number): boolean
function reader:nextmsg(buffer, timeout) end

---As nextmsg, and tells by its results: the id of the buffer that the message came from, or nil and the reason.
---
---Raises `message_size`, `out_of_memory`.
---@param buffer mtmsg.buffer
---@param timeout? number seconds; 0 does not wait; unless given what the buffer's settimeout says
---@return integer? id
---@return string? reason
---@overload fun(self: mtmsg.reader, listener: mtmsg.listener, timeout?: number): integer?, string?
function reader:getmsg(buffer, timeout) end

---Drops the values that are left.
function reader:clear() end

---The message has been dealt with: a lease does not go back any more. The values stay.
function reader:done() end

---Gives the message back to its place, first in line. False: there is nothing to give back; nil: the reason is
---`mtmsg.error.object_closed` or `mtmsg.error.operation_aborted`.
---@return boolean? given_back
---@return string? reason
function reader:putback() end

return mtmsg
