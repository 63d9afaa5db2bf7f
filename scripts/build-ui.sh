#!/usr/bin/env bash
# Builds the Control UI into ui/dist, from where the gateway takes it. Does nothing when nothing
# changed since the last time.
#
#   scripts/build-ui.sh [--packages-only]
set -euo pipefail
cd "$(dirname "$0")/../ui"

NODE_MIN=20

fail() {
  echo "error: $1" >&2
  echo "hint: $2" >&2
  exit 1
}

command -v npm >/dev/null || fail "npm is not installed" "apt-get install nodejs npm"
major=$(node --version | sed 's/^v\([0-9]*\).*/\1/')
[ "$major" -ge "$NODE_MIN" ] || fail "Node $major is too old" "Node $NODE_MIN or later is needed"

if ! cmp -s package-lock.json node_modules/.installed; then
  npm ci --no-audit --no-fund --loglevel=error </dev/null >&2
  cp package-lock.json node_modules/.installed
fi
if [ "${1:-}" = --packages-only ]; then exit 0; fi

sources=$(find src public scripts index.html vite.config.ts package-lock.json -type f | LC_ALL=C sort |
  xargs sha256sum | sha256sum)
stamp=node_modules/.built
if [ -e dist/index.html ] && [ "$(cat "$stamp" 2>/dev/null)" = "$sources" ]; then exit 0; fi
npm run --silent build >&2
echo "$sources" >"$stamp"
