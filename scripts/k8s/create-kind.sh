#!/usr/bin/env bash
# Makes a Kubernetes cluster on this machine with kind, in Docker or Podman, and puts the gateway's
# image into it. `create-kind.sh [name] [--delete]`; the name is `openclaw` unless given.
#
#   OPENCLAW_IMAGE  the image to load (openclaw:local)
set -euo pipefail

IMAGE=${OPENCLAW_IMAGE:-openclaw:local}
name=openclaw action=create

fail() {
  echo "error: $1" >&2
  echo "hint: $2" >&2
  exit 1
}

for argument in "$@"; do
  case $argument in
    --delete) action=delete ;;
    -h | --help)
      sed -n '2,5s/^# \{0,1\}//p' "$0"
      exit 0
      ;;
    -*) fail "unknown option $argument" "create-kind.sh [name] [--delete]" ;;
    *) name=$argument ;;
  esac
done

command -v kind >/dev/null 2>&1 || fail "kind is not installed" "see kind.sigs.k8s.io"
engine=docker
if ! docker info >/dev/null 2>&1; then
  podman info >/dev/null 2>&1 || fail "neither Docker nor Podman answers" "start one of them"
  engine=podman
  export KIND_EXPERIMENTAL_PROVIDER=podman
fi

if [ "$action" = delete ]; then
  kind delete cluster --name "$name"
  exit 0
fi

if ! kind get clusters 2>/dev/null | grep -qx "$name"; then
  kind create cluster --name "$name" --wait 120s
fi
if "$engine" image inspect "$IMAGE" >/dev/null 2>&1; then
  archive=$(mktemp)
  trap 'rm -f "$archive"' EXIT
  "$engine" save -o "$archive" "$IMAGE"
  kind load image-archive "$archive" --name "$name"
else
  echo "note: $IMAGE is not here, so nothing was loaded; build it, then run this again" >&2
fi
echo "cluster $name is ready: scripts/k8s/deploy.sh"
