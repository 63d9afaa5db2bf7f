#!/usr/bin/env bash
# The first program in a browser's sandbox: starts the display, Chromium, the relay that asks for
# the token, and what shows the display on a page. When one of them ends, all do.
#
# Settings, from the environment (1 is yes, 0 is no):
#   OPENCLAW_BROWSER_CDP_AUTH_TOKEN          who knows it may control the browser; must be set
#   OPENCLAW_BROWSER_CDP_PORT                9222: where that is done
#   OPENCLAW_BROWSER_CDP_SOURCE_RANGE        only from these addresses, such as 172.18.0.0/16
#   OPENCLAW_BROWSER_AUTO_START_TIMEOUT_MS   12000: how long Chromium may take to answer
#   OPENCLAW_BROWSER_HEADLESS                0; with 1 there is no display, and nothing to watch
#   OPENCLAW_BROWSER_ENABLE_NOVNC            1: the page that shows the display
#   OPENCLAW_BROWSER_NOVNC_PORT              6080
#   OPENCLAW_BROWSER_VNC_PORT                5900, on loopback
#   OPENCLAW_BROWSER_NOVNC_PASSWORD          for that page; 8 characters count. Made when not set
#   OPENCLAW_BROWSER_NO_SANDBOX              0; 1 in most containers, where Chromium's own cannot be
#   OPENCLAW_BROWSER_DISABLE_GRAPHICS_FLAGS  1: no 3D; 0 leaves it to Chromium
#   OPENCLAW_BROWSER_DISABLE_EXTENSIONS      1
#   OPENCLAW_BROWSER_RENDERER_PROCESS_LIMIT  2; 0 leaves it to Chromium
#
# Writes below /tmp alone, so that any user and a read-only root will do.
set -euo pipefail

readonly DISPLAY_NUMBER=1
readonly SCREEN=1280x800x24
# For the display to be there, in tenths of a second.
readonly DISPLAY_PATIENCE_TENTHS=100

fail() {
  echo "error: $1" >&2
  if [ -n "${2:-}" ]; then echo "hint: $2" >&2; fi
  exit 1
}

is_on() {
  case "${1,,}" in 1 | true | yes | on) return 0 ;; *) return 1 ;; esac
}

# Remembers the program started last by the name $1.
started() { parts[$!]=$1; }

# The port in variable OPENCLAW_BROWSER_$1, or $2.
port() {
  local name=OPENCLAW_BROWSER_$1
  local value=${!name:-$2}
  if ! [[ $value =~ ^[0-9]{1,5}$ ]] || [ "$value" -lt 1 ] || [ "$value" -gt 65535 ]; then
    fail "$name must be a port between 1 and 65535"
  fi
  echo "$value"
}

read_settings() {
  [ -n "${OPENCLAW_BROWSER_CDP_AUTH_TOKEN:-}" ] ||
    fail "OPENCLAW_BROWSER_CDP_AUTH_TOKEN is not set" "without a token, anybody could control the browser"
  cdp_port=$(port CDP_PORT 9222)
  vnc_port=$(port VNC_PORT 5900)
  page_port=$(port NOVNC_PORT 6080)
  if [ "$cdp_port" -lt 65535 ]; then chromium_port=$((cdp_port + 1)); else chromium_port=$((cdp_port - 1)); fi
  [ "$(printf '%s\n' "$cdp_port" "$chromium_port" "$vnc_port" "$page_port" | sort -u | wc -l)" = 4 ] ||
    fail "the ports must differ, and from $chromium_port, which is Chromium's own"
  limit=${OPENCLAW_BROWSER_RENDERER_PROCESS_LIMIT:-2}
  [[ $limit =~ ^[0-9]{1,4}$ ]] || fail "OPENCLAW_BROWSER_RENDERER_PROCESS_LIMIT must be a number"
  is_headless=no has_page=no
  if is_on "${OPENCLAW_BROWSER_HEADLESS:-0}"; then
    is_headless=yes
  elif is_on "${OPENCLAW_BROWSER_ENABLE_NOVNC:-1}"; then
    has_page=yes
  fi
}

# A place to write, whoever we are and whatever an earlier start left there.
make_home() {
  export HOME=/tmp/openclaw-home
  export XDG_CONFIG_HOME=$HOME/.config XDG_CACHE_HOME=$HOME/.cache
  (umask 077 && mkdir -p "$HOME/.chrome" "$HOME/.vnc" "$XDG_CONFIG_HOME" "$XDG_CACHE_HOME")
  rm -f "$HOME"/.chrome/Singleton* "/tmp/.X$DISPLAY_NUMBER-lock" "/tmp/.X11-unix/X$DISPLAY_NUMBER"
}

