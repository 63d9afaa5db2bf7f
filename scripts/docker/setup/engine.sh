# Sourced by ../setup.sh: the engine, Compose, the image, and the gateway's container.
# shellcheck shell=bash disable=SC2154,SC2034,SC2016,SC2119,SC2120

readonly LOCAL_IMAGE=openclaw:local
readonly BASE_FILE=docker-compose.yml
readonly OVERRIDE_FILE=docker-compose.override.yml
readonly EXTRA_FILE=docker-compose.extra.yml
readonly SANDBOX_FILE=docker-compose.sandbox.yml
# How long the gateway may take to answer, in seconds.
readonly START_PATIENCE=60

# Finds `docker` and a Compose that goes with it: `compose_words`.
check_engine() {
  if ! command -v docker >/dev/null 2>&1; then
    printf 'ERROR: Missing dependency: docker\n' >&2
    hint "Get Docker: https://docs.docker.com/get-docker/ (Podman with its \`docker\` command does, too)."
    hint "Without Docker: \`make run\` builds and starts the gateway on this machine."
    exit 1
  fi
  if docker compose version >/dev/null 2>&1; then
    compose_words=(docker compose)
  elif is_compose_2 docker-compose; then
    compose_words=(docker-compose)
  elif is_podman && command -v podman-compose >/dev/null 2>&1; then
    compose_words=(podman-compose)
  else
    printf 'ERROR: Docker Compose is not available (try: docker compose version)\n' >&2
    hint "Get Compose v2: https://docs.docker.com/compose/install/"
    if is_podman; then hint "With Podman: install podman-compose, or docker-compose of version 2."; fi
    exit 1
  fi
  if ! docker info >/dev/null 2>&1; then
    printf 'ERROR: No Docker engine answers (try: docker info)\n' >&2
    hint "Start Docker, or add yourself to the group docker and log in again."
    hint "Without Docker: \`make run\` builds and starts the gateway on this machine."
    exit 1
  fi
  # Older ones know no such flag for `run`; they pull nothing that is there, either.
  if [ "$is_offline" = yes ]; then
    case "$("${compose_words[@]}" run --help 2>/dev/null)" in
      '' | *--pull*) run_flags=(--pull never) ;;
    esac
  fi
}

is_podman() { case "$(docker --version 2>/dev/null)" in *[Pp]odman*) return 0 ;; *) return 1 ;; esac; }

is_compose_2() {
  case "$("$1" version --short 2>/dev/null)" in
    '' | 0.* | v0.* | 1.* | v1.*) return 1 ;;
    *) return 0 ;;
  esac
}

# The Compose files in use, in `compose_files`; with $1, that one in place of the sandbox's.
list_compose_files() {
  compose_files=("$BASE_FILE")
  if [ -f "$OVERRIDE_FILE" ]; then compose_files+=("$OVERRIDE_FILE"); fi
  if needs_extra_file; then compose_files+=("$EXTRA_FILE"); fi
  if [ -n "${1:-}" ]; then
    compose_files+=("$1")
  elif [ "$is_sandbox_on" = yes ]; then
    compose_files+=("$SANDBOX_FILE")
  fi
}

# Compose with the files of `compose_files`.
compose() {
  local file words
  words=("${compose_words[@]}")
  for file in "${compose_files[@]}"; do words+=(-f "$file"); done
  "${words[@]}" "$@"
}

# A new container of the gateway's service that goes when its command ends.
#
# It gets no terminal unless the caller sees to it, and no answers that are meant for others.
one_shot() {
  compose run --rm --no-deps -T ${run_flags[@]+"${run_flags[@]}"} "$@" </dev/null
}

# Plain `docker compose` reads the list of files from `.env`: without it, it would leave out the
# files that we made. A list that somebody else wrote stays.
list_files_in_env() {
  local file files=() made=no
  IFS=':' read -r -a files <<<"$COMPOSE_FILE"
  for file in ${files[@]+"${files[@]}"}; do
    is_among "$file" "$BASE_FILE" "$OVERRIDE_FILE" "$EXTRA_FILE" "$SANDBOX_FILE" || return 0
  done
  COMPOSE_FILE=
  list_compose_files
  for file in "${compose_files[@]}"; do
    case "$file" in "$EXTRA_FILE" | "$SANDBOX_FILE") made=yes ;; esac
    COMPOSE_FILE=${COMPOSE_FILE:+$COMPOSE_FILE:}$file
  done
  if [ "$made" = no ]; then COMPOSE_FILE=; fi
}

# The command line of Compose, to be pasted.
compose_hint() {
  local file
  list_compose_files
  printf '%s' "${compose_words[*]}"
  for file in "${compose_files[@]}"; do printf ' -f %s' "$file"; done
}

# --- the image -----------------------------------------------------------------------------------

