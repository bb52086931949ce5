#!/bin/sh
# Owns what ci/test-* have in common; they source it. It goes to the root of the tree, makes a directory $work that
# disappears at the end, and gives functions that print TAP.
set -u
cd "$(dirname "$0")/.." || exit
unset MAKEFLAGS MFLAGS MAKELEVEL
work=$(mktemp -d) || exit
trap 'rm -rf "$work"' EXIT
count=0

# check TEXT COMMAND…: ok if the command succeeds; else its output is shown
check() {
    text=$1
    shift
    count=$((count + 1))
    if "$@" >"$work/log" 2>&1; then
        echo "ok $count - $text"
    else
        echo "not ok $count - $text"
        sed 's/^/# /' "$work/log"
    fi
}

# skip TEXT REASON
skip() {
    count=$((count + 1))
    echo "ok $count - $1 # SKIP $2"
}

# needs COMMAND…: without one of them there is nothing to test
needs() {
    for command; do
        command -v "$command" >/dev/null && continue
        echo "1..0 # SKIP $command is not installed"
        exit
    done
}

plan() { echo "1..$count"; }

version_of() { "$1" -e 'io.write(_VERSION:match("%d.%d"))'; }

# loads LUA DIRECTORY: this Lua loads the module in the directory, and it works
loads() {
    LUA_CPATH="$2/?.so" "$1" -e '
        local buffer = require "mtmsg".newbuffer()
        buffer:addmsg("installed")
        assert(buffer:nextmsg(0) == "installed")'
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
    [ -f "$2/editor/config.json" ] && [ -f "$2/editor/mtmsg.d.tl" ] && "$1" "$2/editor/library/mtmsg.lua"
}
