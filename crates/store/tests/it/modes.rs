//! Files and directories are for their owner only, whatever the umask is.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use domain::{AgentId, UnixMillis};
use store::{
    AuditLog, DeviceFiles, DeviceRecords, LogFile, NodeFile, SandboxKind, SandboxRegistry,
    SessionEntry, Store, SubagentFile,
};

use crate::home::{key, main_sessions, open, options, says};

/// Set where a test runs itself again, in this directory.
const INSIDE: &str = "STORE_TEST_MODES_DIR";

#[test]
fn nothing_of_ours_is_open_to_others_whatever_the_umask_is() {
    if let Some(dir) = std::env::var_os(INSIDE) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        return runtime.block_on(write_everything(Path::new(&dir)));
    }
    for umask in ["000", "022", "077", "0277", "0777"] {
        let home = tempfile::tempdir().unwrap();
        let ran = Command::new("sh")
            .args(["-c", "umask $0; exec \"$@\"", umask])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "modes::nothing_of_ours_is_open_to_others_whatever_the_umask_is"])
            .env(INSIDE, home.path())
            .output()
            .unwrap();
        assert!(ran.status.success(), "umask {umask}: {}", String::from_utf8_lossy(&ran.stdout));
        let mut count = 0;
        check(home.path(), umask, &mut count);
        assert!(count > 20, "umask {umask}: {count}");
    }
}

async fn write_everything(dir: &Path) {
    let state = dir.join("deep/state");
    let store = Store::open(options(&state)).unwrap();
    let entry = SessionEntry::fresh(UnixMillis(1));
    main_sessions(&store).update(&key("main"), |found| *found = entry.clone()).await.unwrap();
    let mut transcript = open(&store, &entry).await;
    transcript.append(vec![says("hello")]).await.unwrap();
    DeviceFiles::new(&state).write(DeviceRecords::default()).await.unwrap();
    NodeFile::new(&state).write(BTreeMap::default()).await.unwrap();
    SubagentFile::new(&state).write(BTreeMap::default()).await.unwrap();
    let registry = SandboxRegistry::new(&state);
    registry.remove(SandboxKind::Container, "none").await.unwrap();
    let mut audit = AuditLog::open(&state).unwrap();
    audit.append(vec![serde_json::Map::new()]).unwrap();
    let log = LogFile::open(Some(dir.join("logs/today.log")), options(&state).clock).unwrap();
    log.write_line("line").unwrap();
    store::write_config(&state.join("openclaw.json"), "{}").unwrap();
    store::write_config(&state.join("openclaw.json"), "{ }").unwrap();
    store::put_variable(&state, "KEY", "1").unwrap();
    drop(transcript);
    assert_eq!(store.session_agents(), [AgentId::main()]);
    store.close().await.unwrap();
}

fn check(dir: &Path, umask: &str, count: &mut usize) {
    for entry in fs::read_dir(dir).unwrap() {
        let path: PathBuf = entry.unwrap().path();
        let about = fs::symlink_metadata(&path).unwrap();
        let wanted = if about.is_dir() { 0o700 } else { 0o600 };
        let mode = about.permissions().mode() & 0o7777;
        assert_eq!(mode, wanted, "umask {umask}: {} has {mode:o}", path.display());
        *count += 1;
        if about.is_dir() {
            check(&path, umask, count);
        }
    }
}
