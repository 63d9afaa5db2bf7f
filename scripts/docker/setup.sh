#!/usr/bin/env bash
# Builds and starts OpenClaw in Docker, asks for what it needs to know, and leaves a gateway that
# answers. Running it again is safe: what was set stays, and what is so already is left alone.
#
# Runs on Bash 3.2. The parts in `setup/` are sourced; see `usage` for what can be set.
# shellcheck disable=SC2034,SC2154
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: docker-setup.sh [--offline] [-- <flags of `openclaw onboard`>]

  --offline   neither build nor pull: every image must be there already

Settings, from the environment, else from .env, else the default:
  OPENCLAW_IMAGE                    openclaw:local is built; any other image is pulled
  OPENCLAW_CONFIG_DIR               ~/.openclaw
  OPENCLAW_WORKSPACE_DIR            ~/.openclaw/workspace
  OPENCLAW_GATEWAY_PORT             18789
  OPENCLAW_BRIDGE_PORT              18790
  OPENCLAW_GATEWAY_BIND             lan
  OPENCLAW_GATEWAY_TOKEN            taken from the config or .env, else made
  OPENCLAW_EXTRA_MOUNTS             source:target[:options], separated by commas
  OPENCLAW_HOME_VOLUME              a named volume or a directory for /home/node
  OPENCLAW_BIND_MOUNT_OPTIONS       :z on SELinux machines
  OPENCLAW_IMAGE_APT_PACKAGES       Debian packages for the image (OPENCLAW_DOCKER_APT_PACKAGES)
  OPENCLAW_IMAGE_PIP_PACKAGES       Python packages for the image
  OPENCLAW_BUILD_ARGS               more build arguments, NAME=value separated by spaces
  OPENCLAW_TZ                       time zone of the containers
  OPENCLAW_SKIP_ONBOARDING          1: no wizard
  OPENCLAW_SANDBOX                  1: run tools in sandboxes; 0: no longer
  OPENCLAW_DOCKER_SOCKET            the engine's socket for sandboxes

Without a terminal the wizard asks nothing. Flags after `--` go to it in either case, such as
  ./docker-setup.sh -- --non-interactive --accept-risk --auth-choice skip
TEXT
}

caller_dir=$PWD
parts_dir=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/setup" && pwd)
project_dir=$(CDPATH='' cd -- "$parts_dir/../../.." && pwd)
cd -- "$project_dir"
env_file=$project_dir/.env

# Files that must not outlive us, and a sandbox that is half set up.
scratch_files=()
is_sandbox_pending=no

for part in say env-file engine mounts settings configure sandbox; do
  # shellcheck source=/dev/null
  . "$parts_dir/$part.sh"
done

clean_up() {
  local status=$?
  trap - EXIT
  if [ "$is_sandbox_pending" = yes ]; then (roll_sandbox_back) || true; fi
  rm -f ${scratch_files[@]+"${scratch_files[@]}"}
  exit "$status"
}
trap clean_up EXIT
trap 'printf "\nInterrupted. Run this again to go on.\n" >&2; exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

read_arguments() {
  is_offline=no
  onboard_words=() run_flags=() up_flags=()
  while [ $# -gt 0 ]; do
    case "$1" in
      --offline) is_offline=yes up_flags=(--pull never --no-build) ;;
      -h | --help)
        usage
        exit 0
        ;;
      --)
        shift
        onboard_words=("$@")
        return
        ;;
      *)
        printf 'ERROR: Unknown argument: %s\n' "$1" >&2
        usage >&2
        exit 2
        ;;
    esac
    shift
  done
}

# All files but the sandbox's, which waits for its turn.
write_files() {
  make_directories
  if needs_extra_file; then write_extra_file; fi
  list_files_in_env
  write_env_file
  if ! needs_extra_file && is_ours "$EXTRA_FILE"; then rm -f "$EXTRA_FILE"; fi
  list_compose_files
}

tell_of_channels() {
  local cli
  cli="$(compose_hint) run --rm openclaw-cli"
  heading "Provider setup (optional)"
  say "WhatsApp (QR):"
  say "  $cli channels login"
  say "Telegram (bot token):"
  say "  $cli channels add --channel telegram --token <token>"
  say "Discord (bot token):"
  say "  $cli channels add --channel discord --token <token>"
  say "This version keeps such settings and does not serve the channels yet; the page does for now."
}

tell_the_end() {
  local line
  line=$(compose_hint)
  heading "Gateway running"
  say "Control UI: http://127.0.0.1:$OPENCLAW_GATEWAY_PORT/ (give it the token)"
  say "Port $OPENCLAW_GATEWAY_PORT of this machine is the gateway's 18789. From other machines, use a tailnet,"
  say "an SSH tunnel or a proxy with TLS; the page does not trust plain HTTP from afar."
  say "Config: $OPENCLAW_CONFIG_DIR"
  say "Workspace: $OPENCLAW_WORKSPACE_DIR"
  say "Token: in $env_file; show it: sed -n 's/^OPENCLAW_GATEWAY_TOKEN=//p' $(shell_word "$env_file")"
  if [ "$OPENCLAW_GATEWAY_BIND" = loopback ]; then
    say "Bind is loopback: nothing outside of the container reaches it, the published port included."
  fi
  if [ -n "$sandbox_notice" ]; then say "$sandbox_notice"; fi
  say ""
  say "Commands, in $(shell_word "$project_dir"):"
  say "  $line logs -f openclaw-gateway"
  say "  OPENCLAW_GATEWAY_TOKEN=\$(sed -n 's/^OPENCLAW_GATEWAY_TOKEN=//p' .env)"
  say "  $line exec openclaw-gateway node dist/index.js health --token \"\$OPENCLAW_GATEWAY_TOKEN\""
}

main() {
  read_arguments "$@"
  check_engine
  resolve_settings
  check_settings
  begin_sandbox
  choose_token
  warn_of_missing_sources
  write_files
  tell_token_source
  get_image
  fix_permissions
  onboard
  align_token
  set_container_config
  tell_of_channels
  drop_sandboxes
  heading "Starting gateway"
  start_gateway || fail "The gateway could not be started; see above."
  if ! wait_for_gateway; then
    show_gateway_log
    fail "The gateway does not answer; its log is above."
  fi
  set_up_sandbox
  tell_the_end
}

main "$@"
