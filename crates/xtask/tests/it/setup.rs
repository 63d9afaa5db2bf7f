//! `docker-setup.sh` against a stand-in for `docker` that writes down what it is asked. What the
//! engine does with it is tried in `it_docker`.
//!
//! The project is copied to a folder with spaces and letters beyond ASCII, and so is the home.
//! `OPENCLAW_TEST_BASH` names another Bash to run the script with, such as a 3.2.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

mod files;
mod flow;
mod refusals;
mod sandboxes;
mod terminal;
mod text;

/// Writes down every call, one a line. Files beside it steer it: `refuse` (a pattern of calls
/// that fail), `images` (those that are there), `owner` (what the check of owners says),
/// `onboarded` and `patched` (the config after the wizard, and after a change).
const DOCKER: &str = r#"#!/bin/sh
dir=$(dirname "$0")/../stand-in
line=
for word in "$@"; do
  case "$word" in *"
"*) word='<script>' ;; esac
  line="$line${line:+ }$word"
done
printf '%s\n' "$line" >> "$dir/calls"
env | grep -E '^(OPENCLAW_|DOCKER_)' > "$dir/env"
if [ -f "$dir/refuse" ] && printf '%s\n' "$line" | grep -Eq -f "$dir/refuse"; then
  exit 1
fi
case "$line" in
  --version) echo 'Docker version 28.0.0' ;;
  image\ inspect*) grep -qx "$3" "$dir/images" ;;
  *'sh openclaw-gateway -c <script>') cat "$dir/owner" ;;
  *' onboard '*) [ ! -f "$dir/onboarded" ] || cp "$dir/onboarded" "$OPENCLAW_CONFIG_DIR/openclaw.json" ;;
  *' config patch '*) [ ! -f "$dir/patched" ] || cp "$dir/patched" "$OPENCLAW_CONFIG_DIR/openclaw.json" ;;
esac
"#;

/// All that the script and the stand-ins use of the machine; nothing else is in `PATH`.
const TOOLS: [&str; 26] = [
    "awk", "cat", "chmod", "cmp", "cp", "dirname", "env", "find", "grep", "head", "id", "ls",
    "mkdir", "mktemp", "mv", "od", "openssl", "readlink", "rm", "script", "sed", "sh", "sleep",
    "sort", "stat", "tr",
];

/// What a container needs to have been set, as the wizard and the script leave it.
const CONFIGURED: &str = r#"{
  // a comment
  gateway: {
    mode: "local", bind: "lan",
    controlUi: { allowedOrigins: ["http://localhost:18789", "http://127.0.0.1:18789"] },
  },
  wizard: { lastRunAt: "2026-11-22T12:00:00.000Z" },
}
"#;

struct Rig {
    dir: tempfile::TempDir,
}

/// What a run came to.
#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Ran {
    fn assert_done(&self) {
        assert_eq!(self.code, Some(0), "{self:#?}");
    }
}

impl Rig {
    fn new() -> Self {
        let rig = Self { dir: tempfile::tempdir().unwrap() };
        for folder in ["scripts/docker/setup", "../bin", "../stand-in", "../Heim von Zoë"] {
            fs::create_dir_all(rig.project().join(folder)).unwrap();
        }
        let mut files = vec!["docker-setup.sh".to_owned(), "scripts/docker/setup.sh".to_owned()];
        for entry in fs::read_dir(root().join("scripts/docker/setup")).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            files.push(format!("scripts/docker/setup/{name}"));
        }
        for file in files {
            fs::copy(root().join(&file), rig.project().join(&file)).unwrap();
        }
        let bash = std::env::var("OPENCLAW_TEST_BASH").unwrap_or_else(|_| "/bin/bash".to_owned());
        symlink(bash, rig.path("bin/bash")).unwrap();
        for tool in TOOLS {
            let places = ["/usr/bin", "/bin"].map(|it| Path::new(it).join(tool));
            if let Some(place) = places.iter().find(|it| it.exists()) {
                symlink(place, rig.path("bin").join(tool)).unwrap();
            }
        }
        rig.program("docker", DOCKER);
        rig.steer("images", "");
        rig.steer("owner", "fine\n");
        rig
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn project(&self) -> PathBuf {
        self.path("Projekt für Docker")
    }

    fn home(&self) -> PathBuf {
        self.path("Heim von Zoë")
    }

    /// A program that comes before all others.
    fn program(&self, name: &str, text: &str) {
        let path = self.path("bin").join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    }

    fn steer(&self, file: &str, text: &str) {
        fs::write(self.path("stand-in").join(file), text).unwrap();
    }

    fn configure(&self, text: &str) {
        let folder = self.home().join(".openclaw");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("openclaw.json"), text).unwrap();
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", self.path("bin"))
            .env("HOME", self.home())
            .env("LANG", "C.UTF-8")
            .current_dir("/")
            .stdin(Stdio::null());
        command
    }

    fn run_with(&self, vars: &[(&str, &str)], args: &[&str]) -> Ran {
        let mut command = self.command(&self.project().join("docker-setup.sh"));
        let output = command.args(args).envs(vars.iter().copied()).output().unwrap();
        Ran {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn run(&self, vars: &[(&str, &str)]) -> Ran {
        self.run_with(vars, &[])
    }

    /// What `docker` was asked since the last time.
    fn calls(&self) -> Vec<String> {
        let path = self.path("stand-in/calls");
        let text = fs::read_to_string(&path).unwrap_or_default();
        drop(fs::remove_file(path));
        text.lines().map(str::to_owned).collect()
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.project().join(file)).unwrap_or_default()
    }

    /// The value of a key in `.env`.
    fn env(&self, key: &str) -> Option<String> {
        let start = format!("{key}=");
        self.read(".env").lines().find_map(|line| line.strip_prefix(&start).map(str::to_owned))
    }

    /// Names in the project and the home, to see that nothing was written.
    fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        for folder in [self.project(), self.home()] {
            for entry in fs::read_dir(folder).unwrap() {
                names.push(entry.unwrap().file_name().into_string().unwrap());
            }
        }
        names.sort();
        names
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
