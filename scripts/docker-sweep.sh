#!/usr/bin/env bash
# Removes containers that tests left behind because they were killed. They carry a label, and
# nothing else does.
#
# usage: scripts/docker-sweep.sh [old|all]
#
# old   those that are older than any test runs, for an engine that others use, too
# all   every one
set -euo pipefail

LABEL=openclaw.test
OLD_SECONDS=3600

docker ps -aq --no-trunc --filter "label=$LABEL" | while read -r id; do
  if [ "${1:-old}" != all ]; then
    created=$(docker inspect -f '{{.Created}}' "$id" 2>/dev/null) || continue
    age=$(($(date +%s) - $(date -d "$created" +%s)))
    if [ "$age" -lt "$OLD_SECONDS" ]; then continue; fi
  fi
  docker rm -fv "$id" >/dev/null 2>&1 || true
done
