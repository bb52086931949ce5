# Another C library of Linux, on this machine's own processor, with Luas that are built with it.
# shellcheck shell=sh disable=SC2034,SC2154
packages="musl-tools lua-unit"
cc="musl-gcc -I$PWD/$deps/kernel"
suites="unit spec regress native host thread stress stock"
flags="LDFLAGS=-L$PWD/$deps/cmocka/lib CPPFLAGS=-I$PWD/$deps/cmocka/include LACKS=uv_notifier"
provide() {
    mkdir -p "$deps/kernel"
    for headers in linux asm-generic "$(gcc -print-multiarch)/asm"; do # the kernel's, of which musl has none
        ln -sfn "/usr/include/$headers" "$deps/kernel/${headers##*/}"
    done
    build_missing
}

build_lua() {
    make -C src CC="musl-gcc -std=gnu99" MYCFLAGS="-fPIC -DLUA_USE_POSIX -DLUA_USE_DLOPEN" MYLIBS="-Wl,-E -ldl" \
        lua liblua.a && cp src/lua "$to/bin/$1" && cp src/liblua.a "$to/lib/lib$1.a"
}

build_luajit() {
    make -C src CC=musl-gcc XCFLAGS="-D_GNU_SOURCE -DLUAJIT_NO_UNWIND" BUILDMODE=static && # libgcc_eh is that of glibc
        cp src/luajit "$to/bin/luajit" && cp src/libluajit.a "$to/lib/libluajit.a"
}

build_cmocka() {
    musl-gcc -O1 -fPIC -Iinclude $cmocka_has -DHAVE_STRSIGNAL -c src/cmocka.c && ar rcs "$to/lib/libcmocka.a" cmocka.o
}
