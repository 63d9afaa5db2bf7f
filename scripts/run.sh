#!/usr/bin/env bash
# Builds the gateway, sees to it that it has a token, and runs it in the foreground on loopback.
#
# An existing config is respected: only what is missing is set.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/build.sh

build -p cli --bin openclaw
openclaw="$bin_dir/openclaw"

if [ -z "${OPENCLAW_GATEWAY_TOKEN:-}${OPENCLAW_GATEWAY_PASSWORD:-}" ] &&
  ! "$openclaw" config get gateway.auth.token >/dev/null 2>&1 &&
  ! "$openclaw" config get gateway.auth.password >/dev/null 2>&1; then
  token=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
  "$openclaw" config set gateway.auth.token "$token" >/dev/null
  echo "A new token was written to the config." >&2
fi

echo "The program is $openclaw; for other terminals: export PATH=\"$bin_dir:\$PATH\"" >&2
echo "Open the page; where no model is set, it asks for one:" >&2
"$openclaw" dashboard --no-open >&2
exec "$openclaw" gateway run --allow-unconfigured "$@"