start_display() {
  local tenth
  Xvfb ":$DISPLAY_NUMBER" -screen 0 "$SCREEN" -nolisten tcp &
  started "the display"
  export DISPLAY=":$DISPLAY_NUMBER"
  for ((tenth = 0; tenth < DISPLAY_PATIENCE_TENTHS; tenth++)); do
    if [ -S "/tmp/.X11-unix/X$DISPLAY_NUMBER" ]; then return; fi
    sleep 0.1
  done
  fail "the display did not start"
}

start_chromium() {
  local flags=(
    --remote-debugging-address=127.0.0.1
    "--remote-debugging-port=$chromium_port"
    "--user-data-dir=$HOME/.chrome"
    --no-first-run
    --no-default-browser-check
    --disable-dev-shm-usage
    --disable-background-networking
    --disable-breakpad
    --disable-crash-reporter
    --metrics-recording-only
    --password-store=basic
    --use-mock-keychain
  )
  if [ "$is_headless" = yes ]; then flags+=(--headless=new); fi
  # Chromium refuses to do without its zygote where it has its sandbox.
  if is_on "${OPENCLAW_BROWSER_NO_SANDBOX:-0}"; then
    flags+=(--no-sandbox --disable-setuid-sandbox --no-zygote)
  fi
  if is_on "${OPENCLAW_BROWSER_DISABLE_GRAPHICS_FLAGS:-1}"; then
    flags+=(--disable-gpu --disable-3d-apis --disable-software-rasterizer)
  fi
  if is_on "${OPENCLAW_BROWSER_DISABLE_EXTENSIONS:-1}"; then flags+=(--disable-extensions); fi
  if [ "$limit" -gt 0 ]; then flags+=("--renderer-process-limit=$limit"); fi
  env -u OPENCLAW_BROWSER_CDP_AUTH_TOKEN -u OPENCLAW_BROWSER_NOVNC_PASSWORD \
    chromium "${flags[@]}" about:blank &
  started Chromium
}

# It begins to listen when Chromium answers, and gives up with it.
start_relay() {
  python3 /usr/local/lib/openclaw/browser-relay.py "$cdp_port" "$chromium_port" &
  started "the relay"
}

# The display on a page, for who knows the password. It is in a file, so that no list of processes
# shows it.
start_page() {
  local file=$HOME/.vnc/password password=${OPENCLAW_BROWSER_NOVNC_PASSWORD:-}
  if [ -z "$password" ]; then
    password=$(LC_ALL=C tr -dc 'A-Za-z0-9' </dev/urandom | head -c 8 || true)
    echo "made a password for the page; it is in $file"
  fi
  (umask 077 && printf '%s\n' "${password:0:8}" >"$file")
  env -u OPENCLAW_BROWSER_CDP_AUTH_TOKEN -u OPENCLAW_BROWSER_NOVNC_PASSWORD \
    x11vnc -display "$DISPLAY" -rfbport "$vnc_port" -localhost -no6 -forever -shared \
    -passwdfile "$file" -noxrecord -quiet &
  started x11vnc
  env -u OPENCLAW_BROWSER_CDP_AUTH_TOKEN -u OPENCLAW_BROWSER_NOVNC_PASSWORD \
    websockify --web /usr/share/novnc "$page_port" "127.0.0.1:$vnc_port" &
  started websockify
}

# shellcheck disable=SC2317 # called by the traps
stop() {
  trap - TERM INT EXIT
  local running
  running=$(jobs -p)
  # shellcheck disable=SC2086 # a list of numbers
  if [ -n "$running" ]; then kill $running 2>/dev/null || true; fi
  wait || true
  exit "$1"
}

declare -A parts
read_settings
trap 'stop 0' TERM INT
trap 'stop 1' EXIT
make_home
if [ "$is_headless" = no ]; then start_display; fi
start_chromium
start_relay
if [ "$has_page" = yes ]; then start_page; fi
ended=
wait -n -p ended || true
advice=
if [ "${parts[$ended]:-}" = Chromium ] && ! is_on "${OPENCLAW_BROWSER_NO_SANDBOX:-0}"; then
  advice="where its own sandbox cannot be, as in most containers: OPENCLAW_BROWSER_NO_SANDBOX=1"
fi
fail "${parts[$ended]:-a part} ended; its last words are above" "$advice"
