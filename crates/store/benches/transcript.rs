//! Append, load and tail of a transcript, on the file system of the temporary directory.

#![expect(clippy::disallowed_methods, reason = "a bench makes its own files")]
#![expect(clippy::unwrap_used, reason = "a bench that cannot prepare has nothing to measure")]

use std::{fmt::Write, path::Path, sync::Arc};

use domain::{
    AgentId, Content, Message, SessionKey, SystemClock, UnixMillis, User, transcript::Body,
};
use store::{OpenOptions, SessionEntry, Sessions, Store, Transcript};

const FILE_BYTES: usize = 10_000_000;

fn main() {
    divan::main();
}

struct Bed {
    _home: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
    sessions: Sessions,
    entry: SessionEntry,
    key: SessionKey,
    _store: Store,
}

impl Bed {
    fn new(file_bytes: usize) -> Self {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(OpenOptions {
            state_dir: home.path().to_owned(),
            sessions_template: None,
            clock: Arc::new(SystemClock),
        })
        .unwrap();
        let entry = SessionEntry::fresh(UnixMillis(1));
        let dir = home.path().join("agents/main/sessions");
        std::fs::create_dir_all(&dir).unwrap();
        if file_bytes > 0 {
            write_transcript(&dir.join(format!("{}.jsonl", entry.session_id)), file_bytes);
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
        let sessions = store.sessions(&AgentId::main());
        let key = SessionKey::main_of(&AgentId::main());
        Self { _home: home, runtime, sessions, entry, key, _store: store }
    }

    fn open(&self) -> Transcript {
        self.runtime.block_on(self.sessions.open(&self.key, &self.entry, "/w")).unwrap()
    }
}

fn write_transcript(path: &Path, bytes: usize) {
    let mut text = String::from(
        r#"{"type":"session","version":3,"id":"x","timestamp":"2026-11-22T14:54:51.030Z","cwd":"/w"}"#,
    );
    text.push('\n');
    let say = "word \\\"quoted\\\" \\n ".repeat(60);
    let mut n = 0_u32;
    while text.len() < bytes {
        let parent = n.checked_sub(1).map_or("null".to_owned(), |n| format!("\"{n:08x}\""));
        let role = if n.is_multiple_of(2) {
            r#""role":"user""#
        } else {
            r#""role":"assistant","api":"a","provider":"p","model":"m","usage":{"input":7000,"output":8,"cacheRead":0,"cacheWrite":0,"totalTokens":7008,"cost":{"input":0,"output":0,"cacheRead":0,"cacheWrite":0,"total":0}},"stopReason":"stop""#
        };
        writeln!(text, r#"{{"type":"message","id":"{n:08x}","parentId":{parent},"timestamp":"2026-11-22T14:54:51.030Z","message":{{{role},"content":[{{"type":"text","text":"{say}"}}],"timestamp":1795359291038}}}}"#).unwrap();
        n += 1;
    }
    std::fs::write(path, text).unwrap();
}

fn line() -> Body {
    let user = User { content: Content::text("hello ".repeat(80)), timestamp: UnixMillis(1) };
    Body::Message { message: Message::User(user) }
}

#[divan::bench]
fn append_one_line(bencher: divan::Bencher<'_, '_>) {
    let bed = Bed::new(0);
    let mut transcript = bed.open();
    bencher.with_inputs(|| vec![line()]).bench_local_values(|lines| {
        bed.runtime.block_on(transcript.append(lines)).unwrap();
    });
}

#[divan::bench]
fn load_10_mb(bencher: divan::Bencher<'_, '_>) {
    let bed = Bed::new(FILE_BYTES);
    bencher.bench_local(|| bed.open());
}

#[divan::bench(args = [200, 1000])]
fn tail_of_10_mb(bencher: divan::Bencher<'_, '_>, limit: usize) {
    let bed = Bed::new(FILE_BYTES);
    bencher.bench_local(|| {
        bed.runtime.block_on(bed.sessions.tail(&bed.entry, limit, 6_000_000)).unwrap()
    });
}

#[divan::bench]
fn update_one_entry_of_1000(bencher: divan::Bencher<'_, '_>) {
    let bed = Bed::new(0);
    for n in 0..1000 {
        let key = SessionKey::of(&AgentId::main(), &n.to_string());
        bed.runtime.block_on(bed.sessions.update(&key, |_| {})).unwrap();
    }
    let key = SessionKey::of(&AgentId::main(), "5");
    let mut n = 0;
    bencher.bench_local(|| {
        n += 1;
        bed.runtime
            .block_on(bed.sessions.update(&key, |entry| entry.total_tokens = Some(n)))
            .unwrap()
    });
}
