#!/usr/bin/env bash
# Installs what the tests need, runs every check, and leaves the machine as it found it.
# With FULL set, images with a browser are then built and used, the gateway's image is built from its
# sources alone, and tested, too, and the README's commands are typed on a new machine.
#
# A Docker Engine that had to be started is stopped at the end, whatever the end is; one that
# was there before stays.
set -euo pipefail
cd "$(dirname "$0")/.."

ENGINE_MARK=$(mktemp -u "${TMPDIR:-/tmp}/openclaw-engine.XXXXXX")
export ENGINE_MARK

finish() {
  local status=$?
  trap - EXIT
  trap '' INT TERM
  # A test that was killed could not remove its containers. In an engine of our own they are
  # nobody else's.
  if [ -s "$ENGINE_MARK" ]; then scripts/docker-sweep.sh all || true; fi
  # Where sudo started it, only sudo may stop it.
  if [ "$(id -u)" = 0 ] || [ ! -s "$ENGINE_MARK" ]; then
    scripts/docker-engine.sh stop || true
  else
    sudo -n env "ENGINE_MARK=$ENGINE_MARK" scripts/docker-engine.sh stop || true
  fi
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

scripts/test-setup.sh
cargo xtask ci "$@"
if [ -n "${FULL:-}" ]; then
  cargo xtask ci full
  scripts/test-from-source.sh
  scripts/test-fresh.sh
fi
