"""The Kubernetes files: manifests against the published schemas, and the script that applies them.

No cluster is needed. The script talks to a `kubectl` of the test's own, which writes down what it
is asked and answers from a folder.
"""

import json
import os
import pathlib
import stat
import subprocess
import tempfile
import unittest

import kubernetes_validate
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / "scripts" / "k8s"
MANIFESTS = FOLDER / "manifests"
# The oldest and the newest version that is checked.
VERSIONS = ["1.29", "1.37"]

KUBECTL = r"""#!/usr/bin/env bash
# Knows one namespace and one secret, both as files.
set -euo pipefail
printf '%s\n' "$*" >>"$STATE/calls"
case "$*" in
  "get --raw /version") [ ! -e "$STATE/no-cluster" ] ;;
  "get namespace "*) if [ -e "$STATE/namespace" ]; then echo namespace/it; fi ;;
  "create namespace "*) touch "$STATE/namespace" ;;
  *"get secret "*" -o name") if [ -d "$STATE/secret" ]; then echo secret/it; fi ;;
  *"get secret "*)
    all=$*
    key=${all##*.data.}
    key=${key%\}}
    if [ -e "$STATE/secret/$key" ]; then base64 -w0 <"$STATE/secret/$key"; fi
    ;;
  *"create secret generic "*)
    for argument in "$@"; do
      case $argument in --from-file=*) from=${argument#*=} ;; esac
    done
    stat -c %a "$from" >"$STATE/secret-mode"
    rm -rf "$STATE/secret"
    cp -r "$from" "$STATE/secret"
    echo "kind: Secret"
    ;;
  "kustomize "*) cat "$2/kustomization.yaml" ;;
  *"apply "*) cat >>"$STATE/applied" ;;
  *"rollout "* | *"delete "*) ;;
  *) echo "what is: $*" >&2; exit 1 ;;
esac
"""


def documents():
    for path in sorted(MANIFESTS.glob("*.yaml")):
        if path.name != "kustomization.yaml":
            for document in yaml.safe_load_all(path.read_text()):
                yield path.name, document


def pod():
    (deployment,) = [it for _, it in documents() if it["kind"] == "Deployment"]
    return deployment["spec"]["template"]["spec"]


class Manifests(unittest.TestCase):
    def test_they_agree_with_the_published_schemas(self):
        checked = 0
        for version in VERSIONS:
            for name, document in documents():
                with self.subTest(file=name, version=version):
                    kubernetes_validate.validate(document, version, strict=True)
                    checked += 1
        self.assertEqual(checked, 4 * len(VERSIONS))

    def test_a_field_that_does_not_exist_is_found(self):
        (service,) = [it for _, it in documents() if it["kind"] == "Service"]
        service["spec"]["prots"] = []
        with self.assertRaises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate(service, VERSIONS[-1], strict=True)

    def test_the_kustomization_names_every_file(self):
        kustomization = yaml.safe_load((MANIFESTS / "kustomization.yaml").read_text())
        self.assertEqual(
            sorted(kustomization["resources"] + ["kustomization.yaml"]),
            sorted(path.name for path in MANIFESTS.glob("*.yaml")),
        )

    def test_no_container_may_become_more_than_it_is(self):
        spec = pod()
        self.assertIs(spec["automountServiceAccountToken"], False)
        self.assertIs(spec["securityContext"]["runAsNonRoot"], True)
        for container in spec["initContainers"] + spec["containers"]:
            with self.subTest(container=container["name"]):
                context = container["securityContext"]
                self.assertIs(context["allowPrivilegeEscalation"], False)
                self.assertIs(context["readOnlyRootFilesystem"], True)
                self.assertEqual(context["capabilities"], {"drop": ["ALL"]})
                self.assertIn("memory", container["resources"]["limits"])

    def test_the_seed_is_a_config_that_has_no_secret_in_it(self):
        (seed,) = [it for _, it in documents() if it["kind"] == "ConfigMap"]
        config = json.loads(seed["data"]["openclaw.json"])
        self.assertEqual(config["gateway"]["auth"]["token"], "${OPENCLAW_GATEWAY_TOKEN}")
        self.assertEqual(config["gateway"]["bind"], "loopback")

    def test_the_seeding_keeps_what_is_there(self):
        (seed,) = pod()["initContainers"]
        with tempfile.TemporaryDirectory() as home:
            text = seed["command"][2].replace("/seed/", f"{home}/seed/")
            state = pathlib.Path(home, ".openclaw")
            pathlib.Path(home, "seed").mkdir()
            for name in ["openclaw.json", "AGENTS.md"]:
                pathlib.Path(home, "seed", name).write_text("seeded")
            state.mkdir()
            (state / "openclaw.json").write_text("mine")

            shell = ["sh", "-euc", text]
            subprocess.run(shell, env={**os.environ, "HOME": home}, check=True)

            self.assertEqual((state / "openclaw.json").read_text(), "mine")
            agents = state / "workspace" / "AGENTS.md"
            self.assertEqual(agents.read_text(), "seeded")
            self.assertEqual(stat.S_IMODE(agents.stat().st_mode), 0o600)


