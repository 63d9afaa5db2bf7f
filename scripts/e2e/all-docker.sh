#!/usr/bin/env bash
# Every smoke test in containers, and then away with what they made.
set -euo pipefail
here=$(dirname "$0")

trap '"$here/cleanup-docker.sh"' EXIT
"$here/onboard-docker.sh"
"$here/qr-import-docker.sh"
"$here/gateway-network-docker.sh"
