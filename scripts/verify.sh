#!/usr/bin/env bash
# The README's second command: installs what a fresh machine lacks, builds, and runs every check and test with coverage.
set -euo pipefail
cd "$(dirname "$0")/.."
# the browser tests are required and the counts are printed
export CI=true

missing=()
command -v g++ >/dev/null || missing+=(g++)
command -v make >/dev/null || missing+=(make)
command -v python3 >/dev/null || missing+=(python3)
# the report is opened in a real browser; its text and the PNG pictures need a font
if [ -z "${CHROMIUM:-}" ] && [ ! -x /usr/bin/chromium ]; then missing+=(chromium); fi
# the native core is built for aarch64 too and checked under emulation: NEON, and SVE of several lengths
if command -v apt-get >/dev/null && [ "$(dpkg --print-architecture)" = amd64 ]; then
  command -v aarch64-linux-gnu-g++ >/dev/null || missing+=(g++-aarch64-linux-gnu)
  command -v qemu-aarch64 >/dev/null || missing+=(qemu-user)
fi
if command -v apt-get >/dev/null && ! ls /usr/share/fonts/truetype/*/*.ttf >/dev/null 2>&1; then missing+=(fonts-dejavu-core); fi

if [ ${#missing[@]} -gt 0 ]; then
  if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    echo "installing: ${missing[*]}"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  else
    echo "missing and not installed (no root, or not Debian): ${missing[*]}" >&2
  fi
fi

if command -v aarch64-linux-gnu-g++ >/dev/null && command -v qemu-aarch64 >/dev/null; then export RIDGEPOINT_CROSS=required; fi

npm ci --no-audit --no-fund
npm run build:native
# a count of an earlier run must not stand for this one
rm -f coverage/tests.json
status=0
npm run check || status=$?
# the same kernels and probes under AddressSanitizer and UndefinedBehaviorSanitizer, where the compiler brings them
if [ "$(uname)" = Linux ] && command -v g++ >/dev/null; then npm run --silent sanitize || status=$?; fi
node -e "
const {readFileSync} = require('node:fs')
let tests
try { tests = JSON.parse(readFileSync('coverage/tests.json', 'utf8')) } catch { process.exit() }
const {numPassedTests: passed, numFailedTests: failed, numPendingTests: skipped} = tests
console.log(passed + ' passed, ' + failed + ' failed' + (skipped > 0 ? ', ' + skipped + ' skipped' : ''))
"
exit "$status"
