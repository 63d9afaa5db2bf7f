#!/usr/bin/env bash
# Puts one gateway into a Kubernetes cluster, and takes it out again. `--help` says how.
set -euo pipefail
cd "$(dirname "$0")"

NAMESPACE=${OPENCLAW_NAMESPACE:-openclaw}
IMAGE=${OPENCLAW_IMAGE:-openclaw:local}
ROLLOUT_SECONDS=300
SECRET=openclaw-secrets
PROVIDER_KEYS="ANTHROPIC_API_KEY OPENAI_API_KEY GEMINI_API_KEY OPENROUTER_API_KEY"

usage() {
  cat <<'TEXT'
Usage: scripts/k8s/deploy.sh [option]

  (none)               make the secret when there is none, apply the manifests, wait
  --create-secret      only make or renew the secret; a token that is there stays
  --show-token         with --create-secret or alone: print the gateway's token at the end
  --delete             take OpenClaw away: the namespace `openclaw` as a whole, and of any
                       other namespace only what this script put there
  --delete-resources   take away only what this script put there, in any namespace
  --delete-namespace   take away the namespace and everything in it
  -h, --help           this text

Settings, from the environment:
  OPENCLAW_NAMESPACE   namespace (openclaw)
  OPENCLAW_IMAGE       image (openclaw:local)
  OPENCLAW_GATEWAY_TOKEN  token for a new secret (random)
  ANTHROPIC_API_KEY, OPENAI_API_KEY, GEMINI_API_KEY, OPENROUTER_API_KEY
                       keys of model providers; one that is not set keeps its stored value
TEXT
}

fail() {
  echo "error: $1" >&2
  if [ -n "${2:-}" ]; then echo "hint: $2" >&2; fi
  exit 1
}

need() { command -v "$1" >/dev/null 2>&1 || fail "$1 is not installed" "$2"; }

k() { kubectl --namespace "$NAMESPACE" "$@"; }

# Prints the stored value of key $1, or nothing.
stored() {
  k get secret "$SECRET" --ignore-not-found -o "jsonpath={.data.$1}" | base64 -d
}

ensure_namespace() {
  if [ -z "$(kubectl get namespace "$NAMESPACE" --ignore-not-found -o name)" ]; then
    kubectl create namespace "$NAMESPACE" >/dev/null
  fi
}

# Values go through files that only we can read, never through arguments, which others could see.
# Applied on the server's side, no value is repeated in an annotation.
create_secret() {
  local exported="" name token value files
  for name in $PROVIDER_KEYS; do
    if [ -n "${!name:-}" ]; then exported="$exported $name"; fi
  done
  if [ -z "$exported" ]; then
    fail "no key of a model provider is exported" \
      "export at least one of: $PROVIDER_KEYS"
  fi
  ensure_namespace
  token=$(stored OPENCLAW_GATEWAY_TOKEN)
  if [ -z "$token" ]; then token=${OPENCLAW_GATEWAY_TOKEN:-$(openssl rand -hex 32)}; fi
  files=$(mktemp -d)
  # shellcheck disable=SC2064 # the folder of now is meant
  trap "rm -rf '$files'" EXIT
  chmod 700 "$files"
  printf %s "$token" >"$files/OPENCLAW_GATEWAY_TOKEN"
  for name in $PROVIDER_KEYS; do
    value=${!name:-$(stored "$name")}
    if [ -n "$value" ]; then printf %s "$value" >"$files/$name"; fi
  done
  k create secret generic "$SECRET" --from-file="$files" --dry-run=client -o yaml |
    k apply --server-side --force-conflicts -f - >/dev/null
  echo "secret $SECRET is in place"
}

show_token() {
  local token
  token=$(stored OPENCLAW_GATEWAY_TOKEN)
  [ -n "$token" ] || fail "there is no secret $SECRET in namespace $NAMESPACE" "run --create-secret"
  printf 'token: %s\n' "$token"
}

# The manifests with the image that was asked for.
manifests() {
  local repository=$IMAGE selector
  case $IMAGE in
    *@*) repository=${IMAGE%%@*} selector="    digest: ${IMAGE#*@}" ;;
    *)
      case ${IMAGE##*/} in
        *:*) repository=${IMAGE%:*} selector="    newTag: \"${IMAGE##*:}\"" ;;
        *) selector="    newTag: latest" ;;
      esac
      ;;
  esac
  local folder
  folder=$(mktemp -d)
  cp manifests/*.yaml "$folder"
  awk -v name="$repository" -v selector="$selector" '
    /^    newName:/ { print "    newName: \"" name "\""; next }
    /^    newTag:/ { print selector; next }
    { print }' manifests/kustomization.yaml >"$folder/kustomization.yaml"
  kubectl kustomize "$folder"
  rm -rf "$folder"
}

deploy() {
  if [ -z "$(k get secret "$SECRET" --ignore-not-found -o name 2>/dev/null)" ]; then
    create_secret
  fi
  ensure_namespace
  manifests | k apply -f -
  # A changed secret alone starts no new pod.
  k rollout restart deployment/openclaw >/dev/null
  k rollout status deployment/openclaw --timeout="${ROLLOUT_SECONDS}s"
  cat <<TEXT

OpenClaw runs in namespace $NAMESPACE. To open it here:
  kubectl --namespace $NAMESPACE port-forward svc/openclaw 18789:18789
  open http://127.0.0.1:18789/
Its token:
  OPENCLAW_NAMESPACE=$NAMESPACE scripts/k8s/deploy.sh --show-token
TEXT
}

delete_resources() {
  k delete --ignore-not-found deployment/openclaw service/openclaw \
    persistentvolumeclaim/openclaw-home-pvc configmap/openclaw-config "secret/$SECRET"
}

delete_namespace() {
  kubectl delete namespace "$NAMESPACE" --ignore-not-found
}

action=deploy token=hidden
for argument in "$@"; do
  case $argument in
    --create-secret) action=create_secret ;;
    --show-token) token=shown ;;
    --delete) if [ "$NAMESPACE" = openclaw ]; then action=delete_namespace; else action=delete_resources; fi ;;
    --delete-resources) action=delete_resources ;;
    --delete-namespace) action=delete_namespace ;;
    -h | --help)
      usage
      exit 0
      ;;
    *) fail "unknown option $argument" "see --help" ;;
  esac
done
if [ "$token" = shown ] && [ $# = 1 ]; then action=show_token token=hidden; fi

need kubectl "get it from your distribution or your cluster's vendor"
need openssl "it makes the token"
kubectl get --raw /version >/dev/null 2>&1 ||
  fail "no cluster answers" "check \`kubectl config current-context\`, or make one with scripts/k8s/create-kind.sh"
"$action"
if [ "$token" = shown ]; then show_token; fi
