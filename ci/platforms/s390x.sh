# The other byte order, on an emulated processor.
# shellcheck shell=sh disable=SC2034,SC2154
packages="gcc-s390x-linux-gnu qemu-user-static mmdebstrap lua-unit"
arch=s390x triplet=s390x-linux-gnu
luas="lua5.1 lua5.2 lua5.3 lua5.4"
cc="s390x-linux-gnu-gcc --sysroot=$root"
run="qemu-s390x-static -L $root"
