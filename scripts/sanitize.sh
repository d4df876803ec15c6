#!/usr/bin/env bash
# Builds the addon with AddressSanitizer and UndefinedBehaviorSanitizer in a copy of its own and runs every native test on it: each
# kernel on each instruction set at its awkward sizes, each probe, the sessions. Linux with g++; some minutes.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -r native src tests scripts docs binding.gyp package.json vitest.config.ts tsconfig.json "$copy"
ln -s "$root/node_modules" "$copy/node_modules"
cd "$copy"
flags=-fsanitize=address,undefined
# -O1 halves the time to build; a kernel may be vectorized otherwise than in the real build, its indices are the same
CXXFLAGS="-O1 -g1 $flags -fno-sanitize-recover=undefined" LDFLAGS=$flags node scripts/install-native.mjs --strict 2>&1 |
  grep -v 'ASan runtime does not come first' || true
test -f build/Release/ridgepoint.node
# the longest test takes 44 s so built, on a quiet machine
libraries="$(g++ -print-file-name=libasan.so) $(g++ -print-file-name=libubsan.so)"
# node keeps what it allocates until it ends: leaks are not looked for
suite() {
  LD_PRELOAD=$libraries ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1 \
    node node_modules/vitest/vitest.mjs run --pool=threads --maxWorkers=1 --testTimeout=400000 "$@"
}
# two processes, since for whose cores kernels are tuned is said once in each
suite tests/kernels/{products,long-rows}.test.ts >products.log 2>&1 &
products=$!
status=0
suite tests/kernels/{operators,few-rows,rows}.test.ts tests/native/probes.test.ts || status=$?
wait "$products" || status=$?
cat products.log
[ "$status" = 0 ] || exit "$status"
echo "sanitizers: clean"
