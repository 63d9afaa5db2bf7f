#!/bin/sh
# Installs one kind of thing into the gateway's image, or nothing when nothing is asked for.
# Called by the Dockerfile, once for each kind.
#
# usage: docker/install.sh <base|apt|pip|docker-cli|browser|extensions> <what>
set -eu

export DEBIAN_FRONTEND=noninteractive

install_packages() {
  apt-get update
  # shellcheck disable=SC2086 # a list of names
  apt-get install -y --no-install-recommends $1
  apt-get clean
  rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/debconf/*-old /var/log/apt /var/log/dpkg.log
}

is_on() {
  case $(printf %s "$1" | tr '[:upper:]' '[:lower:]') in
    1 | true | yes | on) return 0 ;;
    *) return 1 ;;
  esac
}

base() {
  # Debian's own slim images come without documentation; others are made so.
  printf '%s\n' 'path-exclude /usr/share/doc/*' 'path-include /usr/share/doc/*/copyright' \
    'path-exclude /usr/share/man/*' 'path-exclude /usr/share/info/*' \
    'path-exclude /usr/share/locale/*' >/etc/dpkg/dpkg.cfg.d/openclaw-slim
  case $1 in
    default) install_packages 'bash ca-certificates curl git procps tini tzdata' ;;
    slim) install_packages 'bash ca-certificates procps tini tzdata' ;;
    *)
      echo "error: no variant \`$1\`; there are default and slim" >&2
      exit 1
      ;;
  esac
}

pip() {
  install_packages 'python3 python3-pip'
  # The system's Python is this image's alone: nothing else depends on what it holds.
  # shellcheck disable=SC2086 # a list of names
  pip3 install --no-cache-dir --break-system-packages $1
}

# The command line alone: Debian 12 packs it together with the daemon, which stays outside.
docker_cli() {
  work=$(mktemp -d)
  chmod 755 "$work"
  apt-get update
  if apt-cache show docker-cli >/dev/null 2>&1; then package=docker-cli; else package=docker.io; fi
  (cd "$work" && apt-get download -q "$package" && dpkg -x "$package"_*.deb files)
  install -m 755 "$work/files/usr/bin/docker" /usr/local/bin/docker
  rm -rf "$work" /var/lib/apt/lists/* /var/cache/apt/*.bin
  docker --version
}

browser() {
  install_packages 'chromium fonts-liberation fonts-noto-color-emoji xvfb'
  install -d -o node -g node /home/node/.cache/ms-playwright
}

kind=$1
what=${2:-}
case $kind in
  base) base "$what" ;;
  apt) if [ -n "$(printf %s "$what" | tr -d '[:space:]')" ]; then install_packages "$what"; fi ;;
  pip) if [ -n "$(printf %s "$what" | tr -d '[:space:]')" ]; then pip "$what"; fi ;;
  docker-cli) if is_on "$what"; then docker_cli; fi ;;
  browser) if is_on "$what"; then browser; fi ;;
  extensions)
    if [ -n "$what" ]; then echo "note: extensions are part of the program; ignored: $what"; fi
    ;;
  *)
    echo "error: no kind \`$kind\`" >&2
    exit 1
    ;;
esac
