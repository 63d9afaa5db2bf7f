#!/usr/bin/env bash
# Builds the gateway's image around a program that was built outside, for tests, and prints the
# image's name. What is there already is not built again.
#
# usage: scripts/test-image.sh <openclaw> <openclaw-boxd> [docker build option...]
#
# The shipped Dockerfile is what is built; only its stages that compile are left out. The name
# stands for the content: another program, another Dockerfile or another option, another image.
set -euo pipefail
cd "$(dirname "$0")/.."

program=$1
servant=$2
shift 2

# A program of 100 MB is told by its time and size, as cargo does.
name=openclaw-test:$({
  stat -c '%Y %s' "$program" "$servant"
  cat Dockerfile docker/*.sh docker/app/*.mjs docker/app/dist/*
  printf '%s\n' "$@"
} | sha256sum | cut -c1-16)

exec 9>"${TMPDIR:-/tmp}/openclaw-test-image.lock"
flock 9
if ! docker image inspect "$name" >/dev/null 2>&1; then
  context=$(mktemp -d "${TMPDIR:-/tmp}/openclaw-image.XXXXXX")
  trap 'rm -rf "$context"' EXIT
  mkdir "$context/bin"
  cp -r docker "$context/"
  # What tells a debugger about it is most of a debug build.
  strip -o "$context/bin/openclaw" "$program" 2>/dev/null || cp "$program" "$context/bin/openclaw"
  cp "$servant" "$context/bin/openclaw-boxd"
  DOCKER_BUILDKIT=1 docker build -q --build-arg OPENCLAW_BINARY=bin --label openclaw.test.image=1 \
    -t "$name" -f Dockerfile "$@" "$context" >/dev/null
  # Those of earlier programs serve nobody.
  docker image prune -af --filter label=openclaw.test.image=1 --filter until=2h >/dev/null || true
fi
echo "$name"
