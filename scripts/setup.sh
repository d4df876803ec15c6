#!/bin/sh
# Installs what a fresh Debian machine lacks for the full test run: a C++ compiler, make, python3 (the addon) and Chromium
# (the page in a real browser). Elsewhere, or without root, it says what is missing and the tests say it again where they fail.
set -eu

missing=""
command -v g++ >/dev/null 2>&1 || command -v c++ >/dev/null 2>&1 || missing="$missing g++"
command -v make >/dev/null 2>&1 || missing="$missing make"
command -v python3 >/dev/null 2>&1 || missing="$missing python3"
[ -n "${CHROMIUM:-}" ] || [ -x /usr/bin/chromium ] || missing="$missing chromium"
[ -n "$missing" ] || exit 0

if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
  echo "setup: installing$missing" >&2
  apt-get update -qq
  # shellcheck disable=SC2086 # a list of package names
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
else
  echo "setup: missing:$missing" >&2
  echo "  Debian and Ubuntu: sudo apt-get install$missing; elsewhere set CHROMIUM to a Chromium and install a C++ compiler" >&2
fi
