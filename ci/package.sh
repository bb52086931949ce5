#!/bin/sh
# Owns what ci/test-* have in common; they source it. It goes to the root of the tree, reads tests/lib/tap.sh, and has
# what they ask of what was built or installed.
cd "$(dirname "$0")/.." || exit
. tests/lib/tap.sh
unset MAKEFLAGS MFLAGS MAKELEVEL

version_of() { "$1" -e 'io.write(_VERSION:match("%d.%d"))'; }

# loads LUA DIRECTORY: this Lua loads the module in the directory, and it works
loads() {
    LUA_CPATH="$2/?.so" "$1" -e '
        local buffer = require "mtmsg".newbuffer()
        buffer:addmsg("installed")
        assert(buffer:nextmsg(0) == "installed")'
}

# has_loops LUA DIRECTORY SHARE: the modules for event loops are in SHARE, and this Lua loads those whose loop is there
has_loops() {
    for module in luv cqueues socket; do
        [ -f "$3/mtmsg/$module.lua" ] || return
        LUA_CPATH="$2/?.so;;" LUA_PATH="$3/?.lua;;" "$1" -e "
            if pcall(require, '$module') then require 'mtmsg.$module' end
            require 'mtmsg.loop'" || return
    done
}

# demo LUA DIRECTORY: the demo runs with the module in the directory
demo() {
    WORKERS=2 LUA_CPATH="$2/?.so;;" "$1" demo/wordcount.lua README.md docs/*.md
}

# shows_one MODULE: of all that the shared library defines, others see luaopen_mtmsg alone
shows_one() {
    nm -D --defined-only "$1" | awk '{print $3}' >"$work/names"
    [ "$(cat "$work/names")" = luaopen_mtmsg ] || { wc -l <"$work/names"; cat "$work/names"; return 1; }
}

# has_editors LUA DIRECTORY: what editors want to know about the calls is there
has_editors() {
    [ -f "$2/editor/config.json" ] && [ -f "$2/editor/mtmsg.d.tl" ] && [ -f "$2/editor/mtmsg/luv.d.tl" ] &&
        "$1" "$2/editor/library/mtmsg.lua" && "$1" "$2/editor/library/mtmsg/luv.lua"
}
