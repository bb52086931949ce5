# The next release of Debian, on the machine's own processor: newer versions of the C library, of the Luas and of luv,
# whose loop knows its threads. Its programs are started by the loader of the root directory.
# shellcheck shell=sh disable=SC2034,SC2154
packages="gcc mmdebstrap lua-unit"
release=trixie
arch=amd64 triplet=x86_64-linux-gnu
gcc_version=14
luas="lua5.1 lua5.2 lua5.3 lua5.4 luajit"
suites="spec host thread stock luv loops"
quick_suites="stock luv loops"
cc="gcc --sysroot=$root -B$root/usr/lib/$triplet" # or it finds the libraries of this machine first
loader=$root/usr/lib/$triplet/ld-linux-x86-64.so.2
run="$loader --library-path $root/usr/lib/$triplet"
[ "$(uname -m)" = x86_64 ] || skip "this machine's processor is none of x86"
