#!/usr/bin/env bash
# Makes sure that gVisor's `runsc` is here: the sandboxes' tests run one under it.
#
# One that is installed already is used. Else it is taken from the package of Debian 13
# (`scripts/debian-program.sh`) and becomes `gvisor/runsc` in cargo's target directory. Needs no
# root, and registers it with no engine.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=${CARGO_TARGET_DIR:-target}/gvisor
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin:$folder

works() { runsc --version >/dev/null 2>&1; }

if ! works; then
  echo "fetching runsc"
  scripts/debian-program.sh "$folder" runsc
  works || { echo "error: runsc does not run here" >&2; exit 1; }
fi
