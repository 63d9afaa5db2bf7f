//! A real process that is killed while it writes.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
};

use domain::{EntryId, SessionId};
use store::{OpenError, SessionEntry, Store};

use crate::home::{key, main_sessions, open, options, says};

const INSIDE: &str = "STORE_TEST_WRITER_DIR";

#[test]
fn a_killed_process_loses_no_acknowledged_line_and_its_locks_do_not_outlive_it() {
    if let Some(dir) = std::env::var_os(INSIDE) {
        runtime().block_on(write_forever(Path::new(&dir)));
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let mut acknowledged: Vec<(SessionId, EntryId)> = Vec::new();

    for lines_before_the_kill in 1..=12 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--nocapture", "--exact"])
            .arg("crash::a_killed_process_loses_no_acknowledged_line_and_its_locks_do_not_outlive_it")
            .env(INSIDE, home.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let told = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let acks = told.filter_map(|line| {
            let (session, id) = line.strip_prefix("ack ")?.split_once(' ')?;
            Some((SessionId::new(session), EntryId::new(id)))
        });
        let mut acks = acks.peekable();
        assert!(acks.peek().is_some());
        let refused = Store::open(options(home.path())).unwrap_err();
        acknowledged.extend(acks.by_ref().take(lines_before_the_kill));
        child.kill().unwrap();
        acknowledged.extend(acks);
        child.wait().unwrap();

        let OpenError::Locked { pid, .. } = refused else { panic!("{refused}") };
        assert_eq!(pid, Some(child.id()));
    }

    assert!(acknowledged.len() >= 78);
    runtime().block_on(async {
        let store = Store::open(options(home.path())).unwrap();
        for (session, id) in &acknowledged {
            let (_, entry) = main_sessions(&store).find(session.as_str()).unwrap();
            let transcript = open(&store, &entry).await;
            assert!(transcript.context().entry_ids.contains(id));
        }
    });
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().unwrap()
}

/// Continues one conversation and begins many, telling each line after it is written.
async fn write_forever(dir: &Path) {
    let store = Store::open(options(dir)).unwrap();
    let sessions = main_sessions(&store);
    let lasting = sessions.update(&key("main"), |_| {}).await.unwrap();
    let mut transcript = open(&store, &lasting).await;
    for n in 0_u32.. {
        tell(&lasting, &transcript.append(vec![says("x")]).await.unwrap());
        let name = format!("{}-{n}", std::process::id());
        let entry = sessions.update(&key(&name), |_| {}).await.unwrap();
        tell(&entry, &open(&store, &entry).await.append(vec![says("x")]).await.unwrap());
    }
}

fn tell(entry: &SessionEntry, ids: &[EntryId]) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "ack {} {}", entry.session_id, ids[0]).unwrap();
    out.flush().unwrap();
}
