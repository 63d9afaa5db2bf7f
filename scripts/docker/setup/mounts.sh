# Sourced by ../setup.sh: the home volume and the extra mounts, and the Compose file with them.
# shellcheck shell=bash disable=SC2154,SC2034

readonly MADE_BY='# Written by docker-setup.sh at each run, and removed by it.'
readonly VOLUME_NAME='^[A-Za-z0-9][A-Za-z0-9_.-]*$'

bad_mount() { fail "Invalid mount format '$1'. Expected source:target[:options]; $2."; }

# Checks OPENCLAW_EXTRA_MOUNTS and makes of it `mounts` (the text of each) and `mount_sources`.
read_mounts() {
  local entry entries
  mounts=() mount_sources=()
  if has_control_characters "$OPENCLAW_EXTRA_MOUNTS"; then
    fail "OPENCLAW_EXTRA_MOUNTS cannot contain control characters."
  fi
  IFS=',' read -r -a entries <<<"$OPENCLAW_EXTRA_MOUNTS"
  for entry in ${entries[@]+"${entries[@]}"}; do
    trim "$entry"
    if [ -n "$trimmed" ]; then read_mount "$trimmed"; fi
  done
}

read_mount() {
  local whole=$1 source target options=''
  case "$whole" in
    *:*:*:*) bad_mount "$whole" "no part can contain a colon" ;;
    *:*:*) options=${whole##*:} target=${whole#*:} target=${target%:*} ;;
    *:*) target=${whole#*:} ;;
    *) bad_mount "$whole" "the target is missing" ;;
  esac
  trim "${whole%%:*}"
  source=$trimmed
  trim "$target"
  target=$trimmed
  trim "$options"
  options=$trimmed

  case "$target" in
    /) bad_mount "$whole" "the target cannot be the root directory" ;;
    /*) ;;
    *) bad_mount "$whole" "the target must be an absolute path in the container" ;;
  esac
  case "$whole:$options" in
    *:*:*: | *:*::*) bad_mount "$whole" "the options are empty" ;;
  esac
  case "$options" in
    '' | ro | rw | z | Z | cached | delegated | consistent) ;;
    *) bad_mount "$whole" "the options can be ro, rw, z, Z, cached, delegated or consistent" ;;
  esac
  case "$source" in
    '') bad_mount "$whole" "the source is missing" ;;
    /*) ;;
    '~') source=$HOME ;;
    '~'/*) source=$HOME/${source#'~'/} ;;
    . | .. | ./* | ../*) source=$caller_dir/$source ;;
    *)
      [[ $source =~ $VOLUME_NAME ]] ||
        bad_mount "$whole" "the source must be an absolute path or the name of a volume"
      ;;
  esac
  mounts+=("$source:$target${options:+:$options}")
  mount_sources+=("$source")
}

# A missing directory would be made by the engine, and belong to root.
warn_of_missing_sources() {
  local source
  for source in ${mount_sources[@]+"${mount_sources[@]}"}; do
    case "$source" in
      /*) [ -e "$source" ] || warn "The mount source $source does not exist; Docker will make it as root." ;;
    esac
  done
}

# $1 as a scalar of YAML that Compose does not fill in.
yaml_scalar() {
  printf '"%s"' "$(printf '%s' "$1" | sed -e 's/[\\"]/\\&/g' -e 's/\$/$$/g')"
}

extra_volume_lines() {
  local mount
  if [ -n "$OPENCLAW_HOME_VOLUME" ]; then
    # Config and workspace again, so that they lie on top of the home.
    for mount in "$OPENCLAW_HOME_VOLUME:/home/node" \
      "$OPENCLAW_CONFIG_DIR:/home/node/.openclaw$OPENCLAW_BIND_MOUNT_OPTIONS" \
      "$OPENCLAW_WORKSPACE_DIR:/home/node/.openclaw/workspace$OPENCLAW_BIND_MOUNT_OPTIONS"; do
      printf '      - %s\n' "$(yaml_scalar "$mount")"
    done
  fi
  for mount in ${mounts[@]+"${mounts[@]}"}; do
    printf '      - %s\n' "$(yaml_scalar "$mount")"
  done
}

# The named volumes that are used, one a line.
named_volumes() {
  local source
  for source in "$OPENCLAW_HOME_VOLUME" ${mount_sources[@]+"${mount_sources[@]}"}; do
    case "$source" in '' | */*) ;; *) printf '%s\n' "$source" ;; esac
  done | sort -u
}

extra_file_text() {
  local service volumes volume
  printf '%s\n' "$MADE_BY" "# Change OPENCLAW_EXTRA_MOUNTS or OPENCLAW_HOME_VOLUME instead." services:
  for service in openclaw-gateway openclaw-cli; do
    printf '  %s:\n    volumes:\n' "$service"
    extra_volume_lines
  done
  volumes=$(named_volumes)
  if [ -n "$volumes" ]; then
    printf 'volumes:\n'
    while IFS= read -r volume; do
      printf '  %s:\n' "$(yaml_scalar "$volume")"
    done <<<"$volumes"
  fi
}

needs_extra_file() { [ -n "$OPENCLAW_HOME_VOLUME" ] || [ ${#mounts[@]} -gt 0 ]; }

# Whether we made file $1.
is_ours() { [ -f "$1" ] && [ "$(head -n 1 "$1")" = "$MADE_BY" ]; }

write_extra_file() {
  new_file "$EXTRA_FILE"
  extra_file_text >"$new_file" || fail "Cannot write $EXTRA_FILE."
  put_in_place "$new_file" "$EXTRA_FILE" 644
}
