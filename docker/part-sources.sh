#!/bin/sh
# Parts the sources by what depends on them, so that a layer of the image is built again only when
# its own part has changed.
#
# usage: docker/part-sources.sh <whole> <parts>
#
# manifests      what cargo needs to compile the dependencies: manifests, and empty sources
# sources        all that the program is made of, but the page
# page-packages  what npm needs to fetch the packages of the page
# page           the page
set -eu

whole=$1
parts=$2

mkdir -p "$parts/manifests" "$parts/sources" "$parts/page-packages" "$parts/page"

cd "$whole"
for entry in Cargo.toml Cargo.lock .cargo rust-toolchain.toml crates docker scripts docs; do
  if [ -e "$entry" ]; then cp -a "$entry" "$parts/sources/"; fi
done
cp -a ui/package.json ui/package-lock.json "$parts/page-packages/"
cp -a ui/. "$parts/page/"

cp -a "$parts/sources/Cargo.toml" "$parts/sources/Cargo.lock" "$parts/manifests/"
if [ -e .cargo ]; then cp -a .cargo "$parts/manifests/"; fi
mkdir -p "$parts/manifests/docker" "$parts/manifests/scripts"
cp -a docker/build-program.sh "$parts/manifests/docker/"
cp -a scripts/build-boxd.sh scripts/boxd-link-order.txt "$parts/manifests/scripts/"
find crates -name Cargo.toml -o -name main.rs -o -name lib.rs -o -name build.rs \
  -o -path '*/src/bin/*.rs' -o -path '*/benches/*.rs' -o -path '*/tests/*/main.rs' |
  while read -r file; do
    mkdir -p "$parts/manifests/$(dirname "$file")"
    case $file in
      *.toml) cp -a "$file" "$parts/manifests/$file" ;;
      */lib.rs) : >"$parts/manifests/$file" ;;
      *) echo 'fn main() {}' >"$parts/manifests/$file" ;;
    esac
  done
