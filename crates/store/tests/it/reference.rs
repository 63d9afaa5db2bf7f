//! The state directory that OpenClaw 2026.2 left, opened, used and read back.

use std::{fs, path::PathBuf};

use domain::SessionKey;
use serde_json::Value;

use crate::home::{Home, key, main_sessions, replies, says, shown};

fn recorded() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../testkit/recordings/state/v3/agents/main/sessions")
}

fn copy(home: &Home) -> Value {
    fs::create_dir_all(home.sessions_dir()).unwrap();
    for found in fs::read_dir(recorded()).unwrap() {
        let found = found.unwrap();
        let bytes = fs::read(found.path()).unwrap();
        fs::write(home.sessions_dir().join(found.file_name()), bytes).unwrap();
    }
    index(home)
}

fn index(home: &Home) -> Value {
    let text = fs::read_to_string(home.sessions_dir().join("sessions.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[tokio::test]
async fn writing_the_index_changes_only_what_was_changed() {
    let home = Home::new();
    let mut expected = copy(&home);
    let store = home.open();
    let sessions = main_sessions(&store);

    sessions
        .update(&key("main"), |entry| entry.thinking_level = Some("low".to_owned()))
        .await
        .unwrap();
    store.close().await.unwrap();

    expected["agent:main:main"]["thinkingLevel"] = Value::from("low");
    assert_eq!(index(&home), expected);
    assert_eq!(sessions.list().len(), expected.as_object().unwrap().len());
}

#[tokio::test]
async fn recorded_transcripts_are_read_continued_and_not_otherwise_touched() {
    let home = Home::new();
    copy(&home);
    let store = home.open();
    let sessions = main_sessions(&store);
    let (key, entry) = sessions.find("608582a5-7cca-4784-921f-885adccbbb85").unwrap();
    let path = home.sessions_dir().join("608582a5-7cca-4784-921f-885adccbbb85.jsonl");
    let before = fs::read(&path).unwrap();

    let mut transcript = sessions.open(&key, &entry, "/w").await.unwrap();
    let found = shown(&transcript);
    transcript.append(vec![says("more"), replies("yes")]).await.unwrap();

    let messages = String::from_utf8(before.clone()).unwrap().matches("\"message\":{").count();
    assert_eq!((key, found.len()), (SessionKey::stored("agent:main:sbtracemwrzmj8m"), messages));
    assert_eq!(transcript.context().model, Some(("mock".to_owned(), "mock-1".to_owned())));
    assert!(fs::read(&path).unwrap().starts_with(&before));
    assert!(transcript.context().tokens.is_some());
    let tail = sessions.tail(&entry, 2, 10_000).await.unwrap();
    assert_eq!((tail.messages.len(), tail.truncated), (2, true));
}

#[tokio::test]
async fn a_transcript_that_the_reference_cut_the_header_off_gets_one_and_keeps_its_messages() {
    let home = Home::new();
    copy(&home);
    let store = home.open();
    let sessions = main_sessions(&store);
    let mut entry = (*sessions.get(&key("main")).unwrap()).clone();
    entry.session_id = domain::SessionId::new("ffb52848-5b39-4cbc-b553-5ad1c811f474");

    let transcript = sessions.open(&key("main"), &entry, "/w").await.unwrap();

    assert_eq!(shown(&transcript).len(), 4);
    let path = home.sessions_dir().join(format!("{}.jsonl", entry.session_id));
    assert!(fs::read_to_string(path).unwrap().starts_with(r#"{"type":"session","version":3"#));
}
