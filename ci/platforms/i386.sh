# Words of 32 bits. Where this machine's kernel runs such programs they are started by the loader of the root directory,
# on the machine's own processor; where it does not, on an emulated one.
# shellcheck shell=sh disable=SC2034,SC2154
packages="gcc-i686-linux-gnu mmdebstrap lua-unit"
arch=i386 triplet=i386-linux-gnu
cc="i686-linux-gnu-gcc --sysroot=$root"
[ "$(uname -m)" = x86_64 ] || skip "this machine's processor is none of x86"

provide() {
    debian_root
    loader=$root/lib/ld-linux.so.2
    run="$loader --library-path $root/lib/$triplet:$root/usr/lib/$triplet"
    "$loader" --version >>"$log" 2>&1 && return
    install_packages qemu-user-static
    run="qemu-i386-static -L $root"
    # shellcheck disable=SC2086
    $run "$loader" --version >>"$log" 2>&1 || skip "neither the kernel nor qemu-i386-static runs its programs"
    echo "# the kernel runs no programs of 32 bits: qemu-i386-static does"
}
