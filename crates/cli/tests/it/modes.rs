//! What the program makes is closed to others, whatever the umask is.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use serde_json::json;
use testkit::{
    gateway::Gateway,
    home::TempHome,
    llm::{Llm, says},
};

use crate::program::openclaw;

/// The program under a umask.
fn under(home: &TempHome, umask: &str) -> PathBuf {
    let program = home.path().join("program");
    let script = format!("#!/bin/sh\numask {umask}\nexec '{}' \"$@\"\n", openclaw().display());
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    program
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_made_is_its_owner_s_to_use_and_nobody_else_s_to_change() {
    for umask in ["000", "0777"] {
        let model = Llm::respond_with(|_| says("Yes."));
        let home = TempHome::with_model(&model.base_url()).unwrap();
        let program = under(&home, umask);

        let gateway = Gateway::start(&program, &home).unwrap();
        let mut client = gateway.connect(4).await.unwrap();
        let made = client.call("agents.create", json!({"name": "ops"})).await.unwrap();
        let file = json!({"agentId": "main", "name": "MEMORY.md", "content": "x"});
        client.call("agents.files.set", file).await.unwrap();
        let words = json!({"sessionKey": "main", "message": "Go.", "idempotencyKey": "run"});
        client.call("chat.send", words).await.unwrap();
        assert_eq!(client.turn_end("run").await.unwrap()["state"], "final");
        let installs = ["completion", "--shell", "bash", "--install", "--yes"];
        let installed = home.command(&program).args(installs).output().unwrap();
        assert!(installed.status.success(), "{installed:?}");
        drop(gateway);

        let (mut count, own) = (0, [home.path().join("program"), home.config_path()]);
        check(home.path(), &own, umask, &mut count);
        assert!(count > 30, "umask {umask}: {count}");
        assert!(made["workspace"].as_str().is_some_and(|it| Path::new(it).is_dir()), "{made}");
    }
}

/// Each file and directory is its owner's to use and nobody else's to change, but for those of
/// the test.
fn check(dir: &Path, own: &[PathBuf], umask: &str, count: &mut usize) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let about = fs::symlink_metadata(&path).unwrap();
        if own.contains(&path) || about.is_symlink() {
            continue;
        }
        let mode = about.permissions().mode() & 0o7777;
        let needed = if about.is_dir() { 0o700 } else { 0o600 };
        let is_right = mode & needed == needed && mode & 0o022 == 0;
        assert!(is_right, "umask {umask}: {} has {mode:o}", path.display());
        *count += 1;
        if about.is_dir() {
            check(&path, own, umask, count);
        }
    }
}
