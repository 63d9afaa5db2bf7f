# Sourced by ../setup.sh: the token, the wizard, and what the config must say for containers.
# shellcheck shell=bash disable=SC2154,SC2034,SC2016

# --- reading the config --------------------------------------------------------------------------

# Reads the config into `config_lines`, from the host or, if the file is the container's user's
# alone, from there. Fails when there is none that can be read.
read_config() {
  local file=$OPENCLAW_CONFIG_DIR/openclaw.json
  config_lines=
  if [ -r "$file" ]; then
    config_lines=$(LC_ALL=C awk -f "$parts_dir/json-lines.awk" <"$file" 2>/dev/null)
  elif [ "${1:-}" = inside ] && { [ -e "$file" ] || ! [ -x "$OPENCLAW_CONFIG_DIR" ]; }; then
    config_lines=$(one_shot --entrypoint cat openclaw-gateway /home/node/.openclaw/openclaw.json \
      2>/dev/null | LC_ALL=C awk -f "$parts_dir/json-lines.awk" 2>/dev/null)
  else
    return 1
  fi
}

# The value at path $1 of the config as it was read, in `configured`; empty when there is none.
configured() {
  configured=$(printf '%s\n' "$config_lines" |
    awk -F '\t' -v path="$1" '$1 == path { sub(/^[^\t]*\t/, ""); value = $0 } END { print value }')
}

# --- the token -----------------------------------------------------------------------------------

# Whether $1 is a token and not a reference to one.
is_literal() {
  case "$1" in '' | *'${'* | *[[:space:]]* | __OPENCLAW_REDACTED__) return 1 ;; *) return 0 ;; esac
}

choose_token() {
  is_token_new=no
  if [ -n "${OPENCLAW_GATEWAY_TOKEN:-}" ]; then
    token_source="the environment"
  elif read_config && configured gateway.auth.token && is_literal "$configured"; then
    OPENCLAW_GATEWAY_TOKEN=$configured
    token_source="the config"
  elif find_in_env_file OPENCLAW_GATEWAY_TOKEN nonempty && is_literal "$found"; then
    OPENCLAW_GATEWAY_TOKEN=$found
    token_source=".env"
  else
    OPENCLAW_GATEWAY_TOKEN=$(make_token)
    token_source=
    is_token_new=yes
  fi
  [ -n "$OPENCLAW_GATEWAY_TOKEN" ] || fail "Cannot make a token: install openssl or python3."
  export OPENCLAW_GATEWAY_TOKEN
}

make_token() {
  openssl rand -hex 32 2>/dev/null ||
    python3 -c 'import secrets; print(secrets.token_hex(32))' 2>/dev/null ||
    od -An -v -N32 -tx1 /dev/urandom | tr -d ' \n'
}

tell_token_source() {
  if [ "$is_token_new" = yes ]; then
    say "Made a new gateway token; it is in $env_file."
    # A file or a log must not learn it.
    if [ -t 1 ]; then say "Gateway token: $OPENCLAW_GATEWAY_TOKEN"; fi
  else
    say "Using the gateway token of $token_source; it is in $env_file."
  fi
}

# The gateway goes by the config, clients go by `.env`: they must say the same.
align_token() {
  read_config inside || return 0
  configured gateway.auth.token
  if is_literal "$configured" && [ "$configured" != "$OPENCLAW_GATEWAY_TOKEN" ]; then
    export OPENCLAW_GATEWAY_TOKEN=$configured
    write_env_file
    say "The config has another gateway token; wrote that one to $env_file."
  fi
}

# --- the wizard ----------------------------------------------------------------------------------

# Adds flag $1 with its value to `words`, unless the caller gave it, or one of the others.
propose() {
  local flag=$1 value=$2 word
  shift 2
  for word in ${onboard_words[@]+"${onboard_words[@]}"}; do
    if is_among "${word%%=*}" "$flag" "$@"; then return; fi
  done
  words+=("$flag" "$value")
}

