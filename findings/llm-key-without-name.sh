#!/usr/bin/env bash
# llm 0.36 (PyPI): `--key` is passed over for a model of another address.
#
# A model in `extra-openai-models.yaml` with an `api_base` and without an `api_key_name` is asked with a
# key that llm makes up, although `--key` names one. Neither a warning nor an error says so; the server
# answers 401. With `api_key_name`, and that name in `keys.json`, the key is sent.
#
# Seen: Authorization: Bearer DUMMY_KEY, and then Bearer named-key
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check llm==0.36 </dev/null
cat >"$dir/run.py" <<'PY'
import http.server, json, os, subprocess, sys, threading

home = sys.argv[1]
seen = []


class Server(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        seen.append(self.headers["Authorization"])
        self.rfile.read(int(self.headers["Content-Length"]))
        message = {"role": "assistant", "content": "hello"}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        body = {"id": "1", "object": "chat.completion", "created": 1, "model": "m"}
        text = json.dumps({**body, "choices": [choice], "usage": usage}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


server = http.server.HTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
base = f"http://127.0.0.1:{server.server_port}/v1"


def ask(model, more):
    with open(f"{home}/extra-openai-models.yaml", "w") as file:
        json.dump([{"model_id": "mine", "model_name": "m", "api_base": base, **model}], file)
    command = [sys.executable, "-m", "llm", "-m", "mine", "--no-stream", *more, "hi"]
    subprocess.run(command, env={**os.environ, "LLM_USER_PATH": home}, check=True, capture_output=True)


ask({}, ["--key", "given-key"])
with open(f"{home}/keys.json", "w") as file:
    json.dump({"mine": "named-key"}, file)
ask({"api_key_name": "mine"}, [])
print(seen)
assert seen == ["Bearer DUMMY_KEY", "Bearer named-key"], seen
PY
mkdir "$dir/home"
"$dir/venv/bin/python" "$dir/run.py" "$dir/home"
