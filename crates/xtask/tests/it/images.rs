//! The scripts that build the sandbox images, and what the Dockerfiles say of machines. Here a
//! stand-in for `docker` writes down what it is asked; `it_full` builds the browser's image for real.

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
fn the_browsers_image_is_built_where_its_files_are() {
    let engine = Engine::with_images("");
    let vars = [("BASE_IMAGE", "mine/debian:1"), ("TARGET_IMAGE", "mine/browser:2")];

    let plain = engine.run("sandbox-browser-setup.sh", &[]);
    let other = engine.run("sandbox-browser-setup.sh", &vars);

    assert_eq!((plain.0, plain.1.as_str()), (true, "Built openclaw-sandbox-browser:bookworm-slim"));
    assert_eq!((other.0, other.1.as_str()), (true, "Built mine/browser:2"));
    assert_eq!(
        other.2,
        [
            "build --build-arg BASE_IMAGE=debian:bookworm-slim \
             -t openclaw-sandbox-browser:bookworm-slim -f Dockerfile.sandbox-browser .",
            "build --build-arg BASE_IMAGE=mine/debian:1 -t mine/browser:2 \
             -f Dockerfile.sandbox-browser .",
        ]
    );
}

/// A line that names one kind of machine leaves the others out, so it must name arm64 as well.
#[test]
fn no_image_is_for_one_kind_of_machine_alone() {
    let names = |line: &str, words: &[&str]| words.iter().any(|word| line.contains(word));
    let mut found = Vec::new();
    for path in image_files() {
        let text = fs::read_to_string(&path).unwrap();
        for (at, line) in text.lines().enumerate() {
            let line = if line.trim_start().starts_with('#') { "" } else { line };
            let is_bound = names(line, &["amd64", "x86_64", "x86-64", "linux-x64", "--platform"]);
            if is_bound && !names(line, &["arm64", "aarch64"]) {
                found.push(format!("{}:{}: {line}", path.display(), at + 1));
            }
        }
    }
    assert_eq!(found, [""; 0]);
}

/// `npm ci` takes what the lock holds, so that must be there for either machine.
#[test]
fn the_pages_tools_are_locked_for_arm64_as_for_x64() {
    let lock = fs::read_to_string(root().join("ui/package-lock.json")).unwrap();
    let lock: serde_json::Value = serde_json::from_str(&lock).unwrap();
    let packages = lock["packages"].as_object().unwrap();
    let of_x64: Vec<&String> = packages.keys().filter(|it| it.contains("linux-x64")).collect();

    let missing = of_x64.iter().filter(|it| !packages.contains_key(&it.replace("x64", "arm64")));

    assert!(!of_x64.is_empty());
    assert_eq!(missing.collect::<Vec<_>>(), [&&""; 0]);
}

/// All that says how an image is made.
fn image_files() -> Vec<PathBuf> {
    let mut paths = vec![root().join("scripts/build-boxd.sh"), root().join("docker-compose.yml")];
    for (folder, start) in [
        ("", "Dockerfile"),
        ("docker", ""),
        ("scripts", "sandbox-"),
        ("scripts/docker/sandbox", ""),
        ("scripts/e2e", "Dockerfile"),
    ] {
        let entries = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap());
        let wanted = entries.filter(|entry| {
            entry.file_type().unwrap().is_file()
                && entry.file_name().to_str().unwrap().starts_with(start)
        });
        paths.extend(wanted.map(|entry| entry.path()));
    }
    assert!(paths.len() > 12, "{paths:?}");
    paths
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

    for script in ["sandbox-setup.sh", "sandbox-common-setup.sh", "sandbox-browser-setup.sh"] {
        let (is_done, last, _) = engine.run(script, &[("DOCKER", "no-such-docker")]);

        assert!(!is_done);
        assert_eq!(last, "hint: install Docker, or set DOCKER=podman");
    }
}
