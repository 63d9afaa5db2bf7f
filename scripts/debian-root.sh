#!/usr/bin/env bash
# Makes a small Debian 12 in a folder, from the mirror of this machine's own packages
# (DEBIAN_MIRROR names another).
#
# usage: scripts/debian-root.sh <folder>
#
# Needs root and debootstrap.
set -euo pipefail

fail() {
  echo "error: $1" >&2
  echo "hint: $2" >&2
  exit 1
}

# debootstrap has a default where nothing says so.
own_mirror() {
  cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
    sed -nE 's/^(deb (\[[^]]*\] )?|URIs: *)(https?:[^ ]+).*$/\3/p' | grep -v security | head -n1 || true
}

[ $# = 1 ] || fail "one folder is to be named" "scripts/debian-root.sh <folder>"
root=$1
mirror=${DEBIAN_MIRROR:-$(own_mirror)}
command -v debootstrap >/dev/null 2>&1 || fail "debootstrap is not installed" "apt-get install debootstrap"
[ "$(id -u)" = 0 ] || fail "debootstrap needs root" "run this as root"
mkdir -p "$root"
debootstrap --variant=minbase bookworm "$root" ${mirror:+"$mirror"} >"$root.log" 2>&1 ||
  fail "debootstrap failed" "read $root.log"
rm -f "$root.log"
rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
