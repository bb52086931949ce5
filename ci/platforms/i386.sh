# Words of 32 bits, on this machine's own processor: programs run through the loader of the root directory.
# shellcheck shell=sh disable=SC2034,SC2154
packages="gcc-i686-linux-gnu mmdebstrap lua-unit"
arch=i386 triplet=i386-linux-gnu
cc="i686-linux-gnu-gcc --sysroot=$root"
run="$root/lib/ld-linux.so.2 --library-path $root/lib/$triplet:$root/usr/lib/$triplet"
[ "$(uname -m)" = x86_64 ] || skip "this machine's processor is none of x86"
