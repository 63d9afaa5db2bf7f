#!/usr/bin/env bash
# Builds and starts OpenClaw in Docker: `./docker-setup.sh`, from any directory.
#
# The work is done by scripts/docker/setup.sh; `--help` tells what can be set.
set -euo pipefail
here=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
exec "${BASH:-bash}" "$here/scripts/docker/setup.sh" "$@"
