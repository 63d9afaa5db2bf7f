#!/usr/bin/env bash
# Makes the images that the Docker tests run in, without pulling anything.
#
# On a closed network `debian:bookworm-slim` cannot be had from a registry, so it is made from
# Debian's packages (debootstrap, needs root). `openclaw-sandbox:bookworm-slim` is then that
# image with the command of ours; `scripts/sandbox-setup.sh` builds the full one in its place.
# What is there already is left as it is.
set -euo pipefail

BASE_IMAGE=debian:bookworm-slim
TARGET_IMAGE=openclaw-sandbox:bookworm-slim
# Where this machine's own packages come from; debootstrap has a default where nothing says so.
own_mirror() {
  cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
    sed -nE 's/^(deb (\[[^]]*\] )?|URIs: *)(https?:[^ ]+).*$/\3/p' | grep -v security | head -n1 || true
}
MIRROR=${DEBIAN_MIRROR:-$(own_mirror)}

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
  debootstrap --variant=minbase bookworm "$root" ${MIRROR:+"$MIRROR"} >"$root.log" 2>&1 ||
    fail "debootstrap failed" "read $root.log"
  rm -f "$root.log"
  rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
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
