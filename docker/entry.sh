#!/bin/sh
# The first program in the gateway's container, below the reaper: runs the command it is given.
#
# With PUID or PGID set and root as the user of the container, it makes that user the owner of the
# state, and goes on as that user. A workspace with something in it is a person's own: there, only
# our folder changes hands. In every other case it does nothing but start the command.
set -eu

# Makes $uid:$gid the owner of what is below $1, but not of the workspaces in it.
give() {
  [ -d "$1" ] || return 0
  find "$1" -xdev -path "$HOME/.openclaw/workspace*" -prune \
    -o \( ! -uid "$uid" -o ! -gid "$gid" \) -exec chown -h "$uid:$gid" {} + ||
    echo "warning: cannot make $uid:$gid the owner of all of $1" >&2
}

if [ -n "${PUID:-}${PGID:-}" ] && [ "$(id -u)" = 0 ]; then
  uid=${PUID:-1000}
  gid=${PGID:-1000}
  case $uid$gid in
    *[!0-9]*)
      echo "error: PUID and PGID must be numbers, not \`$uid\` and \`$gid\`" >&2
      exit 1
      ;;
  esac
  give "$HOME"
  # Where these are mounted, they are other filesystems.
  give "$HOME/.openclaw"
  give "$HOME/.config/openclaw"
  for workspace in "$HOME/.openclaw"/workspace*; do
    [ -d "$workspace" ] || continue
    if [ -d "$workspace/.openclaw" ]; then chown -hR "$uid:$gid" "$workspace/.openclaw" || true; fi
    # A daemon that found no folder to mount has made one, and root its owner.
    if [ -z "$(ls -A "$workspace")" ]; then chown "$uid:$gid" "$workspace" || true; fi
  done
  groups=$(id -G | tr ' ' '\n' | grep -vx 0 | paste -sd, - || true)
  if [ -n "$groups" ]; then
    set -- setpriv --reuid "$uid" --regid "$gid" --groups "$groups" "$@"
  else
    set -- setpriv --reuid "$uid" --regid "$gid" --clear-groups "$@"
  fi
fi
exec "$@"
