# Sourced by ../setup.sh: what is to be set up. Each setting is what the environment says, else
# what `.env` says from an earlier run, else a default. All are checked before anything is
# written.
# shellcheck shell=bash disable=SC2154,SC2034

# What `.env` always holds, in this order.
env_keys=(
  OPENCLAW_CONFIG_DIR
  OPENCLAW_WORKSPACE_DIR
  OPENCLAW_GATEWAY_PORT
  OPENCLAW_BRIDGE_PORT
  OPENCLAW_GATEWAY_BIND
  OPENCLAW_GATEWAY_TOKEN
  OPENCLAW_IMAGE
  OPENCLAW_EXTRA_MOUNTS
  OPENCLAW_HOME_VOLUME
  OPENCLAW_DOCKER_APT_PACKAGES
)

# What it holds only if it is set.
env_keys_optional=(
  OPENCLAW_AUTH_PROFILE_SECRET_DIR
  OPENCLAW_BIND_MOUNT_OPTIONS
  OPENCLAW_IMAGE_APT_PACKAGES
  OPENCLAW_IMAGE_PIP_PACKAGES
  OPENCLAW_EXTENSIONS
  OPENCLAW_INSTALL_BROWSER
  OPENCLAW_INSTALL_DOCKER_CLI
  OPENCLAW_BUILD_ARGS
  OPENCLAW_SANDBOX
  OPENCLAW_DOCKER_SOCKET
  DOCKER_GID
  OPENCLAW_ALLOW_INSECURE_PRIVATE_WS
  OPENCLAW_TZ
  OPENCLAW_DISABLE_BONJOUR
  OPENCLAW_SKIP_ONBOARDING
  COMPOSE_FILE
)

# Variable $1: the environment, `.env`, or $2. An empty one counts as not set.
resolve() {
  local value=${!1-}
  if [ -z "$value" ]; then
    find_in_env_file "$1" || true
    value=${found:-$2}
  fi
  export "$1=$value"
}

# The same for a variable that may be emptied: an empty one in the environment counts.
resolve_list() {
  local value
  if [ -n "${!1+set}" ]; then
    value=${!1}
  else
    find_in_env_file "$1" || true
    value=$found
  fi
  export "$1=$value"
}

# The packages of Debian go by two names; the new one wins, even when it is empty.
resolve_apt_packages() {
  local value=
  if [ -n "${OPENCLAW_IMAGE_APT_PACKAGES+set}" ]; then
    value=$OPENCLAW_IMAGE_APT_PACKAGES
  elif [ -n "${OPENCLAW_DOCKER_APT_PACKAGES+set}" ]; then
    value=$OPENCLAW_DOCKER_APT_PACKAGES
  elif find_in_env_file OPENCLAW_IMAGE_APT_PACKAGES ||
    find_in_env_file OPENCLAW_DOCKER_APT_PACKAGES; then
    value=$found
  fi
  export OPENCLAW_IMAGE_APT_PACKAGES=$value OPENCLAW_DOCKER_APT_PACKAGES=$value
}

resolve_settings() {
  check_env_file
  [ -n "${HOME:-}${OPENCLAW_CONFIG_DIR:-}" ] || fail "HOME is not set; set it, or OPENCLAW_CONFIG_DIR."
  resolve OPENCLAW_CONFIG_DIR "${HOME:-}/.openclaw"
  resolve OPENCLAW_WORKSPACE_DIR "${HOME:+$HOME/.openclaw/workspace}"
  : "${OPENCLAW_WORKSPACE_DIR:=$OPENCLAW_CONFIG_DIR/workspace}"
  resolve OPENCLAW_AUTH_PROFILE_SECRET_DIR "${HOME:-$OPENCLAW_CONFIG_DIR}/.openclaw-auth-profile-secrets"
  find_in_env_file OPENCLAW_GATEWAY_PORT || true
  earlier_port=${found:-18789}
  resolve OPENCLAW_GATEWAY_PORT 18789
  resolve OPENCLAW_BRIDGE_PORT 18790
  resolve OPENCLAW_GATEWAY_BIND lan
  resolve OPENCLAW_IMAGE "$LOCAL_IMAGE"
  resolve_list OPENCLAW_EXTRA_MOUNTS
  resolve_list OPENCLAW_HOME_VOLUME
  resolve_list OPENCLAW_BIND_MOUNT_OPTIONS
  resolve_apt_packages
  resolve_list OPENCLAW_IMAGE_PIP_PACKAGES
  resolve_list OPENCLAW_EXTENSIONS
  resolve_list OPENCLAW_INSTALL_BROWSER
  resolve_list OPENCLAW_INSTALL_DOCKER_CLI
  resolve_list OPENCLAW_BUILD_ARGS
  resolve_list OPENCLAW_SANDBOX
  resolve_list OPENCLAW_DOCKER_SOCKET
  resolve_list OPENCLAW_ALLOW_INSECURE_PRIVATE_WS
  resolve_list OPENCLAW_TZ
  resolve_list OPENCLAW_DISABLE_BONJOUR
  resolve_list OPENCLAW_SKIP_ONBOARDING
  resolve_list DOCKER_GID
  find_in_env_file COMPOSE_FILE || true
  COMPOSE_FILE=$found
}

# --- rules ---------------------------------------------------------------------------------------

has_control_characters() {
  case "$1" in *[[:cntrl:]]*) return 0 ;; *) return 1 ;; esac
}

