# Sourced by ../setup.sh: what the script says, and how it ends when it cannot go on.
# shellcheck shell=bash

# One clear line, and nothing more happens.
fail() {
  printf 'ERROR: %s\n' "$1" >&2
  exit 1
}

# Something is not as it should be, but the rest can go on.
warn() { printf 'WARNING: %s\n' "$1" >&2; }

# More about the line before it.
hint() { printf '  %s\n' "$1" >&2; }

heading() { printf '\n==> %s\n' "$1"; }

say() { printf '%s\n' "$1"; }

is_true() {
  case "$1" in
    1 | [Tt][Rr][Uu][Ee] | [Yy][Ee][Ss] | [Oo][Nn]) return 0 ;;
    *) return 1 ;;
  esac
}

# $1 without the spaces around it, in `trimmed`.
trim() {
  trimmed=$1
  trimmed=${trimmed#"${trimmed%%[![:space:]]*}"}
  trimmed=${trimmed%"${trimmed##*[![:space:]]}"}
}

# $1 as a word that a shell reads back as it is, for commands that are shown to be pasted.
shell_word() {
  case "$1" in
    '' | *[!A-Za-z0-9_./:=@%+,-]*) printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")" ;;
    *) printf '%s' "$1" ;;
  esac
}
