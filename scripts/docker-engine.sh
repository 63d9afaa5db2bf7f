#!/usr/bin/env bash
# Makes sure that a Docker Engine answers, for the tests that need a real one.
#
# An engine that answers already (DOCKER_HOST, or the default socket) is used as it is. Else
# dockerd is started, which needs root; its log is "${TMPDIR:-/tmp}/openclaw-dockerd.log".
# It is left running: other programs may have begun to use it.
set -euo pipefail

PATIENCE_TENTHS=600
log=${TMPDIR:-/tmp}/openclaw-dockerd.log

fail() {
  echo "error: $1" >&2
  echo "hint: $2" >&2
  exit 1
}

# No docker CLI is needed: the socket itself is asked.
answers() {
  local host=${DOCKER_HOST:-unix:///var/run/docker.sock}
  case "$host" in
    unix://*) curl -fsS -m 5 --unix-socket "${host#unix://}" http://docker/_ping >/dev/null 2>&1 ;;
    tcp://*) curl -fsS -m 5 "http://${host#tcp://}/_ping" >/dev/null 2>&1 ;;
    *) docker version >/dev/null 2>&1 ;;
  esac
}

if answers; then
  echo "a Docker Engine answers already"
  exit 0
fi
[ -z "${DOCKER_HOST:-}" ] || fail "no engine answers at $DOCKER_HOST" "start it, or unset DOCKER_HOST"
command -v dockerd >/dev/null 2>&1 || PATH=$PATH:/usr/sbin:/sbin
command -v dockerd >/dev/null 2>&1 || fail "dockerd is not installed" "apt-get install docker.io"
[ "$(id -u)" = 0 ] || fail "dockerd must be started by root" "start Docker, or run this as root"

# One starter at a time: two daemons on one data directory would fight.
exec 9>"${TMPDIR:-/tmp}/openclaw-dockerd.lock"
flock 9
if ! answers; then
  # A pid file of a daemon that died keeps a new one from starting.
  pid_file=/var/run/docker.pid
  if [ -e "$pid_file" ] && ! kill -0 "$(cat "$pid_file")" 2>/dev/null; then rm -f "$pid_file"; fi
  setsid dockerd >"$log" 2>&1 </dev/null 9>&- &
  daemon=$!
  for ((tenth = 0; tenth < PATIENCE_TENTHS; tenth++)); do
    if answers; then break; fi
    kill -0 "$daemon" 2>/dev/null || fail "dockerd ended at once" "read $log"
    sleep 0.1
  done
  answers || fail "dockerd does not answer" "read $log"
fi
echo "a Docker Engine answers"
