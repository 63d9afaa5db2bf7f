#!/usr/bin/env bash
# What `scripts/test-fresh.sh` runs on the machine that it made: installs what the README asks for,
# and types the commands of its quick start.
set -euo pipefail
cd "$(dirname "$0")/.."

PATIENCE_SECONDS=60
PAGE=http://127.0.0.1:18789/
export DEBIAN_FRONTEND=noninteractive

fail() {
  echo "error: $1" >&2
  exit 1
}

begin=$SECONDS
step() { echo "fresh machine, $((SECONDS - begin)) s after its start: $1"; }

until_page() {
  local end=$((SECONDS + PATIENCE_SECONDS))
  until curl -fsS "$PAGE" 2>/dev/null | grep -q 'id="app"'; do
    if [ -n "${1:-}" ]; then kill -0 "$1" 2>/dev/null || fail "the gateway ended"; fi
    [ "$SECONDS" -lt "$end" ] || fail "no page at $PAGE"
  done
}

step "installing what the README asks for"
apt-get update -qq </dev/null
RUNLEVEL=1 apt-get install -y -qq --no-install-recommends build-essential git curl ca-certificates \
  docker.io iptables procps python3 </dev/null >/dev/null
cp /etc/machine-certificates.crt /etc/ssl/certs/ca-certificates.crt
# Debian 12 has Docker without Compose and Buildx.
scripts/docker-plugins.sh

step "starting an engine for the first time"
export ENGINE_MARK=/run/engine
trap 'scripts/docker-engine.sh stop || true' EXIT
[ ! -e /var/lib/docker/image ] || fail "the engine's folder is not empty"
scripts/docker-engine.sh </dev/null
echo "its bridge: $(docker network inspect bridge -f '{{json .IPAM.Config}}')"
docker import -c 'CMD ["bash"]' /root/debian.tar debian:bookworm-slim >/dev/null
rm /root/debian.tar
# What a registry of images would give: Rust and Node.
scripts/local-base-images.sh

step "./docker-setup.sh"
./docker-setup.sh -- --non-interactive --accept-risk --auth-choice skip </dev/null
until_page
docker compose down -v --timeout 5
git diff --exit-code >/dev/null || fail "the setup changed the sources"

step "make run"
setsid make run </dev/null &
gateway=$!
# Building it takes minutes.
PATIENCE_SECONDS=3600 until_page "$gateway"
kill -INT -- "-$gateway"
wait "$gateway" || true

step "make demo"
make demo </dev/null >/tmp/demo.log 2>&1 || { cat /tmp/demo.log; fail "the demo failed"; }
grep -A2 'openclaw agent' /tmp/demo.log

step "the quick start works"
