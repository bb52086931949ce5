-- A pen that draws SVG: text, lines, bars; light or dark as the reader prefers, on a ground of its own. It knows
-- nothing of figures.

local STYLE = [[
text { font: 13px system-ui, "Segoe UI", Helvetica, Arial, sans-serif; fill: #1f2328; }
.title { font-size: 15px; font-weight: 600; }
.head { font-weight: 600; }
.dim { fill: #59636e; }
.end { text-anchor: end; }
.middle { text-anchor: middle; }
.halo { paint-order: stroke; stroke: #ffffff; stroke-width: 5px; }
.page { fill: #ffffff; stroke: #d1d9e0; }
.grid { fill: none; stroke: #d1d9e0; }
.axis { fill: none; stroke: #59636e; }
.curve { fill: none; stroke-width: 2; stroke-linejoin: round; }
.dashed { stroke-dasharray: 6 4; }
.own { fill: #0969da; }
.naive { fill: #bf8700; }
.other { fill: #818b98; }
.s1 { stroke: #0969da; } .d1 { fill: #0969da; }
.s2 { stroke: #bc4c00; } .d2 { fill: #bc4c00; }
.s3 { stroke: #1a7f37; } .d3 { fill: #1a7f37; }
.s4 { stroke: #8250df; } .d4 { fill: #8250df; }
.s5 { stroke: #bf3989; } .d5 { fill: #bf3989; }
.s6 { stroke: #57606a; } .d6 { fill: #57606a; }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3; }
.dim { fill: #9da7b1; }
.halo { stroke: #0d1117; }
.page { fill: #0d1117; stroke: #3d444d; }
.grid { stroke: #2d333b; }
.axis { stroke: #9da7b1; }
.own { fill: #4493f8; }
.naive { fill: #d29922; }
.other { fill: #656c76; }
.s1 { stroke: #4493f8; } .d1 { fill: #4493f8; }
.s2 { stroke: #f0883e; } .d2 { fill: #f0883e; }
.s3 { stroke: #3fb950; } .d3 { fill: #3fb950; }
.s4 { stroke: #ab7df8; } .d4 { fill: #ab7df8; }
.s5 { stroke: #f778ba; } .d5 { fill: #f778ba; }
.s6 { stroke: #9da7b1; } .d6 { fill: #9da7b1; }
}
]]

local Pen = {}
Pen.__index = Pen

local svg = {}

local function escaped(text)
    return (text:gsub("[&<>]", { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;" }))
end

-- About how many pixels a text is wide: characters, not bytes.
function svg.width(text)
    return 7.2 * select(2, text:gsub("[^\128-\191]", ""))
end

function Pen:put(format, ...)
    self[#self + 1] = format:format(...)
end

function Pen:text(x, y, text, class)
    self:put('<text x="%.5g" y="%.5g"%s>%s</text>', x, y, class and (' class="%s"'):format(class) or "", escaped(text))
end

function Pen:line(class, x1, y1, x2, y2)
    self:put('<path class="%s" d="M%.5g %.5g L%.5g %.5g"/>', class, x1, y1, x2, y2)
end

function Pen:bar(class, x, y, w, h)
    self:put('<rect class="%s" x="%.5g" y="%.5g" width="%.5g" height="%.5g" rx="2"/>', class, x, y, w, h)
end

-- points is a list of { x, y }.
function Pen:curve(class, points)
    local path = {}
    for i, point in ipairs(points) do path[i] = ("%.5g %.5g"):format(point[1], point[2]) end
    self:put('<path class="curve %s" d="M%s"/>', class, table.concat(path, " L"))
end

function Pen:dot(class, x, y)
    self:put('<circle class="%s" cx="%.5g" cy="%.5g" r="3"/>', class, x, y)
end

-- The picture that draw(pen) makes, as text. title is what it is called where it can't be seen.
function svg.picture(w, h, title, draw)
    local pen = setmetatable({}, Pen)
    pen:put('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" width="%g" height="%g" role="img">',
        w, h, w, h)
    pen:put("<title>%s</title>", escaped(title))
    pen:put("<style>\n%s</style>", STYLE)
    pen:put('<rect class="page" x="0.5" y="0.5" width="%g" height="%g" rx="8"/>', w - 1, h - 1)
    draw(pen)
    pen:put("</svg>\n")
    return table.concat(pen, "\n")
end

return svg
