#!/usr/bin/env bash
# The cases of onboard-docker.sh; each has a home of its own. Runs inside the container, and
# outside of one wherever `openclaw` is in PATH.
#
# usage: onboard-cases.sh [case...]
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/terminal.sh"

PATIENCE_TENTHS=200
PORT=${E2E_PORT:-18789}
gateway=
homes=$(mktemp -d)

clean_up() {
  local status=$?
  trap - EXIT
  stop_gateway
  end_terminal
  rm -rf "$homes"
  exit "$status"
}
trap clean_up EXIT

fail() {
  echo "FAILED: $1" >&2
  if [ -s "${screen:-}" ]; then
    echo "on the screen at the end:" >&2
    tail -c 1500 "$screen" >&2
  fi
  exit 1
}

# --- what must hold ------------------------------------------------------------------------------

expect_file() { [ -f "$1" ] || fail "no file $1"; }
expect_folder() { [ -d "$1" ] || fail "no folder $1"; }

# The config's value at $1 is $2.
expect_value() {
  local value
  value=$(openclaw config get "$1" 2>/dev/null) || value=
  [ "$value" = "$2" ] || fail "$1 is '$value', not '$2'"
}

# The config has nothing at $1 that somebody wrote.
expect_nothing() {
  if grep -q "$1" "$HOME/.openclaw/openclaw.json"; then fail "$1 is in the config"; fi
}

expect_workspace() {
  local file
  for file in AGENTS.md BOOTSTRAP.md IDENTITY.md SOUL.md TOOLS.md USER.md; do
    expect_file "$HOME/.openclaw/workspace/$file"
  done
}

fresh_home() {
  HOME=$homes/$1
  export HOME
  mkdir -p "$HOME/.openclaw"
  cd "$HOME"
}

start_gateway() {
  local tenth
  openclaw gateway run --port "$PORT" >"$HOME/gateway.log" 2>&1 &
  gateway=$!
  for ((tenth = 0; tenth < PATIENCE_TENTHS; tenth++)); do
    if openclaw healthz --port "$PORT" >/dev/null 2>&1; then return; fi
    kill -0 "$gateway" 2>/dev/null || fail "the gateway ended: $(cat "$HOME/gateway.log")"
    sleep 0.1
  done
  fail "the gateway does not answer: $(cat "$HOME/gateway.log")"
}

stop_gateway() {
  [ -n "$gateway" ] || return 0
  kill "$gateway" 2>/dev/null || true
  wait "$gateway" 2>/dev/null || true
  gateway=
}

# --- the cases -----------------------------------------------------------------------------------

case_local() {
  openclaw onboard --non-interactive --accept-risk --flow quickstart --mode local \
    --skip-channels --skip-skills --no-install-daemon --skip-health >/dev/null
  expect_file "$HOME/.openclaw/openclaw.json"
  expect_value agents.defaults.workspace "$HOME/.openclaw/workspace"
  expect_value gateway.mode local
  expect_value gateway.bind loopback
  expect_value gateway.tailscale.mode off
  expect_value wizard.lastRunCommand onboard
  expect_value wizard.lastRunMode local
  expect_workspace
  expect_folder "$HOME/.openclaw/agents/main/sessions"
  start_gateway
  openclaw health >/dev/null || fail "the gateway that was set up refuses its own token"
  stop_gateway
}

case_remote() {
  openclaw onboard --non-interactive --accept-risk --mode remote \
    --remote-url wss://gateway.example:18789 --remote-token remote-token --skip-health >/dev/null
  expect_value gateway.mode remote
  expect_value gateway.remote.url wss://gateway.example:18789
  expect_value gateway.remote.token remote-token
  expect_value wizard.lastRunCommand onboard
  expect_value wizard.lastRunMode remote
}

case_reset() {
  printf '{"gateway":{"mode":"remote","remote":{"url":"wss://old.example:18789"}}}\n' \
    >"$HOME/.openclaw/openclaw.json"
  openclaw onboard --non-interactive --accept-risk --flow quickstart --mode local --reset \
    --skip-channels --skip-skills --no-install-daemon --skip-health >/dev/null
  expect_value gateway.mode local
  expect_nothing old.example
}

case_channels() {
  in_terminal openclaw configure --section channels
  answer "write to your assistant" "$ENTER"
  answer "All set" "$ENTER"
  wait_for_end || fail "configure ended with an error"
  expect_nothing botToken
  expect_nothing '"token"'
  expect_value wizard.lastRunCommand configure
}

case_skills() {
  printf '%s\n' '{"skills":{"allowBundled":["weather"],"install":{"nodeManager":"bun"}},' \
    '"gateway":{"mode":"local"}}' >"$HOME/.openclaw/openclaw.json"
  in_terminal openclaw configure --section skills
  answer "Package manager" "$ENTER"
  answer "All set" "$ENTER"
  wait_for_end || fail "configure ended with an error"
  expect_value skills.install.nodeManager bun
  grep -q weather "$HOME/.openclaw/openclaw.json" || fail "skills.allowBundled is gone"
  expect_value wizard.lastRunMode local
}

# The whole wizard, with a step back, answers that are not the default, and the gateway after it.
case_wizard() {
  in_terminal openclaw onboard --auth-choice skip --skip-health --suppress-gateway-token-output
  answer "Go on" "y$ENTER"
  answer "How much do you want to decide" "$DOWN$ENTER"
  answer "Where does the gateway run" "$ENTER"
  answer "Workspace" "$ENTER"
  answer "Port of the gateway" "$ESCAPE"
  answer "Workspace" "$CLEAR$HOME/desk$ENTER"
  answer "Port of the gateway" "$CLEAR$((PORT + 1))$ENTER"
  answer "Who can reach the gateway" "$ENTER"
  answer "How do clients prove" "$ENTER"
  answer "Token of the gateway" "typed-by-hand$ENTER"
  answer "write to your assistant" "$ENTER"
  answer "Package manager" "$ENTER"
  answer "All set" "$ENTER"
  wait_for_end || fail "onboard ended with an error"
  if grep -q typed-by-hand "$screen"; then fail "a secret was shown"; fi
  expect_value agents.defaults.workspace "$HOME/desk"
  expect_value gateway.port "$((PORT + 1))"
  expect_value gateway.auth.token typed-by-hand
  expect_value wizard.lastRunCommand onboard
  expect_file "$HOME/desk/AGENTS.md"
  PORT=$((PORT + 1)) start_gateway
  openclaw health --token typed-by-hand >/dev/null || fail "the gateway refuses the typed token"
  if openclaw health --token another >/dev/null 2>&1; then fail "any token is accepted"; fi
  stop_gateway
}

# Ctrl-C in the middle writes nothing.
case_cancel() {
  in_terminal openclaw onboard --auth-choice skip
  answer "Go on" "y$ENTER"
  answer "How much do you want to decide" "$CONTROL_C"
  wait_for_end || true
  if [ -e "$HOME/.openclaw/openclaw.json" ]; then fail "a config was written"; fi
}

cases=("$@")
[ ${#cases[@]} -gt 0 ] || cases=(local remote reset channels skills wizard cancel)
for name in "${cases[@]}"; do
  fresh_home "$name"
  "case_$name"
  echo "ok: $name"
done
