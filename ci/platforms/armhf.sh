# Words of 32 bits that must be aligned, on an emulated processor.
# shellcheck shell=sh disable=SC2034,SC2154
packages="gcc-arm-linux-gnueabihf qemu-user-static mmdebstrap lua-unit"
arch=armhf triplet=arm-linux-gnueabihf
cc="arm-linux-gnueabihf-gcc --sysroot=$root"
run="qemu-arm-static -L $root"

# QEMU 7.2, where addresses have 32 bits, takes away what lies behind a block that mremap makes smaller: as much as that
# gets smaller. LuaJIT makes blocks smaller. Here munmap does it, which QEMU does as the system would.
provide() {
    debian_root
    $cc -O1 -shared -fPIC -x c -o "$deps/shrink.so" - <<'END' || failed "what stands in for mremap is built"
#define _GNU_SOURCE
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

void *mremap(void *old, size_t size, size_t wanted, int flags, ...)
{
    if (wanted >= size) return (void *)syscall(SYS_mremap, old, size, wanted, flags, 0);
    return munmap((char *)old + wanted, size - wanted) == 0 ? old : MAP_FAILED;
}
END
    echo "$PWD/$deps/shrink.so" >"$root/etc/ld.so.preload" # not LD_PRELOAD: programs of this machine are started, too
}
