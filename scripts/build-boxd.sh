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

# Not position independent: nothing is relocated at the start, so pages of data stay the file's.
flags='-C target-feature=+crt-static -C relocation-model=static'
# The kernel maps a file by 64 KiB and more, so what runs should lie together; the rest of libc and
# of Rust's library, most of it, then never becomes resident. The list names functions of both that
# a greeting, commands and files were seen to run; names that are not there are passed over. Rust's
# own linker on x86-64 can do that. Cargo does not notice a changed list.
if [ "$triple" = x86_64-unknown-linux-gnu ]; then # aarch64 goes without
  for option in --symbol-ordering-file=scripts/boxd-link-order.txt --no-warn-symbol-ordering \
    --icf=all; do
    flags="$flags -C link-arg=-Wl,$option"
  done
fi

env "$variable=$flags" \
    cargo build --quiet -p boxd --bin openclaw-boxd --profile boxd --target "$triple"
built=$target/$triple/boxd/openclaw-boxd
mkdir -p "$(dirname "$file")"
# A running one must not change under a sandbox: put the new one beside it, then in its place.
cp "$built" "$file.new"
chmod 755 "$file.new"
mv "$file.new" "$file"
printf 'Built %s\n' "$file"
