# Sourced by ../setup.sh: reads and changes `.env`, which Compose reads too.
#
# Lines that are not ours keep their text and their place, and so do ours whose value stays. The
# file holds a secret: only its owner may read it. A new one is written beside it and then takes
# its place, so that there is never half a file.
# shellcheck shell=bash disable=SC2154,SC2034

check_env_file() {
  [ -e "$env_file" ] || return 0
  [ -f "$env_file" ] || fail "$env_file is not a file; move it away."
  [ -r "$env_file" ] || fail "Cannot read $env_file: it belongs to another user."
}

# The key of a line, in `line_key`; empty when it sets nothing.
line_key_of() {
  line_key=
  case "$1" in
    [A-Za-z_]*=*) line_key=${1%%=*} ;;
  esac
  line_key=${line_key#export }
  case "$line_key" in *[!A-Za-z0-9_]*) line_key= ;; esac
}

# The value of a line as Compose reads it, in `line_value`: without quotes, comment and CR.
line_value_of() {
  trim "${1#*=}"
  line_value=$trimmed
  case "$line_value" in
    \'*\') line_value=${line_value#\'} line_value=${line_value%\'} ;;
    \"*\")
      line_value=${line_value#\"} line_value=${line_value%\"}
      line_value=$(printf '%s' "$line_value" | sed 's/\\\([\\"$]\)/\1/g')
      ;;
    *' #'*)
      trim "${line_value%%' #'*}"
      line_value=$trimmed
      ;;
  esac
}

# The last value of key $1, in `found`; with $2 = nonempty, the last one that is not empty.
# Fails when there is none.
find_in_env_file() {
  local line is_found=1
  found=
  [ -r "$env_file" ] || return 1
  while IFS= read -r line || [ -n "$line" ]; do
    line_key_of "$line"
    if [ "$line_key" = "$1" ]; then
      line_value_of "$line"
      if [ -n "$line_value" ] || [ "${2:-}" != nonempty ]; then
        found=$line_value
        is_found=0
      fi
    fi
  done <"$env_file"
  return "$is_found"
}

# `KEY=value` so that Compose reads this value: raw if it can be, else in quotes.
env_line() {
  trim "$2"
  case "$2" in
    *[\$\#\"\'\\\`]*) ;;
    *)
      if [ "$trimmed" = "$2" ]; then
        printf '%s=%s\n' "$1" "$2"
        return $?
      fi
      ;;
  esac
  case "$2" in
    *\'*) printf '%s="%s"\n' "$1" "$(printf '%s' "$2" | sed 's/[\\"$]/\\&/g')" ;;
    *) printf "%s='%s'\n" "$1" "$2" ;;
  esac
}

# Whether word $1 is among the others.
is_among() {
  local wanted=$1 word
  shift
  for word in "$@"; do
    if [ "$word" = "$wanted" ]; then return 0; fi
  done
  return 1
}

# The whole new text: from the variables named in `env_keys`, which must all be there, and in
# `env_keys_optional`, of which empty ones are not added.
#
# A line that cannot be written ends it: half a file must not take the place of a whole one.
env_text() {
  local line seen=' ' key
  if [ -e "$env_file" ]; then
    while IFS= read -r line || [ -n "$line" ]; do
      line_key_of "$line"
      key=$line_key
      if [ -n "$key" ] && is_among "$key" "${env_keys[@]}" "${env_keys_optional[@]}"; then
        seen="$seen$key "
        line_value_of "$line"
        # An empty list of files would be no list.
        if [ "$key" = COMPOSE_FILE ] && [ -z "$COMPOSE_FILE" ]; then continue; fi
        if [ "$line_value" != "${!key}" ]; then
          env_line "$key" "${!key}" || return 1
          continue
        fi
      fi
      printf '%s\n' "$line" || return 1
    done <"$env_file"
  fi
  for key in "${env_keys[@]}"; do
    case "$seen" in *" $key "*) continue ;; esac
    env_line "$key" "${!key}" || return 1
  done
  for key in "${env_keys_optional[@]}"; do
    case "$seen" in *" $key "*) continue ;; esac
    if [ -n "${!key}" ]; then env_line "$key" "${!key}" || return 1; fi
  done
}

write_env_file() {
  local file=$env_file
  # A link to a file elsewhere stays a link.
  while [ -L "$file" ]; do
    case "$(readlink "$file")" in
      /*) file=$(readlink "$file") ;;
      *) file=$(dirname "$file")/$(readlink "$file") ;;
    esac
  done
  new_file "$file"
  env_text >"$new_file" || fail "Cannot write $file."
  put_in_place "$new_file" "$file"
}

# Makes an empty file beside $1 that only its owner may read and that goes when the script ends:
# `new_file`.
new_file() {
  new_file=$(umask 077 && mktemp "$1.new.XXXXXX") || fail "Cannot write beside $1."
  scratch_files+=("$new_file")
}

# Puts $1 in the place of $2, unless they are equal.
put_in_place() {
  if cmp -s "$1" "$2" 2>/dev/null; then
    rm -f "$1"
    [ "${3:-600}" != 600 ] || chmod 600 "$2" 2>/dev/null || true
    return
  fi
  if ! chmod "${3:-600}" "$1" || ! mv -f "$1" "$2"; then fail "Cannot write $2."; fi
}
