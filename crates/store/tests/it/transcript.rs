//! Transcripts: crashes, damage, branches, compaction, old versions, other writers.

use std::{collections::HashSet, fs};

use domain::{EntryId, SessionId, UnixMillis, transcript::Body};
use proptest::prelude::*;
use serde_json::{Value, json};
use store::{Archive, SessionEntry, StoreError};

use crate::home::{Home, calls, key, main_sessions, open, replies, result, says, shown};

fn lines(path: &std::path::Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn jsonl(lines: &[Value]) -> Vec<u8> {
    let mut text = String::new();
    for line in lines {
        text += &line.to_string();
        text.push('\n');
    }
    text.into_bytes()
}

fn header() -> Value {
    json!({"type": "session", "version": 3, "id": "x", "timestamp": "2026-11-22T14:54:51.030Z", "cwd": "/w"})
}

fn said(id: &str, parent: Option<&str>, text: &str) -> Value {
    json!({"type": "message", "id": id, "parentId": parent, "timestamp": "2026-11-22T14:54:51.030Z",
        "message": {"role": "user", "content": text, "timestamp": 1}})
}

#[tokio::test]
async fn header_and_first_line_are_written_at_once_and_read_back() {
    let home = Home::new();
    let store = home.open();
    let entry = main_sessions(&store).update(&key("main"), |_| {}).await.unwrap();
    let path = home.sessions_dir().join(format!("{}.jsonl", entry.session_id));

    let mut transcript = open(&store, &entry).await;
    assert!(!path.exists());
    let ids = transcript.append(vec![says("hi"), replies("hello")]).await.unwrap();

    let written = lines(&path);
    assert_eq!((&written[0]["type"], &written[0]["version"]), (&json!("session"), &json!(3)));
    assert_eq!(written[0]["id"], entry.session_id.as_str());
    assert_eq!((&written[1]["parentId"], &written[1]["id"]), (&Value::Null, &json!(ids[0])));
    assert_eq!(written[2]["parentId"], json!(ids[0]));
    drop(transcript);
    assert_eq!(shown(&open(&store, &entry).await), ["u:hi", "a:hello"]);
}

#[tokio::test]
async fn cut_at_any_byte_a_transcript_reads_as_a_prefix_and_takes_further_lines() {
    let home = Home::new();
    let store = home.open();
    let whole = jsonl(&[
        header(),
        said("00000001", None, "one"),
        said("00000002", Some("00000001"), "zwölf"),
        said("00000003", Some("00000002"), "three"),
    ]);

    for end in 0..=whole.len() {
        let (entry, path) = home.put_transcript(&whole[..end]);
        let complete = String::from_utf8_lossy(&whole[..end]).matches('\n').count();

        let mut transcript = open(&store, &entry).await;
        let found = shown(&transcript);
        transcript.append(vec![says("next")]).await.unwrap();
        drop(transcript);

        let all = ["u:one", "u:zwölf", "u:three"];
        assert_eq!(found, all[..found.len()], "cut at {end}");
        assert!(found.len() >= complete.saturating_sub(1), "cut at {end} lost a whole line");
        let mut expected = found;
        expected.push("u:next".to_owned());
        assert_eq!(shown(&open(&store, &entry).await), expected, "cut at {end}");
        assert_eq!(lines(&path)[0]["type"], "session");
    }
}

#[tokio::test]
async fn a_damaged_middle_is_dropped_with_a_copy_kept() {
    let home = Home::new();
    let store = home.open();
    let mut bytes = jsonl(&[header(), said("00000001", None, "one")]);
    bytes.extend(b"{\"type\":\"message\",\"id\":\"00000002\",\xff\n");
    bytes.extend(jsonl(&[said("00000003", Some("00000002"), "three")]));
    let (entry, path) = home.put_transcript(&bytes);

    let transcript = open(&store, &entry).await;

    assert_eq!(shown(&transcript), ["u:one", "u:three"]);
    assert_eq!(lines(&path).len(), 3);
    let copy = home.names().into_iter().find(|name| name.contains(".jsonl.bak-")).unwrap();
    assert_eq!(fs::read(home.sessions_dir().join(copy)).unwrap(), bytes);
}

#[tokio::test]
async fn the_context_follows_the_branch_of_the_last_line() {
    let home = Home::new();
    let store = home.open();
    let (entry, _) = home.put_transcript(&jsonl(&[
        header(),
        json!({"type": "model_change", "id": "0000000a", "parentId": null, "provider": "p", "modelId": "m"}),
        json!({"type": "thinking_level_change", "id": "0000000b", "parentId": "0000000a", "thinkingLevel": "low"}),
        said("00000001", Some("0000000b"), "root"),
        said("00000002", Some("00000001"), "left"),
        said("00000003", Some("00000001"), "right"),
        json!({"type": "branch_summary", "id": "00000004", "parentId": "00000003", "fromId": "00000002", "summary": "went left"}),
        json!({"type": "custom_message", "id": "00000005", "parentId": "00000004", "customType": "x", "content": "note", "display": false}),
        json!({"type": "holo", "id": "00000006", "parentId": "00000005", "beam": [1]}),
        json!({"type": "message", "id": "00000007", "timestamp": "t", "message": {"role": "user", "content": "injected"}}),
    ]));

    let transcript = open(&store, &entry).await;

    let expected = [
        "u:root",
        "u:right",
        "u:Summary of another line of this conversation that was left:\n\nwent left",
        "u:note",
        "u:injected",
    ];
    assert_eq!(shown(&transcript), expected);
    assert_eq!(transcript.context().model, Some(("p".to_owned(), "m".to_owned())));
    assert_eq!(transcript.context().thinking.as_deref(), Some("low"));
}

#[tokio::test]
async fn a_compaction_replaces_what_is_before_the_first_kept_line_now_and_after_reopening() {
    let home = Home::new();
    let store = home.open();
    let entry = SessionEntry::fresh(UnixMillis(1));
    let mut transcript = open(&store, &entry).await;
    let ids = transcript
        .append(vec![says("one"), calls(&["c"]), result("c"), says("two"), replies("kept")])
        .await
        .unwrap();
    let compaction = |first_kept: &EntryId| Body::Compaction {
        summary: "gist".to_owned(),
        first_kept_entry_id: first_kept.clone(),
        tokens_before: 10,
    };

    transcript.append(vec![compaction(&ids[2])]).await.unwrap();
    transcript.append(vec![says("after")]).await.unwrap();

    // The result at the cut has lost its call and goes too.
    let intro = "u:Summary of the conversation so far, which is left out here:\n\ngist";
    assert_eq!(shown(&transcript), [intro, "u:two", "a:kept", "u:after"]);
    assert_eq!(transcript.context().summary.as_deref(), Some("gist"));
    drop(transcript);
    let transcript = open(&store, &entry).await;
    assert_eq!(shown(&transcript), [intro, "u:two", "a:kept", "u:after"]);
}

#[tokio::test]
async fn calls_without_results_are_answered_and_results_without_calls_left_out() {
    let home = Home::new();
    let store = home.open();
    let entry = SessionEntry::fresh(UnixMillis(1));
    let mut transcript = open(&store, &entry).await;
    let turn = vec![says("go"), calls(&["a", "b"]), result("b"), result("stray")];

    transcript.append(turn).await.unwrap();
    let running = shown(&transcript);
    drop(transcript);
    let after_crash = shown(&open(&store, &entry).await);

    assert_eq!(running, ["u:go", "a!a,b", "r:b"]);
    assert_eq!(after_crash, ["u:go", "a!a,b", "r:b", "e:a"]);
}

#[tokio::test]
async fn versions_one_two_and_four_are_read() {
    let home = Home::new();
    let store = home.open();
    let message = |text: &str| json!({"type": "message", "timestamp": "t", "message": {"role": "user", "content": text}});
    let (one, one_path) = home.put_transcript(&jsonl(&[
        json!({"type": "session", "id": "x", "timestamp": "t", "cwd": "/w"}),
        message("a"),
        message("b"),
        json!({"type": "compaction", "timestamp": "t", "summary": "s", "firstKeptEntryIndex": 2, "tokensBefore": 1}),
    ]));
    let (two, _) = home.put_transcript(&jsonl(&[
        json!({"type": "session", "version": 2, "id": "x", "timestamp": "t", "cwd": "/w"}),
        json!({"type": "message", "id": "00000001", "parentId": null, "timestamp": "t",
            "message": {"role": "hookMessage", "customType": "h", "content": "hook", "display": true, "timestamp": 1}}),
    ]));
    let uuid = "b8f9dd34-5a50-4a39-a5a6-1f0f3f2e2c11";
    let (four, _) = home.put_transcript(&jsonl(&[
        json!({"type": "session", "version": 4, "id": "x", "timestamp": "t", "cwd": "/w"}),
        said(uuid, None, "gone"),
        json!({"type": "reset", "id": "r", "parentId": uuid, "timestamp": "t"}),
        said("n", Some("r"), "new"),
    ]));

    let shown_one = shown(&open(&store, &one).await);

    let intro = "u:Summary of the conversation so far, which is left out here:\n\ns";
    assert_eq!(shown_one, [intro, "u:b"]);
    assert_eq!(lines(&one_path)[0]["version"], 3);
    assert_eq!(lines(&one_path)[3]["firstKeptEntryId"], lines(&one_path)[2]["id"]);
    assert_eq!(shown(&open(&store, &two).await), ["u:hook"]);
    assert_eq!(shown(&open(&store, &four).await), ["u:new"]);
}

#[tokio::test]
async fn lines_of_another_owner_are_seen_and_followed() {
    let home = Home::new();
    let store = home.open();
    let entry = SessionEntry::fresh(UnixMillis(1));
    let mut turn = open(&store, &entry).await;
    turn.append(vec![says("one")]).await.unwrap();

    let injected = open(&store, &entry).await.append(vec![replies("injected")]).await.unwrap();
    turn.append(vec![says("two")]).await.unwrap();

    assert_eq!(shown(&turn), ["u:one", "a:injected", "u:two"]);
    let path = home.sessions_dir().join(format!("{}.jsonl", entry.session_id));
    assert_eq!(lines(&path)[3]["parentId"], json!(injected[0]));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_owners_that_append_at_once_make_one_branch() {
    let home = Home::new();
    let store = home.open();
    let entry = SessionEntry::fresh(UnixMillis(1));
    let mut tasks = tokio::task::JoinSet::new();
    for owner in ["a", "b"] {
        let mut transcript = open(&store, &entry).await;
        tasks.spawn(async move {
            for _ in 0..50 {
                transcript.append(vec![says(owner)]).await.unwrap();
            }
        });
    }

    tasks.join_all().await;

    let shown = shown(&open(&store, &entry).await);
    let of = |text: &str| shown.iter().filter(|message| *message == text).count();
    assert_eq!((shown.len(), of("u:a"), of("u:b")), (100, 50, 50));
}

#[tokio::test]
async fn dropping_old_lines_keeps_header_and_whole_copy_and_an_open_owner_follows() {
    let home = Home::new();
    let store = home.open();
    let entry = SessionEntry::fresh(UnixMillis(1));
    let path = home.sessions_dir().join(format!("{}.jsonl", entry.session_id));
    let mut transcript = open(&store, &entry).await;
    transcript.append((0..10).map(|n| says(&n.to_string())).collect()).await.unwrap();
    let before = fs::read(&path).unwrap();

    let (kept, copy) = main_sessions(&store).truncate_lines(&entry, 3).await.unwrap().unwrap();
    transcript.append(vec![says("new")]).await.unwrap();

    assert_eq!(kept, 3);
    assert_eq!(fs::read(copy).unwrap(), before);
    assert_eq!(lines(&path)[0]["type"], "session");
    assert_eq!(shown(&transcript), ["u:7", "u:8", "u:9", "u:new"]);
    assert_eq!(main_sessions(&store).truncate_lines(&entry, 4).await.unwrap(), None);
}

#[tokio::test]
async fn an_archived_transcript_has_the_time_in_its_name_and_leaves_no_lock() {
    let home = Home::new();
    let store = home.open();
    let entry = SessionEntry::fresh(UnixMillis(1));
    open(&store, &entry).await.append(vec![says("x")]).await.unwrap();

    let archived = main_sessions(&store).archive(&entry, Archive::Deleted).await.unwrap();

    let name = archived[0].rsplit_once('/').unwrap().1;
    let stem = format!("{}.jsonl.deleted.2", entry.session_id);
    assert!(name.starts_with(&stem) && name.ends_with('Z') && !name.contains(':'), "{name}");
    assert_eq!(home.names(), [name]);
    assert!(main_sessions(&store).tail(&entry, 10, 1000).await.unwrap().messages.is_empty());
}

#[tokio::test]
async fn an_id_that_leads_elsewhere_is_refused() {
    let home = Home::new();
    let store = home.open();
    let mut entry = SessionEntry::fresh(UnixMillis(1));
    entry.session_id = SessionId::new("../../escape");

    let refused = main_sessions(&store).open(&key("main"), &entry, "/w").await;

    assert!(matches!(refused, Err(StoreError::BadName { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn the_context_kept_while_appending_is_the_one_read_from_the_file(
        kinds in proptest::collection::vec((0_u8..5, 0_u8..4), 1..25),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let home = Home::new();
            let store = home.open();
            let entry = SessionEntry::fresh(UnixMillis(1));
            let mut transcript = open(&store, &entry).await;
            let mut ids = HashSet::new();
            for (kind, n) in kinds {
                let n = n.to_string();
                let body = match kind {
                    0 => says(&n),
                    1 => replies(&n),
                    2 => calls(&[n.as_str(), "z"]),
                    3 => result(&n),
                    _ => Body::Custom { custom_type: "note".to_owned(), data: None },
                };
                ids.extend(transcript.append(vec![body]).await.unwrap());
            }
            ids.extend(transcript.append(vec![says("end")]).await.unwrap());
            let kept = shown(&transcript);
            drop(transcript);
            assert_eq!(shown(&open(&store, &entry).await), kept);
            let path = home.sessions_dir().join(format!("{}.jsonl", entry.session_id));
            assert_eq!(ids.len() + 1, lines(&path).len());
        });
    }
}

#[tokio::test]
async fn a_deleted_transcript_is_noticed_and_its_running_turn_is_written_again() {
    for is_moved in [false, true] {
        let home = Home::new();
        let store = home.open();
        let entry = SessionEntry::fresh(UnixMillis(1));
        let mut transcript = open(&store, &entry).await;
        transcript.append(vec![says("old")]).await.unwrap();
        transcript.append(vec![replies("older")]).await.unwrap();
        transcript.append(vec![says("now")]).await.unwrap();
        let path = home.sessions_dir().join(format!("{}.jsonl", entry.session_id));
        if is_moved {
            fs::rename(&path, path.with_extension("aside")).unwrap();
        } else {
            fs::remove_file(&path).unwrap();
        }

        assert!(transcript.is_gone());
        let ids = transcript.append(vec![replies("yes")]).await.unwrap();

        assert!(!transcript.is_gone());
        let kept = lines(&path);
        assert_eq!(kept[0]["type"], "session");
        let texts: Vec<String> =
            kept[1..].iter().map(|it| it["message"]["content"][0]["text"].to_string()).collect();
        assert_eq!(texts, ["\"now\"", "\"yes\""]);
        assert_eq!(ids.len(), 1);
        assert_eq!(kept[2]["id"], ids[0].as_str());
        assert_eq!(kept[2]["parentId"], kept[1]["id"]);
        assert_eq!(transcript.context().messages.len(), 2);
        assert_eq!(open(&store, &entry).await.context().messages.len(), 2);
    }
}
