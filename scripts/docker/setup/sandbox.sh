# Sourced by ../setup.sh: sandboxes for tools, made by the gateway from inside its container.
#
# They need the engine's socket, which is as good as root on this machine. So the gateway gets it
# only after everything else was found fit, and loses it when any later step fails.
# shellcheck shell=bash disable=SC2154,SC2034,SC2119,SC2120

readonly SANDBOX_IMAGE=openclaw-sandbox:bookworm-slim

# Why there is no sandbox; said again at the end.
sandbox_trouble() {
  sandbox_notice="Sandboxes are off: $1"
  warn "$sandbox_notice"
}

# Before the first start: an overlay of an earlier run goes on unless it must not.
begin_sandbox() {
  is_sandbox_on=no
  sandbox_notice=
  if ! is_true "$OPENCLAW_SANDBOX"; then
    return
  fi
  find_socket
  if is_ours "$SANDBOX_FILE" && [ -S "$socket" ] && [ "$(overlay_text)" = "$(cat "$SANDBOX_FILE")" ]
  then
    is_sandbox_on=yes
  fi
}

# Removes the containers of sandboxes that will be no more: without the socket, nobody could.
drop_sandboxes() {
  if is_true "$OPENCLAW_SANDBOX" || ! is_ours "$SANDBOX_FILE"; then return; fi
  list_compose_files "$SANDBOX_FILE"
  one_shot --entrypoint openclaw openclaw-gateway sandbox recreate --all --force >/dev/null ||
    warn "Containers of sandboxes may be left: docker ps --filter name=openclaw-sbx-"
  list_compose_files
}

# The engine's socket and its group: `socket`, DOCKER_GID.
find_socket() {
  socket=$OPENCLAW_DOCKER_SOCKET
  if [ -z "$socket" ]; then
    case "${DOCKER_HOST:-}" in
      unix://*) socket=${DOCKER_HOST#unix://} ;;
      *) socket=/var/run/docker.sock ;;
    esac
  fi
  DOCKER_GID=
  if [ -S "$socket" ]; then
    DOCKER_GID=$(stat -Lc %g "$socket" 2>/dev/null || stat -Lf %g "$socket" 2>/dev/null || true)
    case "$DOCKER_GID" in *[!0-9]*) DOCKER_GID= ;; esac
  fi
  export DOCKER_GID
}

overlay_text() {
  printf '%s\n' "$MADE_BY" "# It gives the gateway the engine's socket: root on this machine, in effect." \
    services: '  openclaw-gateway:' '    volumes:'
  printf '      - %s\n' "$(yaml_scalar "$socket:/var/run/docker.sock")"
  if [ -n "$DOCKER_GID" ]; then
    printf '    group_add:\n      - "%s"\n' "$DOCKER_GID"
  fi
}

# The images that sandboxes will be made of, one a line.
sandbox_images() {
  read_config inside || true
  {
    configured agents.defaults.sandbox.docker.image
    printf '%s\n' "${configured:-$SANDBOX_IMAGE}"
    printf '%s\n' "$config_lines" |
      awk -F '\t' '$1 ~ /^agents\.list\.[0-9]+\.sandbox\.docker\.image$/ { print $2 }'
    configured agents.defaults.sandbox.browser.enabled
    if [ "$configured" = true ]; then
      configured agents.defaults.sandbox.browser.image
      printf '%s\n' "${configured:-openclaw-sandbox-browser:bookworm-slim}"
    fi
  } | sort -u
}

has_image() { DOCKER_HOST=unix://$socket docker image inspect "$1" >/dev/null 2>&1; }

# Whether every image is there; the default one is built if it can be.
has_sandbox_images() {
  local image images
  images=$(sandbox_images)
  while IFS= read -r image; do
    if has_image "$image"; then continue; fi
    if [ "$is_offline" = yes ]; then
      fail "--offline needs the sandbox image $image preloaded, and it is not there; nothing was changed about sandboxes."
    fi
    if [ "$image" != "$SANDBOX_IMAGE" ]; then
      sandbox_trouble "the image $image is not there; build or pull it, then run this again."
      return 1
    fi
    say "Building $image"
    DOCKER_HOST=unix://$socket scripts/sandbox-setup.sh </dev/null || {
      sandbox_trouble "the image $image could not be built (scripts/sandbox-setup.sh)."
      return 1
    }
  done <<<"$images"
}

