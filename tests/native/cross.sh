#!/bin/sh
# Builds the core without Node and runs tests/native/check.cc. Needs nothing but a compiler.
#   sh tests/native/cross.sh                                   this machine
#   sh tests/native/cross.sh aarch64-linux-gnu-g++ qemu-aarch64 aarch64 under emulation (Debian: g++-aarch64-linux-gnu qemu-user)
#   CPUS="neoverse-n1 max" …                                    on other CPUs of the emulator
#   SANITIZE=address,undefined sh tests/native/cross.sh        with sanitizers
set -eu
cd "$(dirname "$0")/../.."
compiler=${1:-${CXX:-g++}}
emulator=${2:-}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
flags="-std=c++17 -O2 -Wall -Wextra -Wno-psabi -fno-exceptions -fno-rtti -fno-math-errno -ffp-contract=fast"
[ -z "${SANITIZE:-}" ] || flags="$flags -g -fsanitize=$SANITIZE -fno-sanitize-recover=all"
case $("$compiler" -dumpmachine) in
  aarch64*|arm64*)
    variants="SCALAR: NEON:" ;;
  *)
    variants="SSE2: SCALAR:-mavx,-mfma SSE:-mavx,-mfma AVX2:-mavx2,-mfma AVX512:-mavx2,-mfma,-mavx512f,-mavx512dq,-mavx512bw,-mavx512vl" ;;
esac
for variant in $variants; do
  name=${variant%%:*}
  isa=$(echo "${variant#*:}" | tr , ' ')
  for source in native/kernels/*.cc; do
    # shellcheck disable=SC2086
    "$compiler" $flags $isa "-DRP_ISA_$name" -c "$source" -o "$out/$name-$(basename "$source").o"
  done
done
# one table for every vector length, compiled with SVE alone
case $variants in
  *NEON*)
    for source in native/kernels/sve*.cc; do
      # shellcheck disable=SC2086
      "$compiler" $flags -march=armv8.2-a+sve -DRP_ISA_SVE -c "$source" -o "$out/SVE-$(basename "$source").o"
    done ;;
esac
# -O1: GCC 12.2 for aarch64 crashes when it vectorizes the reductions of the check itself.
# shellcheck disable=SC2086
"$compiler" $flags -O1 -c tests/native/check.cc -o "$out/check.o"
# shellcheck disable=SC2086
# the check loads no shared object, and a static program cannot
"$compiler" $flags $(ls native/core/*.cc | grep -v user.cc) "$out"/*.o -o "$out/check" -pthread ${emulator:+-static}
if [ -z "$emulator" ]; then
  "$out/check"
else
  # a core without SVE; SVE of 128, 256 and 512 bits, and of 384, where a vector is no whole part of a line
  for cpu in ${CPUS:-cortex-a72 max,sve-max-vq=1 max,sve-max-vq=2 max,sve-max-vq=4 max,sve-max-vq=3}; do
    echo "-cpu $cpu"
    "$emulator" -cpu "$cpu" "$out/check"
  done
fi
