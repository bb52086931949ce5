# Windows on x64: cross-built with mingw-w64, and run by wine.
# shellcheck shell=sh disable=SC2034,SC2154
packages="gcc-mingw-w64-x86-64-win32 mingw-w64-x86-64-dev lua-unit"
[ -n "$quick" ] || packages="$packages wine64"
cross=x86_64-w64-mingw32
cc=$cross-gcc-win32
luas="lua5.1 lua5.4 luajit"
so=dll exe=.exe
suites="unit spec regress native host thread stress stock"
flags="LDFLAGS=-L$PWD/$deps/cmocka/lib CPPFLAGS=-I$PWD/$deps/cmocka/include"
run=ci/wine
[ -x /usr/lib/wine/wine64 ] || [ -z "$quick" ] || quick_suites=
provide() { build_missing; }

build_lua() {
    dll=$(echo "$1" | tr -d .).dll
    make -C src CC="$cc -std=gnu99" MYCFLAGS=-DLUA_BUILD_AS_DLL MYLIBS= LUA_A="$dll" LUA_T=lua.exe RANLIB=true \
        AR="$cc -shared -static-libgcc -Wl,--out-implib,lib.a -o" lua.exe &&
        cp src/lua.exe "$to/bin/$1.exe" && cp "src/$dll" "$to/bin/" && cp src/lib.a "$to/lib/lib$1.a"
}

build_luajit() {
    make -C src HOST_CC=gcc CROSS=$cross- DEFAULT_CC=gcc-win32 TARGET_SYS=Windows BUILDMODE=dynamic &&
        cp src/luajit.exe src/lua51.dll "$to/bin/" && cp src/libluajit-5.1.dll.a "$to/lib/libluajit.a"
}

build_cmocka() {
    $cc -O1 -Iinclude $cmocka_has -c src/cmocka.c && $cross-ar rcs "$to/lib/libcmocka.a" cmocka.o
}

# What a user must have besides Lua: nothing. The host, which runs the programs, finds its Lua beside itself.
examine() {
    for lua in $luas; do
        cp "$deps/$lua"/bin/*.dll "build/$name/$lua/tests/"
        imports=$($cross-objdump -p "build/$name/$lua/mtmsg.dll" | sed -n 's/.*DLL Name: //p')
        more=$(echo "$imports" | grep -viE '^(lua5[0-9]|kernel32|ws2_32|msvcrt|api-ms-win-(crt|core-synch)-.*)\.dll$')
        if [ -z "$more" ]; then echo "ok"; else echo "not ok"; fi |
            sed "s/\$/ mtmsg.dll for $lua imports nothing but Lua, the C library and what every Windows has/"
        printf '%s\n' "$imports" | sed "s/^/# $lua: /"
    done
    [ -x /usr/lib/wine/wine64 ] || echo "ok the programs run # SKIP wine is not installed (ci/platform windows does it)"
}

attend() {
    trap 'ci/wine server -k; rm -rf "$work"' EXIT
    ci/wine server -k # one that would end by itself
    ci/wine server -p
}
