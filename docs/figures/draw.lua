-- Draws the figures of the documentation as SVG: `make figures` writes them beside this file. Text stays text, and each
-- figure brings its own background, light or dark as the reader prefers. A test compares the files with what this
-- script draws.

local STYLE = [[
text { font: 13px system-ui, "Segoe UI", Helvetica, Arial, sans-serif; fill: #1f2328; }
.code { font: 12.5px ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
.head { font-weight: 600; }
.dim { fill: #59636e; }
.middle { text-anchor: middle; }
.end { text-anchor: end; }
.line { fill: none; stroke: #59636e; stroke-width: 1.5; }
.dashed { stroke-dasharray: 5 4; }
.tip { fill: #59636e; }
.page { fill: #ffffff; stroke: #d1d9e0; }
.thread { fill: #ddf4ff; stroke: #0969da; }
.buffer { fill: #fff3c4; stroke: #9a6700; }
.message { fill: #ffffff; stroke: #9a6700; }
.listener { fill: #dafbe1; stroke: #1a7f37; }
.notifier { fill: #f3e8ff; stroke: #8250df; }
.gone { fill: #f6f8fa; stroke: #818b98; }
.stop { fill: #ffebe9; stroke: #cf222e; }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3; }
.dim { fill: #9da7b1; }
.line { stroke: #9da7b1; }
.tip { fill: #9da7b1; }
.page { fill: #0d1117; stroke: #3d444d; }
.thread { fill: #10253f; stroke: #4493f8; }
.buffer { fill: #33290b; stroke: #d29922; }
.message { fill: #0d1117; stroke: #d29922; }
.listener { fill: #10301a; stroke: #3fb950; }
.notifier { fill: #2a1f3d; stroke: #ab7df8; }
.gone { fill: #151b23; stroke: #656c76; }
.stop { fill: #3b1518; stroke: #f85149; }
}
]]

-- ------------------------------------------------------------------------------------------------ a small SVG pen
local Pen = {}
Pen.__index = Pen

local function escaped(text)
    return (text:gsub("[&<>]", { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;" }))
end

function Pen:put(format, ...)
    self[#self + 1] = format:format(...)
end

function Pen:text(x, y, text, class)
    self:put('<text x="%g" y="%g"%s>%s</text>', x, y, class and (' class="%s"'):format(class) or "", escaped(text))
end

-- A box with lines of text in its middle; the first one is its heading.
function Pen:box(class, x, y, w, h, ...)
    local lines = { ... }
    self:put('<rect class="%s" x="%g" y="%g" width="%g" height="%g" rx="6"/>', class, x, y, w, h)
    for i, line in ipairs(lines) do
        local below = 4.5 + (i - (#lines + 1) / 2) * 18
        self:text(x + w / 2, y + h / 2 + below, line, i == 1 and "middle head" or "middle code")
    end
end

-- A row of small boxes, one per text; an empty text is an empty place.
function Pen:row(class, x, y, w, ...)
    for i, text in ipairs { ... } do
        self:put('<rect class="%s" x="%g" y="%g" width="%g" height="26" rx="3"/>', class, x + (i - 1) * (w + 4), y, w)
        self:text(x + (i - 1) * (w + 4) + w / 2, y + 17.5, text, "middle code")
    end
end

-- A line through the points with a tip at its end: x1, y1, x2, y2, …
function Pen:arrow(points, class)
    local n = #points
    local x, y = points[n - 1], points[n]
    local dx, dy = x - points[n - 3], y - points[n - 2]
    local length = math.sqrt(dx * dx + dy * dy)
    dx, dy = dx / length, dy / length
    points[n - 1], points[n] = x - 7 * dx, y - 7 * dy
    local path = {}
    for i = 1, n, 2 do path[#path + 1] = ("%.4g %.4g"):format(points[i], points[i + 1]) end
    self:put('<path class="line%s" d="M%s"/>', class and " " .. class or "", table.concat(path, " L"))
    self:put('<path class="tip" d="M%.4g %.4g L%.4g %.4g L%.4g %.4g Z"/>', x, y, x - 9 * dx + 4.5 * dy,
        y - 9 * dy - 4.5 * dx, x - 9 * dx - 4.5 * dy, y - 9 * dy + 4.5 * dx)
end

local figures = {}

local function figure(name, w, h, title, draw)
    local pen = setmetatable({}, Pen)
    pen:put('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" width="%g" height="%g" role="img">',
        w, h, w, h)
    pen:put("<title>%s</title>", escaped(title))
    pen:put("<style>\n%s</style>", STYLE)
    pen:put('<rect class="page" x="0.5" y="0.5" width="%g" height="%g" rx="8"/>', w - 1, h - 1)
    draw(pen)
    pen:put("</svg>\n")
    figures[name] = table.concat(pen, "\n")
end

-- ------------------------------------------------------------------------------------------------ the figures
figure("buffer", 720, 250, "A buffer belongs to the process; each thread has reference objects of its own", function(p)
    for i, name in ipairs { "thread 1", "thread 2" } do
        local y = 40 + (i - 1) * 105
        p:box("thread", 24, y, 160, 64, name, i == 1 and 'b:addmsg("a", 1)' or 'b:addmsg("b")')
        p:arrow { 184, y + 32, 264, i == 1 and 108 or 128 }
    end
    p:box("buffer", 264, 70, 192, 96)
    p:text(360, 90, "buffer, id 4711", "middle head")
    p:row("message", 276, 104, 52, "", '"b"', '"a" 1')
    p:text(360, 154, "first in, first out", "middle dim")
    for i, name in ipairs { "thread 3", "thread 4" } do
        local y = 40 + (i - 1) * 105
        p:box("thread", 536, y, 160, 64, name, "b:nextmsg()")
        p:arrow { 456, i == 1 and 108 or 128, 536, y + 32 }
    end
    p:text(360, 232, "each b is made by mtmsg.buffer(4711) in a Lua state of its own; each message reaches one thread",
        "middle dim")
end)

figure("listener", 720, 290, "A listener serves its buffers in turn", function(p)
    local rows = { { "m2", "m1" }, { "m3" }, {} }
    for i, row in ipairs(rows) do
        local y = 30 + (i - 1) * 66
        p:box("buffer", 24, y, 190, 50)
        p:text(38, y + 30, "b" .. i, "head")
        p:row("message", 70, y + 12, 40, row[3] or "", row[2] and row[1] or "", row[2] or row[1] or "")
    end
    p:box("listener", 330, 60, 190, 110)
    p:text(425, 82, "listener", "middle head")
    p:text(425, 104, "line of the buffers that", "middle dim")
    p:text(425, 121, "have messages", "middle dim")
    p:row("buffer", 372, 132, 50, "b2", "b1")
    p:arrow { 214, 55, 330, 95 }
    p:arrow { 214, 121, 330, 115 }
    p:arrow({ 214, 187, 330, 135 }, "dashed")
    p:box("thread", 600, 86, 96, 58, "thread", "nextmsg()")
    p:arrow { 520, 115, 600, 115 }
    p:arrow({ 449, 158, 449, 192, 360, 192, 360, 145, 371, 145 }, "dashed")
    p:text(468, 197, "has more: to the end of the line", "dim")
    p:text(24, 246, "Added: m1 and m2 to b1, then m3 to b2. Received: m1, m3, m2.", "")
    p:text(24, 268, "b3 is empty, and joins the line with its first message. The listener does not keep buffers alive.",
        "dim")
end)

figure("topic", 720, 300, "A topic passes each message on to all who have subscribed", function(p)
    p:box("thread", 24, 84, 150, 58, "thread", 't:addmsg("c")')
    p:arrow { 174, 113, 234, 113 }
    p:box("listener", 234, 72, 130, 82)
    p:text(299, 98, "topic t", "middle head")
    p:text(299, 118, "last:", "middle dim")
    p:row("message", 279, 124, 40, '"c"')
    local rows = {
        { "thread 1", "", "", '"c"' }, { "thread 2", '"c"', '"b"', '"a"' }, { "thread 3", "", "", '"c"' },
    }
    for i, row in ipairs(rows) do
        local y = 26 + (i - 1) * 66
        p:box("buffer", 430, y, 160, 50)
        p:row("message", 446, y + 12, 40, row[2], row[3], row[4])
        p:arrow { 364, 105 + (i - 1) * 8, 430, y + 25 }
        p:box("thread", 630, y + 4, 74, 42, row[1])
        p:arrow { 590, y + 25, 630, y + 25 }
    end
    p:text(24, 246, "Thread 1 has received what came before; thread 2 is slow, and holds up nobody;", "")
    p:text(24, 268, "thread 3 has subscribed just now, and begins with the latest message. All get one order.", "")
end)

figure("lease", 720, 290, "A message on lease goes back unless it is done", function(p)
    p:text(24, 32, "taken", "head")
    p:box("buffer", 24, 44, 180, 50)
    p:row("message", 38, 56, 46, "job 3", "job 2", "")
    p:box("thread", 264, 40, 150, 58, "worker 1", "job 1")
    p:arrow { 204, 69, 264, 69 }
    p:text(24, 132, "worker 1 dies", "head")
    p:box("buffer", 24, 144, 180, 50)
    p:row("message", 38, 156, 46, "job 3", "job 2", "job 1")
    p:box("stop", 264, 140, 150, 58, "worker 1")
    p:arrow({ 264, 169, 204, 169 }, "dashed")
    p:box("thread", 264, 214, 150, 58, "worker 2", "job 1")
    p:arrow { 114, 194, 114, 243, 264, 243 }
    p:arrow { 414, 69, 484, 69 }
    p:box("gone", 484, 40, 212, 58, "reader:done()", "it does not go back")
    p:arrow { 414, 243, 484, 243 }
    p:box("gone", 484, 214, 212, 58, "reader:done()", "once is enough")
    p:text(590, 163, "first in line again,", "middle dim")
    p:text(590, 181, "however the thread ended", "middle dim")
end)

figure("pieces", 720, 220, "A writer collects the values of a message, a reader hands them out", function(p)
    p:box("thread", 24, 40, 180, 118)
    p:text(114, 62, "writer", "middle head")
    p:text(40, 88, "w:add(7)", "code")
    p:text(40, 108, 'w:add("x", true)', "code")
    p:row("message", 40, 122, 44, "7", '"x"', "true")
    p:arrow { 204, 100, 270, 100 }
    p:text(237, 90, "addmsg", "middle code")
    p:box("buffer", 270, 62, 180, 76)
    p:text(360, 82, "buffer", "middle head")
    p:put('<rect class="message" x="290" y="92" width="140" height="32" rx="3"/>')
    p:row("message", 295, 95, 40, "7", '"x"', "true")
    p:arrow { 450, 100, 516, 100 }
    p:text(483, 90, "nextmsg", "middle code")
    p:box("thread", 516, 40, 180, 118)
    p:text(606, 62, "reader", "middle head")
    p:row("message", 532, 74, 44, "7", '"x"', "true")
    p:text(532, 122, "r:next()", "code")
    p:text(610, 122, "7", "dim")
    p:text(532, 142, 'r:next(2)', "code")
    p:text(610, 142, '"x" and true', "dim")
    p:text(360, 192, "In the buffer it is one message: it comes and goes in one step, however it was put together.",
        "middle dim")
end)

figure("backpressure", 720, 320, "A buffer of fixed size says no; credits let the producer wait", function(p)
    p:box("thread", 24, 30, 160, 64, "producer", "jobs:addmsg(4)")
    p:arrow { 184, 50, 290, 50 }
    p:arrow({ 290, 76, 184, 76 }, "dashed")
    p:text(237, 42, "4", "middle code")
    p:text(237, 94, "false", "middle code")
    p:box("buffer", 290, 26, 190, 72)
    p:text(385, 46, "fixed size", "middle head")
    p:row("message", 303, 58, 52, "3", "2", "1")
    p:text(500, 58, "No room: addmsg returns", "dim")
    p:text(500, 76, "false, and never waits.", "dim")

    p:box("thread", 24, 160, 160, 100, "producer", "credits:nextmsg()", "jobs:addmsg(4)")
    p:box("buffer", 290, 140, 140, 58)
    p:text(360, 158, "jobs", "middle head")
    p:row("message", 299, 165, 37, "", "3", "2")
    p:box("buffer", 290, 222, 140, 58)
    p:text(360, 240, "credits", "middle head")
    p:row("message", 299, 247, 37, "", "", "")
    p:box("thread", 536, 160, 160, 100, "consumer", "jobs:nextmsg()", "credits:addmsg(true)")
    p:arrow { 184, 176, 290, 168 }
    p:arrow { 430, 168, 536, 176 }
    p:arrow { 536, 244, 430, 252 }
    p:arrow { 290, 252, 184, 244 }
    p:text(360, 306, "As many messages are under way as there were credits; without one the producer waits.",
        "middle dim")
end)

figure("loops", 720, 270, "A descriptor of a buffer in an event loop", function(p)
    p:box("thread", 24, 30, 150, 56, "thread", "addmsg(42)")
    p:box("thread", 24, 120, 150, 56, "thread", "addmsg(43)")
    p:arrow { 174, 58, 234, 88 }
    p:arrow { 174, 148, 234, 118 }
    p:box("buffer", 234, 62, 150, 82)
    p:text(309, 84, "buffer", "middle head")
    p:row("message", 254, 98, 52, "43", "42")
    p:box("notifier", 234, 168, 150, 46, "descriptor", "readable")
    p:arrow({ 309, 144, 309, 168 }, "dashed")
    p:box("listener", 444, 62, 120, 152)
    p:text(504, 84, "event loop", "middle head")
    p:text(504, 110, "timers", "middle dim")
    p:text(504, 130, "sockets", "middle dim")
    p:text(504, 196, "descriptors", "middle dim")
    p:arrow { 384, 191, 444, 191 }
    p:box("thread", 606, 110, 98, 64, "coroutine", "getmsg(b)")
    p:arrow { 564, 142, 606, 142 }
    p:arrow({ 655, 110, 655, 40, 420, 40, 420, 103, 384, 103 }, "dashed")
    p:text(538, 32, "takes what is there", "middle dim")
    p:text(360, 255, "Readable while a receive would not wait: set by whoever adds, unset by who finds nothing.",
        "middle dim")
end)

figure("beyond", 720, 300, "Buffers of several processes, connected by subjects of a server", function(p)
    p:text(130, 26, "a process", "middle dim")
    p:box("thread", 24, 40, 92, 50, "thread")
    p:box("thread", 24, 110, 92, 50, "thread")
    p:box("buffer", 146, 66, 96, 66)
    p:text(194, 86, "jobs", "middle head")
    p:row("message", 156, 100, 22, "3", "2", "1")
    p:arrow { 116, 65, 146, 86 }
    p:arrow { 116, 135, 146, 112 }
    p:box("notifier", 304, 60, 116, 78, "server", "subject", "stream")
    p:arrow { 242, 99, 304, 99 }
    p:text(273, 90, "export", "middle code")
    for i = 1, 2 do
        local y = (i - 1) * 130
        p:text(590, 26 + y, "another process", "middle dim")
        p:box("buffer", 488, 44 + y, 96, 66)
        p:text(536, 64 + y, "jobs", "middle head")
        p:row("message", 498, 78 + y, 22, "", "", i == 1 and "1" or "2")
        p:box("thread", 614, 38 + y, 84, 34, "thread")
        p:box("thread", 614, 82 + y, 84, 34, "thread")
        p:arrow { 584, 70 + y, 614, 56 + y }
        p:arrow { 584, 84 + y, 614, 98 + y }
        p:arrow { 420, i == 1 and 90 or 112, 488, 77 + y }
    end
    p:text(452, 74, "import", "middle code")
    p:arrow({ 614, 240, 600, 262, 370, 262, 362, 138 }, "dashed")
    p:text(470, 280, "tokens: answers and acknowledgements", "middle dim")
    p:text(24, 214, "What is added in one process is received in", "dim")
    p:text(24, 232, "another one; of a group each message goes", "dim")
    p:text(24, 250, "to one, and comes again if that is gone.", "dim")
end)

figure("notifier", 720, 270, "A notifier wakes an event loop", function(p)
    p:box("thread", 24, 46, 150, 60, "worker thread", 'b:addmsg("news")')
    p:arrow { 174, 76, 254, 76 }
    p:text(214, 66, "1", "middle head")
    p:box("buffer", 254, 40, 170, 72)
    p:text(339, 62, "buffer", "middle head")
    p:row("message", 267, 74, 68, "", '"news"')
    p:arrow { 339, 112, 339, 160 }
    p:text(351, 141, "2", "head")
    p:box("notifier", 254, 160, 170, 56, "notifier", "uv_async_send")
    p:arrow { 424, 188, 540, 188 }
    p:text(482, 178, "3  wakes", "middle")
    p:box("thread", 540, 40, 156, 190)
    p:text(618, 62, "event loop", "middle head")
    for i, text in ipairs { "timers", "sockets", "windows" } do p:text(618, 72 + i * 20, text, "middle dim") end
    p:text(618, 178, "callback:", "middle")
    p:text(618, 198, "b:nextmsg(0)", "middle code")
    p:text(618, 216, "until it is empty", "middle dim")
    p:arrow { 424, 76, 540, 76 }
    p:text(482, 66, "4  takes", "middle")
    p:text(360, 255, "The notifier runs in the worker's thread, when the message is there; the loop never waits.",
        "middle dim")
end)

figure("segments", 720, 292, "The queue of a buffer: two locks and a chain of rings", function(p)
    local function ring(x, name, filled, first, note)
        p:put('<rect class="buffer" x="%g" y="96" width="150" height="54" rx="6"/>', x)
        for i = 1, 6 do
            if i >= first and i < first + filled then
                p:put('<rect class="message" x="%g" y="108" width="18" height="30" rx="2"/>', x + 10 + (i - 1) * 22)
            end
        end
        p:text(x + 75, 170, name, "middle")
        p:text(x + 75, 188, note, "middle dim")
    end
    ring(80, "ring 3", 3, 4, "has room")
    ring(285, "ring 2", 6, 1, "full")
    ring(490, "ring 1", 4, 1, "partly read")
    p:arrow { 285, 123, 230, 123 }
    p:arrow { 490, 123, 435, 123 }
    p:text(257, 113, "next", "middle dim")
    p:text(462, 113, "next", "middle dim")
    p:box("thread", 24, 24, 186, 44, "producers: tail lock")
    p:arrow { 130, 68, 130, 95 }
    p:box("thread", 510, 24, 186, 44, "consumers: head lock")
    p:arrow { 560, 95, 560, 68 }
    p:text(360, 42, "one producer and one consumer", "middle dim")
    p:text(360, 60, "never meet at a lock", "middle dim")
    p:box("gone", 526, 210, 114, 40, "spare ring")
    p:arrow({ 583, 194, 583, 209 }, "dashed")
    p:arrow({ 526, 230, 155, 230, 155, 196 }, "dashed")
    p:text(360, 272, "A ring that has been read to its end is the next one to be filled. Nothing is ever moved.",
        "middle dim")
end)

figure("lifetime", 720, 300, "What keeps a buffer alive", function(p)
    p:box("buffer", 290, 96, 150, 70, "buffer", "id 4711")
    p:box("thread", 24, 30, 170, 56, "Lua state 1", "mtmsg.newbuffer()")
    p:box("thread", 24, 120, 170, 56, "Lua state 2", "mtmsg.buffer(4711)")
    p:box("notifier", 536, 30, 160, 56, "native code", "retainReceiver")
    p:box("buffer", 536, 120, 160, 56, "other buffer", "notifier(b)")
    p:arrow { 194, 62, 290, 110 }
    p:arrow { 194, 147, 290, 142 }
    p:arrow { 536, 62, 440, 110 }
    p:arrow { 536, 147, 440, 142 }
    p:box("gone", 24, 206, 170, 56, "a message, a file", "the number 4711")
    p:arrow({ 194, 228, 310, 168 }, "dashed")
    p:box("listener", 290, 206, 150, 56, "listener", "newbuffer()")
    p:arrow({ 365, 206, 365, 167 }, "dashed")
    p:arrow { 640, 222, 690, 222 }
    p:text(630, 227, "keeps it alive", "end")
    p:arrow({ 640, 250, 690, 250 }, "dashed")
    p:text(630, 255, "does not", "end")
    p:text(360, 286, "With its last reference the buffer goes; what it held is still delivered to its listener.",
        "middle dim")
end)

figure("states", 720, 300, "Abort can be taken back, close can not", function(p)
    p:box("listener", 40, 60, 150, 60, "open")
    p:box("buffer", 300, 60, 150, 60, "aborted")
    p:box("stop", 540, 60, 150, 60, "closed")
    p:arrow { 190, 78, 300, 78 }
    p:text(245, 68, "abort()", "middle code")
    p:arrow { 300, 102, 190, 102 }
    p:text(245, 122, "abort(false)", "middle code")
    p:arrow { 450, 90, 540, 90 }
    p:text(495, 80, "close()", "middle code")
    p:arrow { 115, 60, 115, 32, 615, 32, 615, 60 }
    p:text(375, 24, "close()", "middle code")
    local columns = {
        { 115, "calls work", "messages are delivered", "waiting calls wait" },
        { 375, "operation_aborted", "messages stay", "waiting calls raise" },
        { 615, "object_closed", "messages are freed", "waiting calls raise" },
    }
    for _, column in ipairs(columns) do
        p:text(column[1], 168, column[2], column[1] == 115 and "middle" or "middle code")
        p:text(column[1], 194, column[3], "middle")
        p:text(column[1], 220, column[4], "middle")
    end
    p:text(360, 258, "Both are states of the buffer itself: every thread and every reference object sees them.",
        "middle dim")
    p:text(360, 278, "Those of a listener reach all of its buffers; mtmsg.abort() reaches everything.", "middle dim")
end)

-- ------------------------------------------------------------------------------------------------ writing them
local directory = ...
if directory then
    for name, text in pairs(figures) do
        local file = assert(io.open(directory .. "/" .. name .. ".svg", "wb"))
        file:write(text)
        file:close()
    end
end
return figures
