-- Which path a LuaJIT takes is decided when the module is first required in a state: that of the C API where there is
-- no FFI, no compiler, or the wish for it in the environment. What differs is the speed alone.
local child = require "child"
local tap   = require "tap"

local cases = {
    ["all is there"] = { "FFI", "" },
    ["the compiler is off"] = { "C", "jit.off()" },
    ["there is no FFI"] = { "C", "package.preload.ffi = function() error 'not here' end package.loaded.ffi = nil" },
    ["the debug library is gone"] = { "C", "debug = nil" },
    ["the compiler's library is gone"] = { "C", "jit = nil" },
    ["the version is an old one"] = { "C", "jit = setmetatable({ version_num = 20005 }, { __index = jit })" },
}

if arg[1] then -- the process of a case
    assert(loadstring(cases[arg[1]][2]))()
    local mtmsg = require "mtmsg"
    local buffer = mtmsg.newbuffer()
    for i = 1, 200 do
        assert(buffer:addmsg(i, "text", nil, true))
        local number, text, nothing, yes, more = buffer:nextmsg()
        assert(number == i and text == "text" and nothing == nil and yes == true and more == nil)
    end
    print(mtmsg._INFO:match("calls:(%a+)"))
    os.exit(0)
end

local wish = os.getenv("MTMSG_FFI")
for name, case in pairs(cases) do
    tap.test("where " .. name .. ", calls go by " .. case[1], function()
        local code, printed = child.run(name)
        tap.is(code, 0, printed)
        tap.is(printed, (wish == "0" and "C" or case[1]) .. "\n")
    end)
end

tap.done()
