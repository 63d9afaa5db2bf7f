#!/usr/bin/env bash
# Installs what the tests need and is missing, by apt and npm, when root or sudo is there; makes
# the servant and the images of the sandboxes; starts a Docker Engine when none answers.
#
# With neither root nor sudo, it says what to install. Running it twice does nothing the second
# time. An engine that it started is left running: `scripts/test.sh` also stops it.
set -euo pipefail
cd "$(dirname "$0")/.."

NODE_MIN=20           # for npm, the page and its tests
NODE_PEER_MIN=22.19   # what the published client of the reference asks for

fail() {
  echo "error: $1" >&2
  echo "hint: $2" >&2
  exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif have sudo && sudo -n true 2>/dev/null; then
    sudo "$@"
  else
    return 1
  fi
}

# Whether version $1 is at least $2.
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n1)" = "$2" ]; }

packages=()
have cc || packages+=(build-essential)
have chromium || have chromium-browser || have google-chrome || packages+=(chromium)
have node || packages+=(nodejs)
have npm || packages+=(npm)
[ -e /etc/ssl/certs/ca-certificates.crt ] || packages+=(ca-certificates)
have curl || packages+=(curl)
have shellcheck || packages+=(shellcheck)
python3 -c 'import ensurepip' 2>/dev/null || packages+=(python3 python3-venv)
PATH=$PATH:/usr/sbin:/sbin
has_engine() { scripts/docker-engine.sh check; }
# An engine elsewhere needs no daemon here, but the scripts use the command line.
have dockerd || [ -n "${DOCKER_HOST:-}" ] || has_engine || packages+=(docker.io)
if ! have docker; then
  packages+=(docker.io)
  if apt-cache show docker-cli >/dev/null 2>&1; then packages+=(docker-cli); fi
fi
image=debian:bookworm-slim
if ! have debootstrap && ! docker image inspect "$image" >/dev/null 2>&1; then
  packages+=(debootstrap)
fi
# The other engine that sandboxes run on, and the runtime that knows every machine's cgroups.
have podman || packages+=(podman)
have runc || packages+=(runc)
grep -q ' /sys/fs/cgroup' /proc/mounts || packages+=(cgroupfs-mount)

if [ ${#packages[@]} -gt 0 ]; then
  echo "installing: ${packages[*]}"
  if have apt-get && as_root true; then
    export DEBIAN_FRONTEND=noninteractive
    as_root apt-get update -qq </dev/null
    # The runlevel keeps a fresh dockerd from being started behind our back.
    as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq \
      --no-install-recommends "${packages[@]}" </dev/null >/dev/null
  else
    fail "not installed: ${packages[*]}" "install them, or run this as root on Debian"
  fi
fi

have cargo || fail "cargo is not installed" "get Rust 1.95 or later"
node=$(node --version | tr -d v)
at_least "$node" "$NODE_MIN" || fail "Node $node is too old" "Node $NODE_MIN or later is needed"

# The published client wants a newer Node than Debian has; the optional packages of the test
# project bring one, and only then.
omit=()
if at_least "$node" "$NODE_PEER_MIN"; then omit=(--omit=optional); fi
stamp=tests/peers/node_modules/.installed
if ! cmp -s tests/peers/package-lock.json "$stamp"; then
  (cd tests/peers && npm ci --no-audit --no-fund --loglevel=error "${omit[@]}" </dev/null)
  cp tests/peers/package-lock.json "$stamp"
fi

# What the tests in Python import, in a folder of its own, and each podman-compose of the list.
venv=tests/python/.venv
wanted=$(cat tests/python/requirements.txt tests/python/podman-compose.txt)
if [ "$wanted" != "$(cat "$venv/.installed" 2>/dev/null)" ]; then
  rm -rf "$venv"
  python3 -m venv "$venv"
  pip() { "$venv/bin/pip" install -q --disable-pip-version-check "$@" </dev/null; }
  pip -r tests/python/requirements.txt
  while IFS= read -r version; do
    pip --no-deps --target "$venv/podman-compose/$version" "podman-compose==$version"
  done <tests/python/podman-compose.txt
  printf '%s\n' "$wanted" >"$venv/.installed"
fi

# The page, for the tests that look at it.
scripts/build-ui.sh

# The sandboxes' servant, the engine's plugins, gVisor, a registry, an engine, and the images.
scripts/build-boxd.sh
scripts/docker-plugins.sh
scripts/gvisor.sh
scripts/registry.sh
if ! has_engine && [ "$(id -u)" != 0 ] && as_root true; then
  as_root env "PATH=$PATH" "TMPDIR=${TMPDIR:-/tmp}" "ENGINE_MARK=${ENGINE_MARK:-}" \
    scripts/docker-engine.sh </dev/null
else
  scripts/docker-engine.sh </dev/null
fi
scripts/docker-sweep.sh old </dev/null
scripts/sandbox-image.sh </dev/null