# Whether the gateway's image, given the socket, finds an engine behind it.
can_reach_engine() {
  local probe
  new_file "$PWD/.docker-compose.sandbox"
  probe=$new_file
  overlay_text >"$probe"
  list_compose_files "$probe"
  if one_shot --entrypoint openclaw openclaw-gateway sandbox check >/dev/null; then
    list_compose_files
    return 0
  fi
  list_compose_files
  return 1
}

set_up_sandbox() {
  if ! is_true "$OPENCLAW_SANDBOX"; then
    # A mode that somebody set by hand is not ours to change.
    if is_ours "$SANDBOX_FILE"; then
      heading "Sandboxes: off"
      remove_sandbox
    fi
    return
  fi
  heading "Sandboxes"
  if ! [ -S "$socket" ]; then
    sandbox_trouble "$socket is no socket; set OPENCLAW_DOCKER_SOCKET."
  elif has_sandbox_images; then
    if [ "$is_sandbox_on" = yes ] && read_config inside && configured agents.defaults.sandbox.mode &&
      [ -n "$configured" ]; then
      say "Sandboxes are on (mode $configured)."
      return
    fi
    if ! can_reach_engine; then
      sandbox_trouble "the gateway's container finds no engine behind $socket."
    elif turn_sandbox_on; then
      return
    fi
  fi
  if is_ours "$SANDBOX_FILE"; then remove_sandbox; fi
}

# Gives the gateway the socket and sets the mode. Anything that fails takes both back.
turn_sandbox_on() {
  warn "The gateway gets $socket: who controls the gateway controls this machine."
  is_sandbox_pending=yes
  if ! set_sandbox_config; then
    sandbox_trouble "the config could not be changed."
    roll_sandbox_back
    return 1
  fi
  new_file "$SANDBOX_FILE"
  overlay_text >"$new_file"
  put_in_place "$new_file" "$SANDBOX_FILE" 644
  is_sandbox_on=yes
  list_files_in_env
  if ! start_gateway || ! wait_for_gateway; then
    sandbox_trouble "the gateway did not start with the socket."
    roll_sandbox_back
    return 1
  fi
  write_env_file
  is_sandbox_pending=no
  say "Sandboxes are on: mode non-main, scope agent, workspace access none, where the config said nothing else."
}

# What the config says already stays, save a mode that is off.
set_sandbox_config() {
  local part='' key value
  read_config inside || true
  while read -r key value; do
    configured "agents.defaults.sandbox.$key"
    if [ -z "$configured" ] || { [ "$key" = mode ] && [ "$configured" = off ]; }; then
      part="${part:+$part,}$key:\"$value\""
    fi
  done <<'KEYS'
mode non-main
scope agent
workspaceAccess none
KEYS
  [ -z "$part" ] || patch_config "{agents:{defaults:{sandbox:{$part}}}}"
}

# No mode without the socket, no socket without the mode.
roll_sandbox_back() {
  is_sandbox_pending=no
  remove_sandbox --force-recreate
}

remove_sandbox() {
  is_sandbox_on=no
  list_files_in_env
  # First the list, then the file: a list with a file that is gone stops every command.
  write_env_file
  if is_ours "$SANDBOX_FILE"; then rm -f "$SANDBOX_FILE"; fi
  list_compose_files
  patch_config '{agents:{defaults:{sandbox:{mode:"off"}}}}' ||
    warn "The config still asks for sandboxes: set agents.defaults.sandbox.mode to off."
  start_gateway "$@" || fail "The gateway could not be started without sandboxes."
  wait_for_gateway || fail "The gateway does not answer without sandboxes."
  say "The gateway runs without the engine's socket; the sandbox mode is off."
}
