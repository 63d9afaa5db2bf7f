#!/usr/bin/env bash
# Makes the Rust and Node images that the Dockerfile compiles in, out of Debian's base image and
# this machine's own tools, for a network where no registry of images can be reached.
#
# They get the names that the Dockerfile has as defaults, so that the shipped file is what is
# built. An image that is there already, a published one say, is left as it is.
set -euo pipefail
cd "$(dirname "$0")/.."

BASE_IMAGE=debian:bookworm-slim
RUST_IMAGE=$(sed -n 's/^ARG RUST_IMAGE=//p' Dockerfile)
NODE_IMAGE=$(sed -n 's/^ARG NODE_IMAGE=//p' Dockerfile)
certificates=/etc/ssl/certs/ca-certificates.crt

has_image() { docker image inspect "$1" >/dev/null 2>&1; }

scripts/sandbox-image.sh
exec 9>"${TMPDIR:-/tmp}/openclaw-base-images.lock"
flock 9
work=$(mktemp -d "${TMPDIR:-/tmp}/openclaw-base.XXXXXX")
trap 'rm -rf "$work"' EXIT

# How this machine reaches cargo's registry and npm's is how the image does.
cargo_env() {
  env | grep -E '^CARGO_(HTTP|NET|REGISTR|SOURCE)[A-Z_]*=' | sed -E 's/^([^=]+)=(.*)$/ENV \1="\2"/' || true
}

if ! has_image "$RUST_IMAGE"; then
  mkdir -p "$work/rust/toolchain" "$work/rust/cargo"
  sysroot=$(rustc --print sysroot)
  cp -a "$sysroot/bin" "$sysroot/lib" "$work/rust/toolchain/"
  for file in config.toml config; do
    if [ -e "${CARGO_HOME:-$HOME/.cargo}/$file" ]; then
      cp "${CARGO_HOME:-$HOME/.cargo}/$file" "$work/rust/cargo/"
    fi
  done
  cp "$certificates" "$work/rust/ca-certificates.crt"
  {
    echo "FROM $BASE_IMAGE"
    echo 'RUN apt-get update && apt-get install -y --no-install-recommends gcc g++ libc6-dev make'
    echo 'COPY toolchain/ /usr/local/'
    echo 'COPY cargo/ /usr/local/cargo/'
    echo 'COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt'
    echo 'ENV CARGO_HOME=/usr/local/cargo'
    cargo_env
  } >"$work/rust/Dockerfile"
  DOCKER_BUILDKIT=1 docker build -q -t "$RUST_IMAGE" "$work/rust" >/dev/null
  echo "Built $RUST_IMAGE"
fi

if ! has_image "$NODE_IMAGE"; then
  mkdir -p "$work/node/lib"
  cp "$(node -p process.execPath)" "$work/node/node"
  cp -a "$(npm root -g)/npm" "$work/node/lib/npm"
  cp "$certificates" "$work/node/ca-certificates.crt"
  {
    echo "FROM $BASE_IMAGE"
    echo 'COPY node /usr/local/bin/node'
    echo 'COPY lib/ /usr/local/lib/node_modules/'
    echo 'RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm'
    echo 'COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt'
    echo "ENV NPM_CONFIG_REGISTRY=$(npm config get registry 2>/dev/null)"
    echo 'ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt'
  } >"$work/node/Dockerfile"
  DOCKER_BUILDKIT=1 docker build -q -t "$NODE_IMAGE" "$work/node" >/dev/null
  echo "Built $NODE_IMAGE"
fi
