//! The program under the name `node`, as compose files and manifests of the reference call it.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::PathBuf,
};

use testkit::home::TempHome;

use crate::program::openclaw;

/// A folder with this program in it under the name `node`.
struct Shim {
    home: TempHome,
}

impl Shim {
    fn new() -> Self {
        let home = TempHome::new().unwrap();
        fs::create_dir(home.path().join("bin")).unwrap();
        symlink(openclaw(), home.path().join("bin/node")).unwrap();
        Self { home }
    }

    /// Code, answer and talk of `node <args>`; `more` comes after the shim in `PATH`.
    fn run(&self, args: &[&str], more: &str) -> (Option<i32>, String, String) {
        let bin = self.home.path().join("bin");
        let path = format!("{}:{more}", bin.display());
        let mut command = self.home.command(&bin.join("node"));
        let output = command.args(args).env("PATH", path).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }

    /// Another program of that name.
    fn real(&self) -> PathBuf {
        let dir = self.home.path().join("real");
        fs::create_dir(&dir).unwrap();
        let program = dir.join("node");
        fs::write(&program, "#!/bin/sh\necho \"real node: $*\"\nexit 7\n").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        dir
    }
}

#[test]
fn the_entries_of_the_reference_start_this_program() {
    let shim = Shim::new();
    let version = format!("{}\n", env!("CARGO_PKG_VERSION"));

    for args in [
        &["dist/index.js", "--version"][..],
        &["/app/openclaw.mjs", "--version"],
        &["--enable-source-maps", "/app/dist/index.js", "-v"],
    ] {
        assert_eq!(shim.run(args, "/nowhere").1, version, "{args:?}");
    }
    let (code, _, talk) = shim.run(&["dist/index.js", "health", "--token"], "/nowhere");
    assert_eq!(code, Some(1));
    assert!(talk.starts_with("error: "), "{talk}");
    let (code, answer, _) = shim.run(&["--version"], "/nowhere");
    assert_eq!((code, answer.starts_with("v2")), (Some(0), true), "{answer}");
}

#[test]
fn without_a_node_other_scripts_are_refused_and_with_one_they_are_its_own() {
    let shim = Shim::new();

    let (code, _, talk) = shim.run(&["-e", "console.log(1)"], "/nowhere");
    let path = shim.real().display().to_string();
    let handed_over = shim.run(&["server.js", "--port", "1"], &path);
    let kept = shim.run(&["dist/index.js", "--version"], &path);

    assert_eq!(code, Some(1));
    assert!(talk.starts_with("error: no Node runtime is included"), "{talk}");
    assert_eq!(handed_over.0, Some(7));
    assert_eq!(handed_over.1, "real node: server.js --port 1\n");
    assert_eq!(kept.0, Some(0));
}
