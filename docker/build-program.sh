#!/bin/sh
# Compiles inside the image that brings Rust. Called by the Dockerfile.
#
# usage: docker/build-program.sh dependencies
#        docker/build-program.sh program <folder for the result>
set -eu

[ -n "${CARGO_BUILD_JOBS:-}" ] || unset CARGO_BUILD_JOBS
# Files keep their times on the way into an image, so the real sources may look older than what
# was made of the empty ones.
if [ "$1" = program ]; then find crates -name '*.rs' -exec touch {} +; fi
cargo build --locked --release -p cli --bin openclaw
if [ "$1" = program ]; then
  mkdir -p "$2"
  cp "$CARGO_TARGET_DIR/release/openclaw" "$2/"
  scripts/build-boxd.sh "$2/openclaw-boxd"
else
  scripts/build-boxd.sh /tmp/openclaw-boxd
fi
