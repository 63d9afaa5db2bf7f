#!/usr/bin/env bash
# Shows one turn that runs a real tool, with a scripted model in the place of a provider.
#
# Everything lives in a temporary folder, which is removed at the end. DEMO_KEEP=1 leaves the
# gateway running until Ctrl-C.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/build.sh

build -p cli --bin openclaw -p testkit --bin scripted-model
PATH="$bin_dir:$PATH"

home=$(mktemp -d -t openclaw-demo-XXXXXX)
pids=()
finish() {
  for pid in "${pids[@]}"; do
    kill "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  rm -rf "$home"
}
trap finish EXIT
trap 'exit 130' INT TERM

say() {
  if [ -t 1 ]; then printf '\n\033[1m%s\033[0m\n' "$*"; else printf '\n%s\n' "$*"; fi
}

# Runs the rest in a home of its own: nothing of the user's config or keys is seen.
own() { env -i HOME="$home" PATH="$PATH" TERM="${TERM:-dumb}" LANG=C.UTF-8 "$@"; }

say "1. A scripted model takes the place of a provider."
mkfifo "$home/model"
scripted-model --port 0 >"$home/model" 2>"$home/model.log" &
pids+=($!)
exec 3<"$home/model"
read -r -t 20 model <&3 || {
  echo "error: the scripted model did not start" >&2
  cat "$home/model.log" >&2
  exit 1
}
model=$(grep -o 'http://[0-9.:]*' <<<"$model")
echo "   $model"

say "2. The gateway starts on a free port."
port=$((20000 + RANDOM % 20000))
while (exec 4<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 1)); done
mkdir -p "$home/.openclaw"
cat >"$home/.openclaw/openclaw.json" <<CONFIG
{
  gateway: { mode: "local", bind: "loopback", port: $port, auth: { token: "demo" } },
  agents: { defaults: { model: { primary: "demo/demo-1" }, heartbeat: { every: "0m" } } },
  models: { providers: { demo: {
    baseUrl: "$model/v1", apiKey: "none", api: "openai-completions",
    models: [{ id: "demo-1", name: "Scripted model", contextWindow: 200000, maxTokens: 8192 }],
  } } },
  // The demo's command is harmless and this home is thrown away: no question is asked.
  tools: { exec: { host: "gateway", security: "full", ask: "off" } },
}
CONFIG
own openclaw gateway run >"$home/gateway.log" 2>&1 &
gateway=$!
pids=("$gateway" "${pids[@]}")
for _ in $(seq 200); do
  own openclaw health --json >/dev/null 2>&1 && break
  kill -0 "$gateway" 2>/dev/null || {
    echo "error: the gateway stopped" >&2
    cat "$home/gateway.log" >&2
    exit 1
  }
  sleep 0.05
done
echo "   http://127.0.0.1:$port/"

say "3. One message becomes one turn; the model asks for a tool, which really runs."
message=${DEMO_MESSAGE:-'Which machine is this, and what is the date? Run something to find out.'}
echo "   \$ openclaw agent --agent main -m \"$message\""
own openclaw agent --agent main -m "$message" | sed 's/^/   /'

say "4. The conversation is on disk, one JSON object a line. Its messages:"
for file in "$home"/.openclaw/agents/main/sessions/*.jsonl; do
  echo "   ${file#"$home"/}"
  sed -n '/"type":"message"/ s/.*"message":/   | /p' "$file" | cut -c1-130
done

say "To go on:"
cat <<TEXT
   make run                     the gateway with your own config and a real model
   DEMO_KEEP=1 make demo        keep this one running
   docs/protocol.md             what clients may send
TEXT

if [ "${DEMO_KEEP:-}" = 1 ]; then
  say "The gateway keeps running at http://127.0.0.1:$port/ (token: demo). Ctrl-C stops it."
  echo "   HOME=$home $bin_dir/openclaw agent --agent main -m \"Hello\""
  wait "$gateway"
fi
