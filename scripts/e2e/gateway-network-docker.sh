#!/usr/bin/env bash
# Tries a gateway and a client in two containers of one network: the client comes in with the
# token, and is refused without.
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/e2e/image.sh

see_to_image
run=openclaw-e2e-$$
token=$(od -An -v -N16 -tx1 /dev/urandom | tr -d ' \n')

fail() {
  echo "error: $1" >&2
  exit 1
}

clean_up() {
  local status=$?
  trap - EXIT
  [ "$status" = 0 ] || docker logs "$run" 2>&1 | tail -n 20 >&2 || true
  docker rm -fv "$run" "$run-client" >/dev/null 2>&1 || true
  docker network rm "$run" >/dev/null 2>&1 || true
  exit "$status"
}
trap clean_up EXIT

docker network create --label "$E2E_LABEL" "$run" >/dev/null
docker run -d --name "$run" --network "$run" --network-alias gateway --label "$E2E_LABEL" \
  -e "OPENCLAW_GATEWAY_TOKEN=$token" "$OPENCLAW_IMAGE" \
  openclaw gateway run --allow-unconfigured --bind lan --port 18789 >/dev/null

docker run -d --name "$run-client" --network "$run" --label "$E2E_LABEL" \
  -e OPENCLAW_ALLOW_INSECURE_PRIVATE_WS=1 "$OPENCLAW_IMAGE" sleep infinity >/dev/null

client() { docker exec "$run-client" openclaw health --url ws://gateway:18789 --token "$1"; }

tries=0
until docker exec "$run" openclaw healthz >/dev/null 2>&1; do
  tries=$((tries + 1))
  [ "$tries" -lt 100 ] || fail "the gateway does not answer"
  sleep 0.2
done

if client wrong >/dev/null 2>&1; then fail "a wrong token was accepted"; fi

# A device from elsewhere is not known yet. What the client says is what its person has to type
# where the gateway runs.
if ! said=$(client "$token" 2>&1); then
  request=$(printf '%s\n' "$said" | sed -n 's/.*devices approve \([0-9a-zA-Z-]*\).*/\1/p' | tail -n 1)
  [ -n "$request" ] || fail "the client was refused: $said"
  docker exec "$run" openclaw devices approve "$request" >/dev/null
  client "$token" >/dev/null || fail "the client was refused after its device was approved"
fi
echo "Gateway and client met on a network."
