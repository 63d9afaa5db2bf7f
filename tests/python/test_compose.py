"""The Compose file as Docker Compose and each podman-compose read it, with and without a `.env`.

`scripts/test-setup.sh` installs the versions that `podman-compose.txt` lists. No container starts:
`up` is a dry run, which says what it would ask of Podman.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = ROOT / "tests" / "python"
VERSIONS = (HERE / "podman-compose.txt").read_text().split()
# These read the file, and cannot start it: they know no optional `env_file`.
READ_ONLY = ["1.0.6", "1.1.0"]
TARGETS = {
    "/home/node/.openclaw": "OPENCLAW_CONFIG_DIR",
    "/home/node/.openclaw/workspace": "OPENCLAW_WORKSPACE_DIR",
    "/home/node/.config/openclaw": "OPENCLAW_AUTH_PROFILE_SECRET_DIR",
}


class Project:
    """The shipped file in a folder of its own."""

    def __init__(self, test, env_file=None):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        test.addCleanup(shutil.rmtree, self.folder)
        shutil.copy(ROOT / "docker-compose.yml", self.folder)
        if env_file is not None:
            (self.folder / ".env").write_text(env_file)
        self.home = str(self.folder / "home")

    def run(self, command, **variables):
        environment = {"PATH": os.environ["PATH"], "HOME": self.home, **variables}
        return subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )

    def podman_compose(self, version, *arguments, **variables):
        module = HERE / ".venv" / "podman-compose" / version / "podman_compose.py"
        return self.run([sys.executable, "-B", str(module), *arguments], **variables)

    def docker_compose(self, *arguments, **variables):
        home = os.environ.get("HOME", "/root")
        plugins = os.environ.get("DOCKER_CONFIG", f"{home}/.docker")
        command = ["docker", "compose", *arguments]
        return self.run(command, DOCKER_CONFIG=plugins, **variables)


class PodmanCompose(unittest.TestCase):
    def services(self, ran):
        self.assertEqual(ran.returncode, 0, ran.stderr)
        # Some print a line of their own before the file.
        text = ran.stdout[ran.stdout.index("name:") if ran.stdout.startswith("using") else 0 :]
        return yaml.safe_load(text)["services"]

    def test_without_an_env_file_the_folders_are_those_of_the_home(self):
        project = Project(self)
        for version in VERSIONS:
            with self.subTest(version=version):
                services = self.services(project.podman_compose(version, "config"))
                for name in ("openclaw-gateway", "openclaw-cli"):
                    self.assertEqual(
                        services[name]["volumes"],
                        [
                            "~/.openclaw:/home/node/.openclaw",
                            "~/.openclaw/workspace:/home/node/.openclaw/workspace",
                            "~/.openclaw-auth-profile-secrets:/home/node/.config/openclaw",
                        ],
                    )
                self.assertEqual(services["openclaw-gateway"]["ports"], ["18789:18789", "18790:18790"])

    def test_an_env_file_with_some_of_the_names_sets_these(self):
        env_file = "OPENCLAW_CONFIG_DIR=/srv/state\nOPENCLAW_BIND_MOUNT_OPTIONS=:z\n"
        project = Project(self, env_file)
        for version in VERSIONS:
            with self.subTest(version=version):
                services = self.services(project.podman_compose(version, "config"))
                self.assertEqual(
                    services["openclaw-gateway"]["volumes"],
                    [
                        "/srv/state:/home/node/.openclaw:z",
                        "~/.openclaw/workspace:/home/node/.openclaw/workspace:z",
                        "~/.openclaw-auth-profile-secrets:/home/node/.config/openclaw:z",
                    ],
                )

    def test_podman_is_asked_to_mount_the_folders_of_the_home(self):
        project = Project(self)
        for version in VERSIONS:
            if version in READ_ONLY:
                continue
            with self.subTest(version=version):
                ran = project.podman_compose(
                    version, "--verbose", "--dry-run", "up", "-d", OPENCLAW_BIND_MOUNT_OPTIONS=":z"
                )
                self.assertEqual(ran.returncode, 0, ran.stderr)
                self.assertIn(f"{project.home}/.openclaw:/home/node/.openclaw:z", ran.stdout + ran.stderr)


class DockerCompose(unittest.TestCase):
    def test_folders_and_label_are_read_with_and_without_an_env_file(self):
        for env_file in (None, "", "OPENCLAW_CONFIG_DIR=/srv/state\n"):
            with self.subTest(env_file=env_file):
                project = Project(self, env_file)
                ran = project.docker_compose("config", OPENCLAW_BIND_MOUNT_OPTIONS=":z")
                self.assertEqual((ran.returncode, ran.stderr), (0, ""))
                volumes = yaml.safe_load(ran.stdout)["services"]["openclaw-gateway"]["volumes"]
                self.assertEqual([it["bind"]["selinux"] for it in volumes], ["z"] * 3)
                state = "/srv/state" if env_file else f"{project.home}/.openclaw"
                self.assertEqual(volumes[0]["source"], state)
                self.assertEqual([it["target"] for it in volumes], list(TARGETS))

    def test_without_options_the_mounts_have_no_label(self):
        ran = Project(self).docker_compose("config")

        volumes = yaml.safe_load(ran.stdout)["services"]["openclaw-cli"]["volumes"]
        self.assertEqual(["selinux" in it["bind"] for it in volumes], [False] * 3)


if __name__ == "__main__":
    unittest.main()
