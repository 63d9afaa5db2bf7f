# Sourced by onboard-cases.sh: a program in a terminal of its own, and answers to what it asks.
# The terminal is made by `script`, which every Debian has.
# shellcheck shell=bash disable=SC2034

ENTER=$'\r'
ESCAPE=$'\e'
DOWN=$'\e[B'
CLEAR=$'\x15'
CONTROL_C=$'\x03'

TERMINAL_PATIENCE_TENTHS=200
screen=
terminal=

# Starts the program $@ in a terminal. What it shows is in the file `screen`.
in_terminal() {
  local keys
  screen=$(mktemp)
  keys=$(mktemp -u)
  mkfifo "$keys"
  printf -v line '%q ' "$@"
  script -qefc "stty rows 60 cols 120; $line" "$screen" <"$keys" >/dev/null 2>&1 &
  terminal=$!
  exec 8>"$keys"
  rm -f "$keys"
  seen=0
}

# Waits until the text $1 is shown, after all that was answered before, and types $2.
answer() {
  local tenth shown
  for ((tenth = 0; tenth < TERMINAL_PATIENCE_TENTHS; tenth++)); do
    shown=$(tail -c "+$((seen + 1))" "$screen" | tr -d '\000')
    case "$shown" in
      *"$1"*)
        # A wizard that is drawing again is not reading yet: wait until the screen rests.
        if [ "$(wc -c <"$screen")" -eq "${size:-0}" ]; then
          seen=$size
          printf '%s' "$2" >&8
          return
        fi
        ;;
    esac
    size=$(wc -c <"$screen")
    kill -0 "$terminal" 2>/dev/null || fail "the program ended before it asked: $1"
    sleep 0.1
  done
  fail "the program does not ask: $1"
}

# Waits for the end of the program; gives its status.
wait_for_end() {
  local status=0 tenth
  for ((tenth = 0; tenth < TERMINAL_PATIENCE_TENTHS; tenth++)); do
    kill -0 "$terminal" 2>/dev/null || break
    sleep 0.1
  done
  kill -0 "$terminal" 2>/dev/null && fail "the program does not end"
  wait "$terminal" || status=$?
  terminal=
  exec 8>&-
  return "$status"
}

end_terminal() {
  [ -n "$terminal" ] || return 0
  kill "$terminal" 2>/dev/null || true
  wait "$terminal" 2>/dev/null || true
  terminal=
}
