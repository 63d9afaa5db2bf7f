//! A disk that is full, and a file that cannot be replaced.

use std::{fs, path::Path, process::Command};

use domain::UnixMillis;
use store::{SessionEntry, Store, StoreError};

use crate::home::{key, main_sessions, open, options, says, shown};

const INSIDE: &str = "STORE_TEST_MOUNT_DIR";

#[test]
fn a_full_disk_is_told_loses_nothing_and_is_survived() {
    with_small_disk("disk::a_full_disk_is_told_loses_nothing_and_is_survived", |dir| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(fill(dir));
    });
}

/// As in a container that is given one file: nothing can be renamed over it.
#[test]
fn a_config_file_that_is_a_mount_of_its_own_is_written_in_place() {
    with_small_disk("disk::a_config_file_that_is_a_mount_of_its_own_is_written_in_place", |dir| {
        let (path, outside) = (dir.join("openclaw.json"), dir.join("outside.json"));
        fs::write(&path, "").unwrap();
        fs::write(&outside, "old").unwrap();
        let bind = Command::new("mount").arg("--bind").args([&outside, &path]).status().unwrap();
        assert!(bind.success());

        store::write_config(&path, "new").unwrap();

        assert_eq!(fs::read_to_string(&outside).unwrap(), "new");
        assert_eq!(fs::read_to_string(dir.join("openclaw.json.bak")).unwrap(), "old");
    });
}

/// Runs the test called `name` again in a mount namespace of its own, and there `inside` in
/// a directory on a disk of 256 KiB.
fn with_small_disk(name: &str, inside: impl FnOnce(&Path)) {
    if let Some(dir) = std::env::var_os(INSIDE) {
        let mount = ["-t", "tmpfs", "-o", "size=256k", "small"];
        assert!(Command::new("mount").args(mount).arg(&dir).status().unwrap().success());
        inside(Path::new(&dir));
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let is_root = rustix::process::geteuid().is_root();
    let namespaces: &[&str] =
        if is_root { &["--mount"] } else { &["--user", "--map-root-user", "--mount"] };
    let ran = Command::new("unshare")
        .args(namespaces)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(INSIDE, home.path())
        .output()
        .unwrap();
    let (said, told) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(
        said.contains("1 passed"),
        "a mount namespace of its own is needed: run as root or allow user namespaces\n{said}{told}"
    );
}

async fn fill(dir: &Path) {
    let state = dir.join("state");
    let store = Store::open(options(&state)).unwrap();
    let entry = SessionEntry::fresh(UnixMillis(1));
    main_sessions(&store).update(&key("main"), |found| *found = entry.clone()).await.unwrap();
    let mut transcript = open(&store, &entry).await;
    let ballast = dir.join("ballast");
    let text = "x".repeat(10_000);
    let mut acknowledged = 0;

    let error = loop {
        match transcript.append(vec![says(&text)]).await {
            Ok(_) => acknowledged += 1,
            Err(error) => break error,
        }
        if acknowledged == 3 {
            fs::write(&ballast, vec![0; 150_000]).unwrap();
        }
    };
    let path = state.join(format!("agents/main/sessions/{}.jsonl", entry.session_id));
    let whole = fs::read_to_string(&path).unwrap();
    let index_error = main_sessions(&store).update(&key(&text), |_| {}).await.unwrap_err();
    fs::remove_file(&ballast).unwrap();
    transcript.append(vec![says("after")]).await.unwrap();
    drop(transcript);
    store.close().await.unwrap();

    assert!(matches!(error, StoreError::Full { .. }), "{error}");
    assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    assert!(matches!(index_error, StoreError::Full { .. }), "{index_error}");
    assert!(whole.ends_with('\n') && whole.lines().count() == acknowledged + 1);
    let store = Store::open(options(&state)).unwrap();
    assert_eq!(main_sessions(&store).list().len(), 1, "what was refused is not there");
    let shown = shown(&open(&store, &entry).await);
    assert_eq!(shown.len(), acknowledged + 1);
    assert_eq!(shown[acknowledged], "u:after");
}