onboard() {
  local words
  if is_true "$OPENCLAW_SKIP_ONBOARDING"; then
    heading "Onboarding (skipped by OPENCLAW_SKIP_ONBOARDING)"
    return
  fi
  if [ ${#onboard_words[@]} -eq 0 ] && read_config inside && configured wizard.lastRunAt &&
    [ -n "$configured" ]; then
    heading "Onboarding (done before)"
    say "To change the answers: $(compose_hint) run --rm openclaw-cli onboard"
    return
  fi
  words=(dist/index.js onboard --no-install-daemon --skip-ui --suppress-gateway-token-output)
  propose --mode local
  propose --gateway-bind "$OPENCLAW_GATEWAY_BIND"
  propose --gateway-auth token --gateway-password
  # One source for the token: the config names the variable that `.env` sets.
  propose --gateway-token-ref-env OPENCLAW_GATEWAY_TOKEN \
    --gateway-auth --gateway-token --gateway-password
  if [ -t 0 ] && [ -t 1 ] && ! is_among --non-interactive ${onboard_words[@]+"${onboard_words[@]}"}
  then
    heading "Onboarding (interactive)"
    say "Answers that fit a container, and are proposed:"
    say "  - Gateway bind: $OPENCLAW_GATEWAY_BIND"
    say "  - Gateway auth: token"
    say "  - Gateway token: the one in $env_file"
    say "  - Tailscale exposure: Off"
    say "  - Install Gateway daemon: No"
    say ""
    compose run --rm --no-deps ${run_flags[@]+"${run_flags[@]}"} --entrypoint node \
      openclaw-gateway "${words[@]}" ${onboard_words[@]+"${onboard_words[@]}"} ||
      onboarding_failed
    return
  fi
  heading "Onboarding (no terminal: safe answers)"
  say "It takes the quickstart and accepts that an agent can act on what it reads. Flags of"
  say "\`openclaw onboard\` can follow a \`--\`, such as: ./docker-setup.sh -- --auth-choice skip"
  if ! is_among --non-interactive ${onboard_words[@]+"${onboard_words[@]}"}; then
    words+=(--non-interactive --accept-risk)
  fi
  propose --flow quickstart
  words+=(--skip-channels --skip-skills --skip-health)
  one_shot --entrypoint node openclaw-gateway "${words[@]}" \
    ${onboard_words[@]+"${onboard_words[@]}"} || onboarding_failed
}

onboarding_failed() {
  fail "Onboarding did not finish; run this again, or with OPENCLAW_SKIP_ONBOARDING=1."
}

# --- what containers need ------------------------------------------------------------------------

# Sets, in one write, what is not yet so: local mode, the bind address, and the origins of the
# page. A list of origins that somebody else wrote stays.
set_container_config() {
  local port=$OPENCLAW_GATEWAY_PORT part mode=local bind=$OPENCLAW_GATEWAY_BIND origins=no
  local first second
  read_config inside || true
  configured gateway.mode
  [ "$configured" = local ] || part="mode:\"$mode\""
  configured gateway.bind
  [ "$configured" = "$bind" ] || part="${part:+$part,}bind:\"$bind\""
  if [ "$bind" != loopback ]; then
    configured gateway.controlUi.allowedOrigins.0
    first=$configured
    configured gateway.controlUi.allowedOrigins.1
    second=$configured
    if [ -z "$first" ]; then
      origins=yes
    elif [ "$port" != "$earlier_port" ] && [ "$first" = "http://localhost:$earlier_port" ] &&
      [ "$second" = "http://127.0.0.1:$earlier_port" ]; then
      origins=yes
    fi
  fi
  if [ "$origins" = yes ]; then
    part="${part:+$part,}controlUi:{allowedOrigins:[\"http://localhost:$port\",\"http://127.0.0.1:$port\"]}"
  fi
  [ -n "${part:-}" ] || return 0
  patch_config "{gateway:{$part}}" ||
    fail "The config could not be changed; run this again once the message above is seen to."
}

patch_config() {
  one_shot --entrypoint node openclaw-gateway dist/index.js config patch "$1" >/dev/null
}
