#!/usr/bin/env bash
# Runs the commands of the README's quick start on a new machine: a Debian that debootstrap just
# made, with an engine that never ran before, in namespaces of its own.
#
# usage: scripts/test-fresh.sh
#
# What is tested is a clone of HEAD. The compiler, Node and the settings of the package clients are
# this machine's; everything else is installed there. Nothing of it is left at the end, and a Docker
# Engine that runs here is neither used nor touched. Needs root, Debian and half an hour (PROFILE=dev
# makes it shorter).
set -euo pipefail
cd "$(dirname "$0")/.."

fail() {
  echo "error: $1" >&2
  echo "hint: $2" >&2
  exit 1
}

[ "$(id -u)" = 0 ] || fail "a new root and its namespaces need root" "run this as root"
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
packages=()
for program in debootstrap slirp4netns git; do
  command -v "$program" >/dev/null || packages+=("$program")
done
if [ ${#packages[@]} -gt 0 ]; then
  command -v apt-get >/dev/null || fail "not installed: ${packages[*]}" "install them"
  apt-get update -qq </dev/null
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" \
    </dev/null >/dev/null
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/openclaw-fresh.XXXXXX")
root=$work/root
cgroup=openclaw-fresh-$$
machine='' network=''

# The first process of the machine takes all others with it, and their mounts.
clean_up() {
  local status=$? process
  trap - EXIT
  trap '' INT TERM HUP
  for process in $machine $network; do kill -9 "$process" 2>/dev/null || true; done
  wait 2>/dev/null || true
  find /sys/fs/cgroup -depth -type d -path "*/$cgroup*" -exec rmdir {} + 2>/dev/null || true
  rm -rf --one-file-system "$work"
  exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

begin=$SECONDS
step() { echo "fresh machine, $((SECONDS - begin)) s: $1"; }

step "making a Debian"
scripts/debian-root.sh "$root"
# What a registry of images would give: the base of all of ours.
tar -C "$root" -c . >"$work/debian.tar"
mv "$work/debian.tar" "$root/root/debian.tar"

step "giving it this machine's compiler, Node and settings"
cp -a "$(rustc --print sysroot)"/{bin,lib} "$root/usr/local/"
cp "$(node -p process.execPath)" "$root/usr/local/bin/node"
mkdir -p "$root/usr/local/lib/node_modules" "$root/root/.cargo" "$root/etc/docker"
cp -a "$(npm root -g)/npm" "$root/usr/local/lib/node_modules/npm"
ln -s ../lib/node_modules/npm/bin/npm-cli.js "$root/usr/local/bin/npm"
for file in config.toml config; do
  if [ -e "${CARGO_HOME:-$HOME/.cargo}/$file" ]; then
    cp "${CARGO_HOME:-$HOME/.cargo}/$file" "$root/root/.cargo/"
  fi
done
# The package of certificates writes its own file when it is installed, so ours has another name.
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/machine-certificates.crt"
# Its containers have a place of their own among the control groups, to be cleared by name.
echo "{\"cgroup-parent\": \"/$cgroup\"}" >"$root/etc/docker/daemon.json"
echo 'nameserver 10.0.2.3' >"$root/etc/resolv.conf"
echo '127.0.0.1 localhost fresh' >"$root/etc/hosts"
git clone -q --no-hardlinks . "$root/root/openclaw"

step "starting it"
# Enters the new root for good: the engine could not make containers in one that is only `chroot`ed.
# shellcheck disable=SC2016 # expanded in there
enter='
set -eu
hostname fresh
mount --bind "$1" "$1"
cd "$1"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount --rbind /sys/fs/cgroup sys/fs/cgroup
mount --rbind /dev dev
mount -t tmpfs tmpfs run
mkdir -p .machine
pivot_root . .machine
exec chroot . sh -c "umount -l /.machine; read -r _ && exec bash /root/openclaw/scripts/test-fresh-inside.sh"
'
mkfifo "$work/go"
settings=(HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8
  CARGO_HOME=/root/.cargo "PROFILE=${PROFILE:-release}"
  NODE_EXTRA_CA_CERTS=/etc/machine-certificates.crt SSL_CERT_FILE=/etc/machine-certificates.crt
  CURL_CA_BUNDLE=/etc/machine-certificates.crt
  "NPM_CONFIG_REGISTRY=$(npm config get registry 2>/dev/null)")
while read -r setting; do settings+=("$setting"); done < <(
  env | grep -E '^(CARGO_(BUILD_JOBS|(HTTP|NET|REGISTR|SOURCE)[A-Z_]*)|(HTTPS?|NO|https?|no)_(PROXY|proxy))=' || true
)
env -i "${settings[@]}" unshare --mount --propagation private --pid --net --uts --ipc --fork \
  --kill-child sh -c "$enter" enter "$root" <"$work/go" &
machine=$!
exec 3>"$work/go"
until [ "$(readlink "/proc/$machine/ns/net")" != "$(readlink /proc/self/ns/net)" ]; do
  kill -0 "$machine" 2>/dev/null || fail "the machine did not start" "read what is above"
done
mkfifo "$work/up"
slirp4netns --configure --mtu=65520 --disable-host-loopback --ready-fd=4 "$machine" tap0 \
  4>"$work/up" >"$work/network.log" 2>&1 3>&- &
network=$!
read -r -n1 -t 30 _ <"$work/up" || fail "the machine has no network: $(tail -n1 "$work/network.log")" "run it again"
echo >&3
wait "$machine"
step "done"
