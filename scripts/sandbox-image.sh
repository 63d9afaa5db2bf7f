#!/usr/bin/env bash
# Makes the images that the Docker tests run in, without pulling anything.
#
# On a closed network `debian:bookworm-slim` cannot be had from a registry, so it is made from
# Debian's packages (debootstrap, needs root). `openclaw-sandbox:bookworm-slim` is then that
# image with the command of ours; `scripts/sandbox-setup.sh` builds the full one in its place.
# What is there already is left as it is.
set -euo pipefail
cd "$(dirname "$0")/.."

BASE_IMAGE=debian:bookworm-slim
TARGET_IMAGE=openclaw-sandbox:bookworm-slim

fail() {
  echo "error: $1" >&2
  echo "hint: $2" >&2
  exit 1
}

command -v docker >/dev/null 2>&1 || fail "docker is not installed" "apt-get install docker.io"
has_image() { docker image inspect "$1" >/dev/null 2>&1; }

exec 9>"${TMPDIR:-/tmp}/openclaw-sandbox-image.lock"
flock 9

if ! has_image "$BASE_IMAGE"; then
  command -v debootstrap >/dev/null 2>&1 ||
    fail "debootstrap is not installed" "apt-get install debootstrap, or docker pull $BASE_IMAGE"
  [ "$(id -u)" = 0 ] || fail "debootstrap needs root" "docker pull $BASE_IMAGE, or run this as root"
  root=$(mktemp -d "${TMPDIR:-/tmp}/openclaw-debian.XXXXXX")
  trap 'rm -rf "$root"' EXIT
  scripts/debian-root.sh "$root"
  tar -C "$root" -c . | docker import -c 'CMD ["bash"]' - "$BASE_IMAGE" >/dev/null
  echo "Built $BASE_IMAGE"
fi

if ! has_image "$TARGET_IMAGE"; then
  # A made but never started container is enough to give an image another command.
  container=$(docker create --network none "$BASE_IMAGE" true)
  docker commit -c 'CMD ["sleep", "infinity"]' "$container" "$TARGET_IMAGE" >/dev/null
  docker rm "$container" >/dev/null
  echo "Built $TARGET_IMAGE"
fi
