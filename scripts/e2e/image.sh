# Sourced by the scripts beside it: sees to the gateway's image, and makes images on top of it.
# shellcheck shell=bash
#
# OPENCLAW_IMAGE names the image to test; openclaw:local is built when it is not there.

OPENCLAW_IMAGE=${OPENCLAW_IMAGE:-openclaw:local}

# What the containers and images of these scripts carry, so that cleanup-docker.sh finds them.
readonly E2E_LABEL=openclaw.test=e2e

command -v docker >/dev/null 2>&1 || {
  echo "error: docker is not installed" >&2
  echo "hint: install Docker, or try the wizard itself: openclaw onboard" >&2
  exit 1
}

see_to_image() {
  if docker image inspect "$OPENCLAW_IMAGE" >/dev/null 2>&1; then return; fi
  if [ "$OPENCLAW_IMAGE" != openclaw:local ]; then
    docker pull "$OPENCLAW_IMAGE"
    return
  fi
  echo "==> Building $OPENCLAW_IMAGE"
  DOCKER_BUILDKIT=1 docker build -t "$OPENCLAW_IMAGE" -f Dockerfile .
}

# Makes image $1 from Dockerfile $2 of this folder.
make_image() {
  local before
  see_to_image
  before=$(docker image inspect -f '{{.Id}}' "$1" 2>/dev/null) || before=
  echo "==> Building $1 on $OPENCLAW_IMAGE"
  DOCKER_BUILDKIT=1 docker build --quiet --label "$E2E_LABEL" \
    --build-arg "OPENCLAW_IMAGE=$OPENCLAW_IMAGE" -t "$1" -f "scripts/e2e/$2" scripts/e2e >/dev/null
  # The one that had the name before would stay, without any.
  if [ -n "$before" ] && [ "$before" != "$(docker image inspect -f '{{.Id}}' "$1")" ]; then
    docker rmi "$before" >/dev/null 2>&1 || true
  fi
}
