#!/usr/bin/env bash
# Tries onboarding in a container of the gateway's image: without questions, and with answers
# typed into a terminal. Ends with the line `E2E complete.` when all cases hold.
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/e2e/image.sh

IMAGE=openclaw-onboard-e2e
make_image "$IMAGE" Dockerfile
echo "==> Running the cases"
docker run --rm --init --network none --label "$E2E_LABEL" "$IMAGE" "$@"
echo "E2E complete."
