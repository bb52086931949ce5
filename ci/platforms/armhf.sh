# Words of 32 bits that must be aligned, on an emulated processor.
# shellcheck shell=sh disable=SC2034,SC2154
packages="gcc-arm-linux-gnueabihf qemu-user-static mmdebstrap lua-unit"
arch=armhf triplet=arm-linux-gnueabihf
cc="arm-linux-gnueabihf-gcc --sysroot=$root"
run="qemu-arm-static -L $root"
