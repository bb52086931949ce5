#!/bin/sh
# Owns the compile checks of the public headers and of the C in the pages that no other test runs: every language, every
# Lua, every compiler found. It links and runs nothing; layout.c asserts the layout while it compiles.
#
# Usage, from the root of the repository: tests/headers/check.sh [INCLUDE-DIR-OF-A-LUA ...]
# Without arguments it takes the directories of the Luas that are installed. Emits TAP.

. tests/lib/tap.sh
here=tests/headers
warn="-Wall -Wextra -Wshadow -Wconversion -Wundef -Wstrict-prototypes -Werror"
examples=$work/examples

# The blocks of C of a page, one after the other, as one source file.
blocks() {
    printf '#include <lua.h>\n#include <lauxlib.h>\n'
    awk '/^```/ { inside = /^```c$/; next } inside' "$1"
}

# compile TEXT COMMAND...
compile() { check "$@" -fsyntax-only -Iinclude; }

# languages COMPILER COMPILER++ LUA-INCLUDE-DIR
languages() {
    lua=${3##*/}
    for file in layout.c client.c -DAPI_receiver -DAPI_sender -DAPI_carray -DAPI_object; do
        case $file in
        layout.c) what=layout source="$here/layout.c" ;;
        client.c) what="client of notify" source="-DAPI_notify $here/client.c" ;;
        *) what="client of ${file#-DAPI_}" source="$file $here/client.c" ;;
        esac
        # shellcheck disable=SC2086 # the variables are lists of arguments
        {
            compile "$what, C99, $1, $lua" "$1" -std=gnu99 $warn -isystem "$3" $source
            compile "$what, C11, $1, $lua" "$1" -std=c11 -Wpedantic $warn -isystem "$3" $source
            [ -z "$2" ] || compile "$what, C++11, $2, $lua" "$2" -x c++ -std=c++11 \
                $(echo "$warn" | sed 's/-Wstrict-prototypes//') -isystem "$3" $source
        }
    done
}

# old COMPILER COMPILER++ LUA-INCLUDE-DIR: sources of before, in all the languages that they may be in
old() {
    for std in c89 c99 c11; do
        case $std,$3 in c89,*5.[3-9]*) continue ;; esac # whose own headers are of a later C
        # shellcheck disable=SC2086
        compile "client of the old headers, $std, $1, ${3##*/}" "$1" -std=$std $warn -isystem "$3" \
            $here/old_names.c
    done
    for std in c++98 c++11; do
        # shellcheck disable=SC2046,SC2086
        [ -z "$2" ] || compile "client of the old headers, $std, $2, ${3##*/}" "$2" -x c++ -std=$std \
            $(echo "$warn" | sed 's/-Wstrict-prototypes//') -isystem "$3" $here/old_names.c
    done
}

if [ $# -eq 0 ]; then
    for dir in /usr/include/lua5.[1-5] /usr/include/luajit-2.[01] build/deps/lua5.5/include; do
        [ -f "$dir/lua.h" ] && set -- "$@" "$dir"
    done
fi
for dir; do
    for pair in "${CC:-gcc} g++" "clang clang++"; do
        cc=${pair% *} cxx=${pair#* }
        command -v "$cc" >/dev/null || continue
        command -v "$cxx" >/dev/null || cxx=
        languages "$cc" "$cxx" "$dir"
        old "$cc" "$cxx" "$dir"
    done
done
for page in docs/c-api.md docs/install.md; do
    blocks "$page" >"$examples"
    for dir; do
        # shellcheck disable=SC2086
        compile "examples of $page, ${CC:-gcc}, ${dir##*/}" "${CC:-gcc}" -std=c11 $warn \
            -Wno-unused-function -isystem "$dir" -x c "$examples"
    done
done
plan
