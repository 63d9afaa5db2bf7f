# shellcheck shell=bash
# Sourced by the scripts beside it: builds the named binaries and says where they lie.
#
#   . scripts/build.sh; build -p cli --bin openclaw   # sets $bin_dir

profile=${PROFILE:-release}

build() {
  command -v cargo >/dev/null || {
    echo "error: cargo is not installed: get Rust 1.95 or later" >&2
    exit 1
  }
  command -v cc >/dev/null || {
    echo "error: a C compiler is needed" >&2
    echo "hint: apt-get install build-essential" >&2
    exit 1
  }
  # The page is built in; without it the gateway shows a plain one.
  case " $* " in
    *" cli "*)
      scripts/build-ui.sh ||
        echo "notice: the Control UI was not built; the gateway shows a plain page instead" >&2
      ;;
  esac
  cargo build --locked --profile "$profile" "$@" >&2
  local folder=$profile
  [ "$profile" = dev ] && folder=debug
  bin_dir="${CARGO_TARGET_DIR:-$PWD/target}/$folder"
  # The gateway looks for the sandboxes' servant beside itself.
  scripts/build-boxd.sh "$bin_dir/openclaw-boxd" >/dev/null 2>&1 ||
    echo "notice: openclaw-boxd was not built; sandboxes go on without it, slower (scripts/build-boxd.sh says why)" >&2
}
