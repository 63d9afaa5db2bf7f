//! The scripts that build the sandbox images. What they build is tried by hand on an engine; here
//! a stand-in for `docker` writes down what it is asked.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

/// A `docker` that writes down its arguments and knows the images in the file `images`.
const DOCKER: &str = r#"#!/bin/sh
cd "$(dirname "$0")"
case "$1" in
  image) grep -qx "$3" images ;;
  *) echo "$*" >> asked; head -n 1 >> asked ;;
esac
"#;

struct Engine(tempfile::TempDir);

impl Engine {
    fn with_images(images: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let docker = dir.path().join("docker");
        fs::write(&docker, DOCKER).unwrap();
        fs::set_permissions(&docker, Permissions::from_mode(0o755)).unwrap();
        fs::write(dir.path().join("images"), images).unwrap();
        Self(dir)
    }

    /// Runs a script. Gives its success, its last line, and what the engine was asked.
    fn run(&self, script: &str, vars: &[(&str, &str)]) -> (bool, String, Vec<String>) {
        let output = Command::new(root().join("scripts").join(script))
            .env_clear()
            .env("PATH", std::env::var("PATH").unwrap())
            .env("DOCKER", self.0.path().join("docker"))
            .envs(vars.iter().copied())
            .current_dir("/")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        let asked = fs::read_to_string(self.0.path().join("asked")).unwrap_or_default();
        let builds = asked.lines().filter(|line| line.starts_with("build")).map(str::to_owned);
        (
            output.status.success(),
            said.lines().last().unwrap_or_default().to_owned(),
            builds.collect(),
        )
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn the_base_image_is_built_from_any_directory_and_from_any_debian() {
    let engine = Engine::with_images("");

    let plain = engine.run("sandbox-setup.sh", &[]);
    let closed = engine.run("sandbox-setup.sh", &[("BASE_IMAGE", "mine/debian:1")]);

    let build = |base: &str| {
        format!("build --build-arg BASE_IMAGE={base} -t openclaw-sandbox:bookworm-slim -")
    };
    assert_eq!((plain.0, plain.1.as_str()), (true, "Built openclaw-sandbox:bookworm-slim"));
    assert_eq!(closed.2, [build("debian:bookworm-slim"), build("mine/debian:1")]);
}

#[test]
fn the_common_image_builds_the_base_first_and_hands_on_what_is_set() {
    let engine = Engine::with_images("");
    let vars = [("PACKAGES", "git make"), ("INSTALL_BREW", "0"), ("BUN_INSTALL_DIR", "/b")];

    let (is_done, last, builds) = engine.run("sandbox-common-setup.sh", &vars);

    assert_eq!((is_done, last.as_str()), (true, "Built openclaw-sandbox-common:bookworm-slim"));
    assert_eq!(
        builds,
        [
            "build --build-arg BASE_IMAGE=debian:bookworm-slim -t openclaw-sandbox:bookworm-slim -",
            "build --build-arg BASE_IMAGE=openclaw-sandbox:bookworm-slim \
             --build-arg PACKAGES=git make --build-arg BUN_INSTALL_DIR=/b \
             --build-arg INSTALL_BREW=0 -t openclaw-sandbox-common:bookworm-slim -",
        ]
    );
}

#[test]
fn a_base_of_ones_own_must_be_there() {
    let engine = Engine::with_images("mine:1\n");

    let known = engine.run("sandbox-common-setup.sh", &[("BASE_IMAGE", "mine:1")]);
    let unknown = engine.run("sandbox-common-setup.sh", &[("BASE_IMAGE", "mine:2")]);

    assert_eq!((known.0, known.2.len()), (true, 1));
    assert_eq!((unknown.0, unknown.1.as_str()), (false, "hint: build or pull it first"));
}

#[test]
fn without_an_engines_command_the_scripts_say_what_to_do() {
    let engine = Engine::with_images("");

    for script in ["sandbox-setup.sh", "sandbox-common-setup.sh"] {
        let (is_done, last, _) = engine.run(script, &[("DOCKER", "no-such-docker")]);

        assert!(!is_done);
        assert_eq!(last, "hint: install Docker, or set DOCKER=podman");
    }
}