class Script(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.state = pathlib.Path(folder.name)
        kubectl = self.state / "bin" / "kubectl"
        kubectl.parent.mkdir()
        kubectl.write_text(KUBECTL)
        kubectl.chmod(0o755)

    def run_script(self, *arguments, **settings):
        path = f"{self.state / 'bin'}:{os.environ['PATH']}"
        temporary = self.state / "tmp"
        temporary.mkdir(exist_ok=True)
        env = {"PATH": path, "STATE": str(self.state), "TMPDIR": str(temporary), **settings}
        done = subprocess.run(
            [FOLDER / "deploy.sh", *arguments], env=env, text=True, capture_output=True
        )
        self.assertEqual(list(temporary.iterdir()), [], "temporary files stayed")
        return done

    def calls(self):
        path = self.state / "calls"
        return path.read_text().splitlines() if path.exists() else []

    def secret(self, name):
        path = self.state / "secret" / name
        return path.read_text() if path.exists() else None

    def test_without_a_key_of_a_provider_nothing_is_made(self):
        done = self.run_script()
        self.assertEqual(done.returncode, 1)
        self.assertIn("no key of a model provider is exported", done.stderr)
        self.assertFalse((self.state / "namespace").exists())
        self.assertFalse((self.state / "applied").exists())

    def test_the_first_run_makes_a_secret_and_waits_for_the_rollout(self):
        done = self.run_script(ANTHROPIC_API_KEY="key-1")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(self.secret("OPENCLAW_GATEWAY_TOKEN"), "^[0-9a-f]{64}$")
        self.assertEqual(self.secret("ANTHROPIC_API_KEY"), "key-1")
        self.assertIsNone(self.secret("OPENAI_API_KEY"))
        self.assertEqual((self.state / "secret-mode").read_text().strip(), "700")
        self.assertIn(
            "--namespace openclaw rollout status deployment/openclaw --timeout=300s", self.calls()
        )
        self.assertNotIn(self.secret("OPENCLAW_GATEWAY_TOKEN"), done.stdout + done.stderr)
        self.assertNotIn("key-1", "\n".join(self.calls()))
        self.assertTrue(any("apply --server-side" in it for it in self.calls()))

    def test_renewing_the_secret_keeps_the_token_and_the_other_keys(self):
        self.run_script("--create-secret", ANTHROPIC_API_KEY="key-1")
        token = self.secret("OPENCLAW_GATEWAY_TOKEN")
        done = self.run_script("--create-secret", "--show-token", OPENAI_API_KEY="key-2")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.secret("OPENCLAW_GATEWAY_TOKEN"), token)
        self.assertEqual(self.secret("ANTHROPIC_API_KEY"), "key-1")
        self.assertEqual(self.secret("OPENAI_API_KEY"), "key-2")
        self.assertIn(f"token: {token}", done.stdout)
        self.assertFalse(any("kustomize" in it for it in self.calls()))

    def test_an_image_may_carry_a_port_a_tag_or_a_digest(self):
        digest = "sha256:" + "0" * 64
        cases = {
            "openclaw": {"newName": "openclaw", "newTag": "latest"},
            "host:5000/a/b": {"newName": "host:5000/a/b", "newTag": "latest"},
            "host:5000/a/b:2": {"newName": "host:5000/a/b", "newTag": "2"},
            f"a/b@{digest}": {"newName": "a/b", "digest": digest},
        }
        for image, expected in cases.items():
            with self.subTest(image=image):
                applied = self.state / "applied"
                applied.unlink(missing_ok=True)
                done = self.run_script(OPENCLAW_IMAGE=image, OPENAI_API_KEY="key")
                self.assertEqual(done.returncode, 0, done.stderr)
                text = applied.read_text().replace("kind: Secret\n", "")
                self.assertEqual(yaml.safe_load(text)["images"], [{"name": "openclaw", **expected}])

    def test_delete_takes_a_foreign_namespace_only_when_told_so(self):
        self.run_script("--delete")
        self.run_script("--delete", OPENCLAW_NAMESPACE="shared")
        self.run_script("--delete-namespace", OPENCLAW_NAMESPACE="shared")
        deleted = [it for it in self.calls() if "delete" in it]
        self.assertEqual(deleted[0], "delete namespace openclaw --ignore-not-found")
        self.assertTrue(deleted[1].startswith("--namespace shared delete --ignore-not-found deploy"))
        self.assertEqual(deleted[2], "delete namespace shared --ignore-not-found")

    def test_the_token_can_be_shown_later(self):
        secret = self.state / "secret"
        secret.mkdir()
        (secret / "OPENCLAW_GATEWAY_TOKEN").write_text("of-before")
        self.assertEqual(self.run_script("--show-token").stdout, "token: of-before\n")

    def test_mistakes_are_told_in_one_line(self):
        unknown = self.run_script("--nope")
        self.assertEqual((unknown.returncode, self.calls()), (1, []))
        self.assertIn("unknown option --nope", unknown.stderr)
        (self.state / "no-cluster").touch()
        absent = self.run_script()
        self.assertEqual(absent.returncode, 1)
        self.assertIn("no cluster answers", absent.stderr)
        self.assertEqual(self.run_script("--help").returncode, 0)


if __name__ == "__main__":
    unittest.main()
