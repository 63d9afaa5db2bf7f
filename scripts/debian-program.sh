#!/usr/bin/env bash
# Fetches programs that Debian 12 lacks from the packages of Debian 13.
#
# usage: scripts/debian-program.sh <folder> <package>...
#
# The program of the package's own name is put into the folder. The packages come from the mirror
# of this machine's own ones (DEBIAN_MIRROR names another). Nothing is installed system-wide.
# Needs no root.
set -euo pipefail

SUITE=trixie

fail() {
  echo "error: $1" >&2
  echo "hint: $2" >&2
  exit 1
}

own_mirror() {
  cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
    sed -nE 's/^(deb (\[[^]]*\] )?|URIs: *)(https?:[^ ]+).*$/\3/p' | grep -v security |
    grep '/debian/*$' | head -n1 || true
}

[ $# -ge 2 ] || fail "too few arguments" "scripts/debian-program.sh <folder> <package>..."
folder=$1
shift
advice="install by your own means: $*"
command -v apt-get >/dev/null 2>&1 || fail "apt-get is not here" "$advice"
mirror=${DEBIAN_MIRROR:-$(own_mirror)}
[ -n "$mirror" ] || fail "no Debian mirror is configured here" "$advice; or set DEBIAN_MIRROR"

work=$(mktemp -d "${TMPDIR:-/tmp}/openclaw-packages.XXXXXX")
trap 'rm -rf "$work"' EXIT
# apt drops its rights to download.
chmod 755 "$work"
mkdir -p "$work"/{lists/partial,cache/archives/partial,packages}
keys=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [signed-by=$keys] $mirror $SUITE main" >"$work/sources.list"
private=(
  -o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=/dev/null
  -o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work/cache"
  -o Dir::State::status=/dev/null -o APT::Sandbox::User=
)
apt-get "${private[@]}" update -qq </dev/null >"$work/log" 2>&1 ||
  fail "apt-get cannot read $SUITE: $(tail -n1 "$work/log")" "$advice"
mkdir -p "$folder"
for package; do
  (cd "$work/packages" && apt-get "${private[@]}" download -qq "$package" </dev/null) \
    >"$work/log" 2>&1 || fail "no package $package: $(tail -n1 "$work/log")" "$advice"
  mkdir "$work/$package"
  dpkg -x "$work/packages/$package"_*.deb "$work/$package"
  # A package may also have a documentation file of that name, which cannot be run, and a script
  # that starts it as a service.
  program=$(find "$work/$package" -path "$work/$package/etc" -prune -o \
    -type f -perm -u+x -name "$package" -print | head -n1)
  [ -n "$program" ] || fail "the package $package holds no program" "$advice"
  install -m 755 "$program" "$folder/$package.new"
  mv "$folder/$package.new" "$folder/$package"
done
