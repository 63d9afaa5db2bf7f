#!/usr/bin/env bash
# Builds the image that a sandbox's browser runs in: openclaw-sandbox-browser:bookworm-slim.
#
# Settings:
#   BASE_IMAGE    the Debian image to start from (debian:bookworm-slim), for closed networks
#   TARGET_IMAGE  another name for the result, which sandbox.browser.image must then say
#   DOCKER        another command line than docker, such as podman
set -euo pipefail
cd "$(dirname "$0")/.."

BASE_IMAGE=${BASE_IMAGE:-debian:bookworm-slim}
TARGET_IMAGE=${TARGET_IMAGE:-openclaw-sandbox-browser:bookworm-slim}
DOCKER=${DOCKER:-docker}

if ! command -v "$DOCKER" >/dev/null 2>&1; then
  echo "error: $DOCKER is not installed" >&2
  echo "hint: install Docker, or set DOCKER=podman" >&2
  exit 1
fi

"$DOCKER" build --build-arg "BASE_IMAGE=$BASE_IMAGE" -t "$TARGET_IMAGE" \
  -f Dockerfile.sandbox-browser .
echo "Built $TARGET_IMAGE"
