#!/usr/bin/env bash
# Builds the gateway's image from its sources alone, as the shipped Dockerfile says, and runs the
# tests of the image on that.
#
# This takes many minutes: everything is compiled for release, in the image. `make test` runs the
# same tests on an image around a program that cargo built outside.
set -euo pipefail
cd "$(dirname "$0")/.."

IMAGE=openclaw-test:from-source

scripts/local-base-images.sh
arguments=()
for name in HTTP_PROXY HTTPS_PROXY NO_PROXY http_proxy https_proxy no_proxy; do
  if [ -n "${!name:-}" ]; then arguments+=(--build-arg "$name=${!name}"); fi
done
echo "building $IMAGE"
begin=$(date +%s)
DOCKER_BUILDKIT=1 docker build --progress plain --label openclaw.test.image=1 \
  ${arguments[@]+"${arguments[@]}"} -t "$IMAGE" -f Dockerfile . 2>"${TMPDIR:-/tmp}/openclaw-image.log" >&2 || {
  echo "error: the image was not built" >&2
  tail -n 30 "${TMPDIR:-/tmp}/openclaw-image.log" >&2
  exit 1
}
echo "built in $(($(date +%s) - begin)) s"
# The page is part of it: a debug build outside would read it from the sources.
page=$(docker run --rm --label openclaw.test=image "$IMAGE" sh -c '
  export OPENCLAW_GATEWAY_TOKEN=x
  openclaw gateway --allow-unconfigured >/tmp/log 2>&1 &
  until openclaw healthz --ready >/dev/null 2>&1; do :; done
  curl -fsS http://127.0.0.1:18789/
  kill $!')
case $page in
  *'id="app"'*) echo "the page is served" ;;
  *)
    echo "error: the image serves no page" >&2
    exit 1
    ;;
esac

export OPENCLAW_TEST_IMAGE=$IMAGE
if cargo nextest --version >/dev/null 2>&1; then
  cargo nextest run --locked -p cli -E 'binary(it_docker)'
else
  cargo test --locked -p cli --test it_docker
fi