get_image() {
  local word words args
  if [ "$is_offline" = yes ]; then
    docker image inspect "$OPENCLAW_IMAGE" >/dev/null 2>&1 ||
      fail "--offline needs the image $OPENCLAW_IMAGE preloaded, and it is not there (docker load)."
    return
  fi
  if [ "$OPENCLAW_IMAGE" != "$LOCAL_IMAGE" ]; then
    heading "Pulling Docker image: $OPENCLAW_IMAGE"
    docker pull "$OPENCLAW_IMAGE" ||
      fail "Cannot pull $OPENCLAW_IMAGE: check the name of the image and your access to it."
    return
  fi
  heading "Building Docker image: $OPENCLAW_IMAGE"
  args=(--build-arg "OPENCLAW_DOCKER_APT_PACKAGES=$OPENCLAW_DOCKER_APT_PACKAGES")
  for word in OPENCLAW_IMAGE_APT_PACKAGES OPENCLAW_IMAGE_PIP_PACKAGES OPENCLAW_EXTENSIONS \
    OPENCLAW_INSTALL_BROWSER OPENCLAW_INSTALL_DOCKER_CLI; do
    if [ -n "${!word}" ]; then args+=(--build-arg "$word=${!word}"); fi
  done
  IFS=' ' read -r -a words <<<"$OPENCLAW_BUILD_ARGS"
  for word in ${words[@]+"${words[@]}"}; do args+=(--build-arg "$word"); done
  DOCKER_BUILDKIT=1 docker build "${args[@]}" -t "$OPENCLAW_IMAGE" -f Dockerfile . ||
    fail "The image $OPENCLAW_IMAGE could not be built; see above, then run this again."
}

# --- the state -----------------------------------------------------------------------------------

# Docker Desktop cannot make them later. A directory that belongs to somebody else is seen to in
# the container.
make_directories() {
  local folder
  for folder in "$OPENCLAW_CONFIG_DIR" "$OPENCLAW_WORKSPACE_DIR" \
    "$OPENCLAW_AUTH_PROFILE_SECRET_DIR"; do
    if ! [ -d "$folder" ] && ! (umask 077 && mkdir -p "$folder"); then
      fail "Cannot make the directory $folder."
    fi
  done
  case "$OPENCLAW_HOME_VOLUME" in
    */*) mkdir -p "$OPENCLAW_HOME_VOLUME" || fail "Cannot make the directory $OPENCLAW_HOME_VOLUME." ;;
  esac
  if [ -w "$OPENCLAW_CONFIG_DIR" ]; then
    mkdir -p "$OPENCLAW_CONFIG_DIR/identity" "$OPENCLAW_CONFIG_DIR/agents/main/agent" \
      "$OPENCLAW_CONFIG_DIR/agents/main/sessions" || true
  fi
}

# Makes the user that the gateway runs as the owner of the state, and of a workspace that is still
# empty, but never of the user's own files in a workspace. `-xdev` alone would not spare those: a
# directory of the same disk that is mounted below has the same number.
fix_permissions() {
  local answer owner
  heading "Fixing data-directory permissions"
  answer=$(one_shot --entrypoint sh openclaw-gateway -c "$CHECK_OWNER") || answer=
  case "$answer" in
    fine*) return ;;
    [0-9]*:[0-9]*) owner=$answer ;;
    *) owner=1000:1000 ;;
  esac
  one_shot --user root --entrypoint sh openclaw-gateway -c "$FIX_OWNER" sh "$owner" || {
    warn "The engine did not let the owner of $OPENCLAW_CONFIG_DIR be changed."
    hint "If the gateway cannot write there: chown -R $owner $(shell_word "$OPENCLAW_CONFIG_DIR")"
  }
}

# Run as the user that the gateway runs as. Says `fine`, or who must own the state.
readonly CHECK_OWNER='
  uid=$(id -u) gid=$(id -g)
  if [ "$uid" = 0 ]; then uid=${PUID:-0} gid=${PGID:-${PUID:-0}}; fi
  if cd /home/node/.openclaw 2>/dev/null &&
    mkdir -p identity agents/main/agent agents/main/sessions 2>/dev/null &&
    [ -w workspace ] && [ -w ../.config/openclaw ] &&
    foreign=$(find . -xdev \( -path ./workspace -o -path "./workspace-*" \) -prune \
      -o ! -user "$uid" -print 2>&1 | head -n 1) && [ -z "$foreign" ]
  then echo fine; else echo "$uid:$gid"; fi
'

# Run as root; $1 is the owner to be.
readonly FIX_OWNER='
  failed=0
  cd /home/node/.openclaw || exit 1
  mkdir -p identity agents/main/agent agents/main/sessions || exit 1
  find . -xdev \( -path ./workspace -o -path "./workspace-*" \) -prune \
    -o ! -user "${1%:*}" -exec chown -h "$1" {} + || failed=1
  for folder in /home/node /home/node/.config /home/node/.config/openclaw; do
    if [ -d "$folder" ]; then chown "$1" "$folder" || failed=1; fi
  done
  if [ -d workspace ] && [ -z "$(ls -A workspace)" ]; then chown "$1" workspace || failed=1; fi
  if [ -d workspace/.openclaw ]; then
    find workspace/.openclaw -xdev ! -user "${1%:*}" -exec chown -h "$1" {} + || failed=1
  fi
  exit "$failed"
'

# --- the gateway ---------------------------------------------------------------------------------

start_gateway() { compose up -d ${up_flags[@]+"${up_flags[@]}"} "$@" openclaw-gateway; }

# Waits until the gateway answers with the token that `.env` holds.
wait_for_gateway() {
  local deadline=$((SECONDS + START_PATIENCE))
  while ! compose exec -T openclaw-gateway node dist/index.js health >/dev/null 2>&1 </dev/null; do
    if [ "$SECONDS" -ge "$deadline" ] || is_crashing; then return 1; fi
    sleep 0.3
  done
}

is_crashing() {
  local id count
  id=$(compose ps -aq openclaw-gateway 2>/dev/null) || return 1
  count=$(docker inspect -f '{{.RestartCount}}' "$id" 2>/dev/null) || return 1
  case "$count" in '' | 0 | 1 | 2 | *[!0-9]*) return 1 ;; *) return 0 ;; esac
}

show_gateway_log() { compose logs --no-color --tail 20 openclaw-gateway >&2 </dev/null || true; }
