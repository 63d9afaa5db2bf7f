#!/usr/bin/env bash
# Makes sure that `docker-registry` is here: a test pulls the gateway's image from one.
#
# One that is installed already is used. Else it is taken from the package of Debian 13
# (`scripts/debian-program.sh`) and becomes `registry/docker-registry` in cargo's target directory.
# Needs no root, and starts nothing.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=${CARGO_TARGET_DIR:-target}/registry
PATH=$PATH:$folder

works() { docker-registry --version >/dev/null 2>&1; }

if ! works; then
  echo "fetching docker-registry"
  scripts/debian-program.sh "$folder" docker-registry
  works || { echo "error: docker-registry does not run here" >&2; exit 1; }
fi