# The path in variable $1, checked, absolute, without a slash at its end.
check_path() {
  local value=${!1}
  if has_control_characters "$value"; then fail "$1 contains unsupported control characters."; fi
  trim "$value"
  value=$trimmed
  [ -n "$value" ] || fail "$1 cannot be empty."
  case "$value" in *:*) fail "$1 cannot contain a colon: Docker parts mounts at it." ;; esac
  case "$value" in
    /*) ;;
    '~') value=$HOME ;;
    '~'/*) value=$HOME/${value#'~'/} ;;
    *) value=$caller_dir/$value ;;
  esac
  while [ "$value" != / ] && [ "${value%/}" != "$value" ]; do value=${value%/}; done
  [ "$value" != / ] || fail "$1 cannot be the root directory."
  export "$1=$value"
}

check_port() {
  case "${!1}" in
    '' | *[!0-9]* | ??????*) ;;
    *) if [ "${!1}" -ge 1 ] && [ "${!1}" -le 65535 ]; then return; fi ;;
  esac
  fail "$1 must be a port between 1 and 65535."
}

check_bind() {
  case "$OPENCLAW_GATEWAY_BIND" in
    lan | loopback | tailnet | auto | custom) ;;
    *) fail "OPENCLAW_GATEWAY_BIND must be lan, loopback, tailnet, auto or custom." ;;
  esac
}

check_image() {
  case "$OPENCLAW_IMAGE" in
    -* | *[!A-Za-z0-9._/:@-]*) fail "OPENCLAW_IMAGE is not the name of an image." ;;
  esac
}

check_home_volume() {
  local rule='^[A-Za-z0-9][A-Za-z0-9_.-]*$'
  trim "$OPENCLAW_HOME_VOLUME"
  export OPENCLAW_HOME_VOLUME=$trimmed
  case "$OPENCLAW_HOME_VOLUME" in
    '') ;;
    /* | '~'/*) check_path OPENCLAW_HOME_VOLUME ;;
    *[[:cntrl:]]*) fail "OPENCLAW_HOME_VOLUME contains unsupported control characters." ;;
    */*) fail "OPENCLAW_HOME_VOLUME must be an absolute path or the name of a volume." ;;
    *)
      [[ $OPENCLAW_HOME_VOLUME =~ $rule ]] ||
        fail "OPENCLAW_HOME_VOLUME must match [A-Za-z0-9][A-Za-z0-9_.-]* when using a named volume."
      ;;
  esac
}

# Compose puts it behind a path as it is.
check_bind_mount_options() {
  local rule='^:[A-Za-z]+(,[A-Za-z]+)*$'
  [ -z "$OPENCLAW_BIND_MOUNT_OPTIONS" ] || [[ $OPENCLAW_BIND_MOUNT_OPTIONS =~ $rule ]] ||
    fail "OPENCLAW_BIND_MOUNT_OPTIONS must be a colon and options, such as :z or :rw,Z."
}

# Words in variable $1 that go into a command of the image build; $2 are the characters they may
# have.
check_words() {
  local word words
  if has_control_characters "${!1}"; then fail "$1 contains unsupported control characters."; fi
  IFS=' ' read -r -a words <<<"${!1}"
  for word in ${words[@]+"${words[@]}"}; do
    case "$word" in -*) fail "$1 cannot contain options, such as '$word'." ;; esac
    [[ $word =~ $2 ]] || fail "$1 contains '$word', which is not allowed there."
  done
}

check_time_zone() {
  local rule='^[A-Za-z0-9/_+-]+$' folder=${OPENCLAW_ZONEINFO_DIR:-/usr/share/zoneinfo}
  [ -n "$OPENCLAW_TZ" ] || return 0
  if ! [[ $OPENCLAW_TZ =~ $rule ]] || ! [ -f "$folder/$OPENCLAW_TZ" ]; then
    fail "OPENCLAW_TZ must be the name of a time zone in $folder, such as Asia/Shanghai."
  fi
}

check_flag() {
  if has_control_characters "${!1}"; then fail "$1 contains unsupported control characters."; fi
}

check_settings() {
  local name packages='^[][A-Za-z0-9.,+:=~_/!<>@-]+$'
  check_path OPENCLAW_CONFIG_DIR
  check_path OPENCLAW_WORKSPACE_DIR
  check_path OPENCLAW_AUTH_PROFILE_SECRET_DIR
  check_port OPENCLAW_GATEWAY_PORT
  check_port OPENCLAW_BRIDGE_PORT
  check_bind
  check_image
  check_home_volume
  check_bind_mount_options
  read_mounts
  check_words OPENCLAW_IMAGE_APT_PACKAGES '^[A-Za-z0-9.+:=~_/-]+$'
  check_words OPENCLAW_IMAGE_PIP_PACKAGES "$packages"
  check_words OPENCLAW_BUILD_ARGS '^[A-Za-z_][A-Za-z0-9_]*=[][A-Za-z0-9.,+:=~_/!<>@%-]*$'
  check_time_zone
  for name in OPENCLAW_EXTENSIONS OPENCLAW_INSTALL_BROWSER OPENCLAW_INSTALL_DOCKER_CLI \
    OPENCLAW_SANDBOX OPENCLAW_ALLOW_INSECURE_PRIVATE_WS OPENCLAW_DISABLE_BONJOUR \
    OPENCLAW_SKIP_ONBOARDING DOCKER_GID; do
    check_flag "$name"
  done
  if is_true "$OPENCLAW_SANDBOX" && [ -n "$OPENCLAW_DOCKER_SOCKET" ]; then
    check_path OPENCLAW_DOCKER_SOCKET
  fi
  case "${OPENCLAW_GATEWAY_TOKEN:-}" in
    *[[:cntrl:][:space:]]*)
      fail "OPENCLAW_GATEWAY_TOKEN cannot contain whitespace or control characters."
      ;;
  esac
}
