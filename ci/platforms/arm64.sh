# Many phones, laptops and servers, on an emulated processor. It shows no fault of the memory order that a processor
# of x86 hides; what the operations promise each other is reasoned in docs/design.md and checked by the models.
# shellcheck shell=sh disable=SC2034,SC2154
packages="gcc-aarch64-linux-gnu qemu-user-static mmdebstrap lua-unit"
arch=arm64 triplet=aarch64-linux-gnu
cc="aarch64-linux-gnu-gcc --sysroot=$root"
run="qemu-aarch64-static -L $root"
