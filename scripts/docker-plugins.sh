#!/usr/bin/env bash
# Makes sure that `docker compose` (v2) and `docker buildx` work: the images and the compose file
# need them, and Debian 12 has neither.
#
# Both are taken from the packages of Debian 13, from the mirror that this machine's own packages
# come from, and put beside the user's Docker settings. Nothing is installed system-wide, and what
# works already is left as it is. Needs no root.
set -euo pipefail

SUITE=trixie
PLUGINS_DIR=${DOCKER_CONFIG:-$HOME/.docker}/cli-plugins

fail() {
  echo "error: $1" >&2
  echo "hint: $2" >&2
  exit 1
}

works() { docker "$1" version >/dev/null 2>&1; }

own_mirror() {
  cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
    sed -nE 's/^(deb (\[[^]]*\] )?|URIs: *)(https?:[^ ]+).*$/\3/p' | grep -v security |
    grep '/debian/*$' | head -n1 || true
}

command -v docker >/dev/null 2>&1 || fail "docker is not installed" "apt-get install docker.io"
missing=()
for plugin in compose buildx; do works "$plugin" || missing+=("$plugin"); done
[ ${#missing[@]} -gt 0 ] || exit 0

advice="install the Compose and Buildx plugins of Docker"
command -v apt-get >/dev/null 2>&1 || fail "docker ${missing[*]} missing" "$advice"
mirror=${DEBIAN_MIRROR:-$(own_mirror)}
[ -n "$mirror" ] || fail "no Debian mirror is configured here" "$advice, or set DEBIAN_MIRROR"

work=$(mktemp -d "${TMPDIR:-/tmp}/openclaw-plugins.XXXXXX")
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
echo "installing Docker plugins: ${missing[*]}"
apt-get "${private[@]}" update -qq </dev/null >"$work/log" 2>&1 ||
  fail "apt-get cannot read $SUITE: $(tail -n1 "$work/log")" "$advice"
mkdir -p "$PLUGINS_DIR"
for plugin in "${missing[@]}"; do
  (cd "$work/packages" && apt-get "${private[@]}" download -qq "docker-$plugin" </dev/null) \
    >"$work/log" 2>&1 || fail "no package docker-$plugin: $(tail -n1 "$work/log")" "$advice"
  mkdir "$work/$plugin"
  dpkg -x "$work/packages/docker-$plugin"_*.deb "$work/$plugin"
  # The package also has a documentation file of that name; only the program can be run.
  program=$(find "$work/$plugin" -type f -perm -u+x -name "docker-$plugin" | head -n1)
  [ -n "$program" ] || fail "the package docker-$plugin holds no program" "$advice"
  install -m 755 "$program" "$PLUGINS_DIR/docker-$plugin.new"
  mv "$PLUGINS_DIR/docker-$plugin.new" "$PLUGINS_DIR/docker-$plugin"
  works "$plugin" || fail "docker $plugin does not run here" "$advice"
done
