#!/bin/sh
# Builds the servant of the sandboxes as one static file.
#
# usage: scripts/build-boxd.sh [file]
#
# Without an argument it becomes `boxd/openclaw-boxd` in cargo's target directory.
set -eu

cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
file=${1:-$target/boxd/openclaw-boxd}
triple=$(rustc -vV | sed -n 's/^host: //p')
variable=CARGO_TARGET_$(printf %s "$triple" | tr 'a-z-' 'A-Z_')_RUSTFLAGS

env "$variable=-C target-feature=+crt-static" \
    cargo build --quiet -p boxd --bin openclaw-boxd --profile boxd --target "$triple"
built=$target/$triple/boxd/openclaw-boxd
mkdir -p "$(dirname "$file")"
# A running one must not change under a sandbox: put the new one beside it, then in its place.
cp "$built" "$file.new"
chmod 755 "$file.new"
mv "$file.new" "$file"
printf 'Built %s\n' "$file"
