#!/usr/bin/env bash
# Makes sure that a Docker Engine answers, for the tests that need a real one.
#
# usage: scripts/docker-engine.sh [start|check|stop]
#
# start   An engine that answers already (DOCKER_HOST, or the default socket) is used as it is.
#         Else dockerd is started, which needs root; its log is
#         "${TMPDIR:-/tmp}/openclaw-dockerd.log". When ENGINE_MARK names a file, the number of
#         the process is written there, and only if this call started it.
# check   Says by its exit status whether an engine answers.
# stop    Stops the engine that ENGINE_MARK tells of, if any, with all that runs in it.
#
# Without ENGINE_MARK the engine is left running: other programs may have begun to use it.
set -euo pipefail

PATIENCE_TENTHS=600
log=${TMPDIR:-/tmp}/openclaw-dockerd.log
mark=${ENGINE_MARK:-}
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

fail() {
  echo "error: $1" >&2
  if [ -n "${3:-}" ] && [ -s "$3" ]; then
    echo "the end of $3:" >&2
    tail -n 15 "$3" | sed 's/^/  /' >&2
  fi
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

# Whether process $1 runs program $2. After a reboot its number may be another's, and one that
# died stays as a zombie where the first process does not reap.
runs() {
  [ "$(cat "/proc/$1/comm" 2>/dev/null)" = "$2" ] &&
    ! grep -q '^State:[[:space:]]*[ZX]' "/proc/$1/status" 2>/dev/null
}

# The pid file of a daemon that died keeps a new one from starting.
drop_stale() {
  if [ -e "$1" ] && ! runs "$(cat "$1")" "$2"; then rm -f "$1"; fi
}

# What to do about a daemon that does not start, from what it said.
advice() {
  case "$(tail -n 40 "$log" 2>/dev/null)" in
    *iptables* | *nf_tables*) echo "the kernel must let root change iptables: modprobe ip_tables, or use another machine" ;;
    *ermission\ denied* | *peration\ not\ permitted*) echo "dockerd needs all privileges: in a container, run that with --privileged" ;;
    *cgroup*) echo "mount the cgroups: apt-get install cgroupfs-mount && cgroupfs-mount" ;;
    *"no space left"*) echo "free some space below /var/lib/docker" ;;
    *) echo "start Docker by your own means and run this again, or set DOCKER_HOST to an engine elsewhere" ;;
  esac
}

start() {
  if answers; then
    echo "a Docker Engine answers already"
    return
  fi
  [ -z "${DOCKER_HOST:-}" ] || fail "no engine answers at $DOCKER_HOST" "start it, or unset DOCKER_HOST"
  command -v curl >/dev/null || fail "curl is not installed" "apt-get install curl"
  command -v dockerd >/dev/null || fail "dockerd is not installed" "apt-get install docker.io"
  [ "$(id -u)" = 0 ] || fail "dockerd must be started by root" "start Docker, or run this as root"

  # One starter at a time: two daemons on one data directory would fight.
  exec 9>"${TMPDIR:-/tmp}/openclaw-dockerd.lock"
  flock 9
  if ! answers; then
    drop_stale /var/run/docker.pid dockerd
    drop_stale /var/run/docker/containerd/containerd.pid containerd
    # Where there is no init, nobody mounted them.
    if ! grep -q ' /sys/fs/cgroup' /proc/mounts && command -v cgroupfs-mount >/dev/null; then
      cgroupfs-mount
    fi
    setsid dockerd >"$log" 2>&1 </dev/null 9>&- &
    local daemon=$! tenth
    if [ -n "$mark" ]; then echo "$daemon" >"$mark"; fi
    for ((tenth = 0; tenth < PATIENCE_TENTHS; tenth++)); do
      if answers; then break; fi
      kill -0 "$daemon" 2>/dev/null || fail "dockerd ended at once" "$(advice)" "$log"
      sleep 0.1
    done
    answers || fail "dockerd does not answer" "$(advice)" "$log"
  fi
  echo "a Docker Engine answers"
}

stop() {
  [ -n "$mark" ] && [ -s "$mark" ] || return 0
  local daemon tenth
  daemon=$(cat "$mark")
  rm -f "$mark"
  runs "$daemon" dockerd || return 0
  kill "$daemon"
  for ((tenth = 0; tenth < PATIENCE_TENTHS; tenth++)); do
    runs "$daemon" dockerd || return 0
    sleep 0.1
  done
  kill -9 "$daemon" 2>/dev/null || true
  echo "warning: dockerd did not stop by itself and was killed" >&2
}

case "${1:-start}" in
  start) start ;;
  check) answers ;;
  stop) stop ;;
  *) fail "no such verb: $1" "use start, check or stop" ;;
esac
