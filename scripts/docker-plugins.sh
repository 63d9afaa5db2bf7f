#!/usr/bin/env bash
# Makes sure that `docker compose` (v2) and `docker buildx` work: the images and the compose file
# need them, and Debian 12 has neither.
#
# Both are taken from the packages of Debian 13 (`scripts/debian-program.sh`), and put beside the
# user's Docker settings. Nothing is installed system-wide, and what works already is left as it
# is. Needs no root.
set -euo pipefail

PLUGINS_DIR=${DOCKER_CONFIG:-$HOME/.docker}/cli-plugins

fail() {
  echo "error: $1" >&2
  echo "hint: $2" >&2
  exit 1
}

works() { docker "${1#docker-}" version >/dev/null 2>&1; }

command -v docker >/dev/null 2>&1 || fail "docker is not installed" "apt-get install docker.io"
missing=()
for plugin in docker-compose docker-buildx; do works "$plugin" || missing+=("$plugin"); done
[ ${#missing[@]} -gt 0 ] || exit 0

echo "installing Docker plugins: ${missing[*]}"
"$(dirname "$0")/debian-program.sh" "$PLUGINS_DIR" "${missing[@]}"
for plugin in "${missing[@]}"; do
  works "$plugin" || fail "$plugin does not run here" "install the Compose and Buildx plugins of Docker"
done
