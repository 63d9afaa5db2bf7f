#!/usr/bin/env bash
# Builds the sandbox image with compilers and package managers:
# openclaw-sandbox-common:bookworm-slim. Makes the base image first when it is missing.
#
# Settings (1 is yes, 0 is no):
#   BASE_IMAGE        image to start from (openclaw-sandbox:bookworm-slim)
#   TARGET_IMAGE      name of the result
#   PACKAGES          Debian packages, instead of those that Dockerfile.sandbox-common names
#   INSTALL_PNPM      1; PNPM_VERSION 10
#   INSTALL_BUN       1; BUN_INSTALL_DIR /opt/bun
#   INSTALL_BREW      1; BREW_INSTALL_DIR /home/linuxbrew/.linuxbrew (cloned from GitHub)
#   NPM_REGISTRY      registry for pnpm and bun, for closed networks
#   DOCKER            another command line than docker, such as podman
# The image needs Node only for itself; the machine that builds it needs none.
set -euo pipefail
cd "$(dirname "$0")/.."

DEFAULT_BASE_IMAGE=openclaw-sandbox:bookworm-slim
BASE_IMAGE=${BASE_IMAGE:-$DEFAULT_BASE_IMAGE}
TARGET_IMAGE=${TARGET_IMAGE:-openclaw-sandbox-common:bookworm-slim}
DOCKER=${DOCKER:-docker}

if ! command -v "$DOCKER" >/dev/null 2>&1; then
  echo "error: $DOCKER is not installed" >&2
  echo "hint: install Docker, or set DOCKER=podman" >&2
  exit 1
fi

if ! "$DOCKER" image inspect "$BASE_IMAGE" >/dev/null 2>&1; then
  if [ "$BASE_IMAGE" = "$DEFAULT_BASE_IMAGE" ]; then
    # Its own base is its own affair: BASE_IMAGE here means something else there.
    env -u BASE_IMAGE -u TARGET_IMAGE scripts/sandbox-setup.sh
  else
    echo "error: there is no image $BASE_IMAGE" >&2
    echo "hint: build or pull it first" >&2
    exit 1
  fi
fi

args=(--build-arg "BASE_IMAGE=$BASE_IMAGE")
for name in PACKAGES INSTALL_PNPM PNPM_VERSION INSTALL_BUN BUN_INSTALL_DIR INSTALL_BREW \
  BREW_INSTALL_DIR NPM_REGISTRY; do
  # What is not set keeps the default of the Dockerfile.
  if [ -n "${!name:-}" ]; then args+=(--build-arg "$name=${!name}"); fi
done

"$DOCKER" build "${args[@]}" -t "$TARGET_IMAGE" - <Dockerfile.sandbox-common
echo "Built $TARGET_IMAGE"
