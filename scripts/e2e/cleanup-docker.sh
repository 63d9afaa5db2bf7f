#!/usr/bin/env bash
# Removes what the scripts beside it leave in the engine: containers, networks and images of
# theirs, and nothing else.
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/e2e/image.sh

docker ps -aq --filter "label=$E2E_LABEL" | while read -r id; do docker rm -fv "$id" >/dev/null; done
docker network ls -q --filter "label=$E2E_LABEL" | while read -r id; do
  docker network rm "$id" >/dev/null
done
docker images -q --filter "label=$E2E_LABEL" | sort -u | while read -r id; do
  docker rmi -f "$id" >/dev/null
done
