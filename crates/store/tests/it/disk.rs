//! A disk that is full.

use std::{fs, path::Path, process::Command};

use domain::UnixMillis;
use store::{SessionEntry, Store, StoreError};

use crate::home::{key, main_sessions, open, options, says, shown};

const INSIDE: &str = "STORE_TEST_SMALL_DISK";
const NAME: &str = "disk::a_full_disk_is_told_loses_nothing_and_is_survived";

/// Runs itself again in a mount namespace of its own, where it may mount a small disk.
#[test]
fn a_full_disk_is_told_loses_nothing_and_is_survived() {
    if let Some(dir) = std::env::var_os(INSIDE) {
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=256k", "small"])
            .arg(&dir)
            .status()
            .unwrap();
        assert!(mounted.success());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(fill(Path::new(&dir)));
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let me = std::env::current_exe().unwrap();
    let ran = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount"])
        .arg(me)
        .args(["--exact", NAME, "--nocapture"])
        .env(INSIDE, home.path())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&ran.stderr);
    // Where containers forbid namespaces there is no small disk to be had.
    let is_forbidden = told.contains("unshare") && told.contains("not permitted");
    assert!(ran.status.success() || is_forbidden, "{told}");
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
    assert_eq!(main_sessions(&store).list().len(), 2);
    let shown = shown(&open(&store, &entry).await);
    assert_eq!(shown.len(), acknowledged + 1);
    assert_eq!(shown[acknowledged], "u:after");
}
