#!/usr/bin/env bash
# Tries a gateway and a client in two containers of one network: the client comes in with the
# token, and is refused without.
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/e2e/image.sh

see_to_image
run=openclaw-e2e-$$
token=$(od -An -v -N16 -tx1 /dev/urandom | tr -d ' \n')

clean_up() {
  local status=$?
  trap - EXIT
  [ "$status" = 0 ] || docker logs "$run" 2>&1 | tail -n 20 >&2 || true
  docker rm -fv "$run" >/dev/null 2>&1 || true
  docker network rm "$run" >/dev/null 2>&1 || true
  exit "$status"
}
trap clean_up EXIT

docker network create --label "$E2E_LABEL" "$run" >/dev/null
docker run -d --name "$run" --network "$run" --network-alias gateway --label "$E2E_LABEL" \
  -e "OPENCLAW_GATEWAY_TOKEN=$token" "$OPENCLAW_IMAGE" \
  openclaw gateway run --allow-unconfigured --bind lan --port 18789 >/dev/null

# The client waits for the gateway by its own timeout, so it is asked again until then.
client() {
  docker run --rm --network "$run" --label "$E2E_LABEL" -e OPENCLAW_ALLOW_INSECURE_PRIVATE_WS=1 \
    "$OPENCLAW_IMAGE" openclaw health --url ws://gateway:18789 --token "$1"
}

tries=0
until docker exec "$run" openclaw healthz >/dev/null 2>&1; do
  tries=$((tries + 1))
  [ "$tries" -lt 100 ] || { echo "error: the gateway does not answer" >&2; exit 1; }
  sleep 0.2
done
client "$token" >/dev/null || { echo "error: the client was refused" >&2; exit 1; }
if client wrong >/dev/null 2>&1; then
  echo "error: a wrong token was accepted" >&2
  exit 1
fi
echo "Gateway and client met on a network."
