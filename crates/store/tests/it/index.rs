//! The session index: durability, concurrency, other writers, damage.

use std::{
    fs::{self, File},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Command,
    sync::Arc,
};

use domain::{AgentId, SessionKey, UnixMillis};
use serde_json::{Value, json};
use store::{OpenError, OpenOptions, SessionEntry, Store, StoreError};

use crate::home::{Home, key, main_sessions, options};

fn index(home: &Home) -> Value {
    let text = fs::read_to_string(home.sessions_dir().join("sessions.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[tokio::test]
async fn a_second_opening_is_refused_with_the_first_ones_pid_until_it_closes() {
    let home = Home::new();
    let first = home.open();

    let error = Store::open(home.options()).unwrap_err();

    let OpenError::Locked { pid, path } = error else { panic!("{error}") };
    assert_eq!((pid, path), (Some(std::process::id()), home.state_dir().display().to_string()));
    first.close().await.unwrap();
    home.open();
}

#[test]
fn a_directory_that_may_not_be_made_names_path_owner_and_remedy() {
    let error = Store::open(options("/sys/openclaw-store-test".as_ref())).unwrap_err();

    let text = error.to_string();
    assert!(text.starts_with("cannot make directory `/sys/openclaw-store-test`"), "{text}");
    assert!(text.contains("it belongs to uid 0 and we are uid "), "{text}");
    assert!(text.contains("chown") || text.contains("chmod") || text.contains("mount"), "{text}");
}

#[tokio::test]
async fn a_new_session_is_in_the_file_before_update_returns() {
    let home = Home::new();
    let store = home.open();

    let entry = main_sessions(&store).update(&key("main"), |_| {}).await.unwrap();

    assert_eq!(index(&home)["agent:main:main"]["sessionId"], entry.session_id.as_str());
    let path = home.sessions_dir().join("sessions.json");
    assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(home.sessions_dir()).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(home.names(), ["sessions.json"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_updates_are_all_kept_and_all_on_disk_after_close() {
    let home = Home::new();
    let store = home.open();
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..64_u64 {
        let sessions = main_sessions(&store);
        tasks.spawn(async move {
            sessions
                .update(&key("shared"), |entry| {
                    entry.input_tokens = Some(entry.input_tokens.unwrap_or(0) + 1);
                })
                .await
                .unwrap();
            sessions.update(&key(&n.to_string()), |entry| entry.queue_cap = Some(n)).await.unwrap();
        });
    }

    tasks.join_all().await;
    store.close().await.unwrap();

    let on_disk = index(&home);
    assert_eq!(on_disk["agent:main:shared"]["inputTokens"], 64);
    for n in 0..64_u64 {
        assert_eq!(on_disk[format!("agent:main:{n}")]["queueCap"], n);
    }
    assert_eq!(home.names(), ["sessions.json"]);
}

#[tokio::test]
async fn what_another_program_writes_meanwhile_is_kept() {
    let home = Home::new();
    let store = home.open();
    let sessions = main_sessions(&store);
    sessions.update(&key("ours"), |_| {}).await.unwrap();
    let mut theirs = index(&home);
    theirs["agent:main:theirs"] = json!({"sessionId": "t", "updatedAt": 9, "future": {"x": 1}});
    fs::write(home.sessions_dir().join("sessions.json"), theirs.to_string()).unwrap();

    sessions.update(&key("later"), |_| {}).await.unwrap();

    let keys: Vec<String> = index(&home).as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["agent:main:later", "agent:main:ours", "agent:main:theirs"]);
    assert_eq!(index(&home)["agent:main:theirs"], theirs["agent:main:theirs"]);
    assert_eq!(sessions.get(&key("theirs")).unwrap().session_id.as_str(), "t");
}

#[tokio::test]
async fn old_aliases_are_found_and_move_to_the_canonical_key_on_write() {
    let home = Home::new();
    fs::create_dir_all(home.sessions_dir()).unwrap();
    let old = json!({"main": {"sessionId": "m", "updatedAt": 50, "lastProvider": "telegram"},
        "odd": "not an entry"});
    fs::write(home.sessions_dir().join("sessions.json"), old.to_string()).unwrap();
    let store = home.open();
    let sessions = main_sessions(&store);

    let found = sessions.get(&key("main")).unwrap();
    let keys: Vec<SessionKey> = sessions.list().into_iter().map(|(key, _)| key).collect();
    let update = |entry: &mut SessionEntry| entry.updated_at = UnixMillis(10);
    sessions.update(&key("main"), update).await.unwrap();
    store.close().await.unwrap();

    assert_eq!(found.last_channel.as_deref(), Some("telegram"));
    assert_eq!(keys, [key("main")]);
    let expected = json!({"odd": "not an entry",
        "agent:main:main": {"sessionId": "m", "updatedAt": 50, "lastChannel": "telegram"}});
    assert_eq!(index(&home), expected);
}

#[tokio::test]
async fn json5_is_read_and_garbage_is_kept_aside() {
    let home = Home::new();
    fs::create_dir_all(home.sessions_dir()).unwrap();
    let path = home.sessions_dir().join("sessions.json");
    fs::write(&path, "{ /* by hand */ 'agent:main:a': {sessionId: 's', updatedAt: 1,}, }").unwrap();
    let store = home.open();
    let sessions = main_sessions(&store);
    assert_eq!(sessions.get(&key("a")).unwrap().session_id.as_str(), "s");

    fs::write(&path, "garbage").unwrap();
    assert!(sessions.get(&key("a")).is_some(), "what is known is not forgotten");
    sessions.update(&key("b"), |_| {}).await.unwrap();

    let kept = home.names().into_iter().find(|name| name.starts_with("sessions.json.bak-"));
    let kept = home.sessions_dir().join(kept.unwrap());
    assert_eq!(fs::read_to_string(kept).unwrap(), "garbage");
    assert_eq!(index(&home).as_object().unwrap().len(), 2);
}

#[tokio::test]
async fn an_index_that_cannot_be_used_is_set_aside_before_and_after_the_start() {
    let deep = format!("{}1{}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
    let spoil: [&dyn Fn(&Path); 5] = [
        &|path| fs::write(path, &deep).unwrap(),
        &|path| fs::write(path, format!("{{a:{}", "[".repeat(100_000))).unwrap(),
        &|path| File::create(path).unwrap().set_len((64 << 20) + 1).unwrap(),
        &|path| fs::create_dir(path).unwrap(),
        &|path| {
            let made = Command::new("mkfifo").arg(path).status().unwrap();
            assert!(made.success());
        },
    ];
    for spoil in spoil {
        let home = Home::new();
        let path = home.sessions_dir().join("sessions.json");
        let store = home.open();
        main_sessions(&store).update(&key("a"), |_| {}).await.unwrap();
        store.flush().await.unwrap();

        fs::remove_file(&path).unwrap();
        spoil(&path);
        assert_eq!(main_sessions(&store).list().len(), 1);
        store.flush().await.unwrap();
        assert_eq!(index(&home).as_object().unwrap().len(), 1, "a look is enough to mend it");

        store.close().await.unwrap();
        fs::remove_file(&path).unwrap();
        spoil(&path);
        let store = home.open();
        assert!(main_sessions(&store).list().is_empty());
        main_sessions(&store).update(&key("b"), |_| {}).await.unwrap();
        store.flush().await.unwrap();
        assert_eq!(index(&home).as_object().unwrap().len(), 1);
        let is_kept = |name: &&String| name.starts_with("sessions.json.bak-");
        assert_eq!(home.names().iter().filter(is_kept).count(), 2);
    }
}

#[tokio::test]
async fn a_reader_beside_a_gateway_changes_nothing() {
    let home = Home::new();
    let store = home.open();
    main_sessions(&store).update(&key("main"), |_| {}).await.unwrap();

    let reader = Store::open_unlocked(home.options()).unwrap();
    let refused = main_sessions(&reader).update(&key("main"), |_| {}).await;

    assert_eq!(main_sessions(&reader).list().len(), 1);
    assert_eq!(reader.session_agents(), [AgentId::main()]);
    assert!(matches!(refused, Err(StoreError::ReadOnly)));
    reader.close().await.unwrap();
}

#[tokio::test]
async fn one_file_for_all_agents_shows_each_its_own() {
    let home = Home::new();
    let template = home.state_dir().join("all.json").display().to_string();
    let options = OpenOptions { sessions_template: Some(template.clone()), ..home.options() };
    let store = Store::open(options).unwrap();
    let work = store.sessions(&AgentId::normalise("work"));

    work.update(&SessionKey::of(&AgentId::normalise("work"), "main"), |_| {}).await.unwrap();
    let entry = main_sessions(&store).update(&key("main"), |_| {}).await.unwrap();

    assert_eq!(work.path(), template);
    assert_eq!(work.list().len(), 1);
    assert_eq!(main_sessions(&store).list(), [(key("main"), Arc::clone(&entry))]);
    let found = main_sessions(&store).find(entry.session_id.as_str()).unwrap();
    assert_eq!(found.0, key("main"));
}

#[tokio::test]
async fn a_removed_entry_stays_removed_and_handles_are_dead_after_close() {
    let home = Home::new();
    let store = home.open();
    let sessions = main_sessions(&store);
    sessions.update(&key("a"), |_| {}).await.unwrap();

    let removed = sessions.remove(&key("a")).await.unwrap();
    store.close().await.unwrap();

    assert!(removed.is_some());
    assert_eq!(index(&home), json!({}));
    let late = sessions.update(&key("b"), |_| {}).await;
    assert!(matches!(late, Err(StoreError::Closed)));
}

#[tokio::test]
async fn a_setting_that_was_answered_is_in_the_file_and_one_that_was_not_is_nowhere() {
    let home = Home::new();
    let store = home.open();
    let sessions = main_sessions(&store);
    sessions.update(&key("a"), |entry| entry.label = Some("one".into())).await.unwrap();
    assert_eq!(index(&home)["agent:main:a"]["label"], "one");
    sessions.update(&key("a"), |entry| entry.label = Some("two".into())).await.unwrap();
    assert_eq!(index(&home)["agent:main:a"]["label"], "two");

    // Nothing can be made in the directory any more: there is a file in its place.
    let aside = home.state_dir().join("aside");
    fs::rename(home.sessions_dir(), &aside).unwrap();
    fs::write(home.sessions_dir(), "").unwrap();
    let refused = sessions.update(&key("a"), |entry| entry.label = Some("three".into())).await;
    let removed = sessions.remove(&key("a")).await;
    let made = sessions.update(&key("b"), |_| {}).await;
    fs::remove_file(home.sessions_dir()).unwrap();
    fs::rename(&aside, home.sessions_dir()).unwrap();

    assert!(refused.is_err() && removed.is_err() && made.is_err());
    assert_eq!(sessions.get(&key("a")).unwrap().label.as_deref(), Some("two"));
    assert!(sessions.get(&key("b")).is_none());
}

#[tokio::test]
async fn changes_of_one_entry_at_once_are_all_kept() {
    let home = Home::new();
    let store = home.open();
    let sessions = main_sessions(&store);
    for round in 0..20_u64 {
        let at = key(&format!("r{round}"));
        let (label, model, noted) = tokio::join!(
            sessions.update(&at, |entry| entry.label = Some(format!("l{round}"))),
            sessions.update(&at, |entry| entry.model_override = Some("m".into())),
            sessions.note(&at, |entry| entry.total_tokens = Some(round)),
        );
        assert!(label.is_ok() && model.is_ok() && noted.is_ok());
        let entry = sessions.get(&at).unwrap();
        assert_eq!(entry.label, Some(format!("l{round}")));
        assert_eq!(entry.model_override.as_deref(), Some("m"));
        assert_eq!(entry.total_tokens, Some(round));
    }
    store.close().await.unwrap();
    let kept = index(&home);
    assert_eq!(kept.as_object().unwrap().len(), 20);
    assert_eq!(kept["agent:main:r7"]["totalTokens"], 7);
    assert_eq!(kept["agent:main:r7"]["label"], "l7");
}
