#!/usr/bin/env bash
# Tries in a container that the gateway's image can draw a QR code for a terminal: it draws a
# small one and checks its corners. OPENCLAW_QR_SMOKE_IMAGE names the image that is made for it.
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/e2e/image.sh

IMAGE=${OPENCLAW_QR_SMOKE_IMAGE:-openclaw-qr-smoke}
make_image "$IMAGE" Dockerfile.qr-import
echo "==> Drawing a QR code"
docker run --rm --network none --label "$E2E_LABEL" "$IMAGE"
