//! `process`, and what becomes of background commands.

use std::{sync::Arc, time::Duration};

use domain::SessionKey;
use serde_json::json;
use tools::Machine;

use crate::world::{World, details, error, text};

#[tokio::test]
async fn each_output_is_polled_once() {
    let world = World::new().await;
    let id = world.background("echo one; read x; echo two; exit 4").await;

    let first = world.process("poll", &id).await;
    let again = world.call("process", json!({ "action": "poll", "sessionId": id })).await;
    world.process("submit", &id).await;
    world.call("process", json!({ "action": "write", "sessionId": id, "data": "\n" })).await;
    let (rest, end) = world.drain(&id).await;

    assert_eq!(text(&first), "one\n\nProcess still running.");
    assert_eq!(text(&again), "(no new output)\n\nProcess still running.");
    assert_eq!(rest, "two\n");
    assert_eq!((&end["status"], &end["exitCode"]), (&json!("completed"), &json!(4)));
    let last = world.process("poll", &id).await;
    assert_eq!(text(&last), "(no new output)\n\nProcess exited with code 4.");
}

#[tokio::test]
async fn a_submitted_line_ends_as_its_reader_knows_it() {
    let world = World::new().await;
    let command = "read -r a; read -r b; echo \"got=[$a][$b]\"";
    for pty in [false, true] {
        let arguments = json!({ "command": command, "background": true, "pty": pty });
        let started = world.call("exec", arguments).await;
        let id = details(&started)["sessionId"].as_str().expect("an id").to_owned();

        let first = json!({ "action": "submit", "session_id": id, "data": "one two" });
        world.call("process", first).await;
        let second = json!({ "action": "send-keys", "id": id, "literal": "x", "keys": ["enter"] });
        world.call("process", second).await;
        let (output, end) = world.drain(&id).await;

        assert!(output.contains("got=[one two][x]"), "pty {pty}: {output}");
        assert_eq!(end["exitCode"], 0);
    }
}

#[tokio::test]
async fn a_pipe_gets_pasted_text_without_the_marks_of_a_terminal() {
    let world = World::new().await;
    let id = world.background("cat").await;

    world.call("process", json!({ "action": "paste", "sessionId": id, "text": "a\nb" })).await;
    world.call("process", json!({ "action": "write", "sessionId": id, "eof": true })).await;
    let (output, _) = world.drain(&id).await;

    assert_eq!(output, "a\nb");
}

#[tokio::test]
async fn a_screen_that_is_drawn_anew_is_logged_without_its_sequences() {
    let world = World::new().await;
    let frames = r"for i in 1 2 3; do printf '\033[2K\033[1A\033[38;2;215;119;87mframe %s\033[39m\r\n' $i; done";
    let arguments = json!({ "command": frames, "background": true, "pty": true });
    let started = world.call("exec", arguments).await;
    let id = details(&started)["sessionId"].as_str().expect("an id").to_owned();
    world.drain(&id).await;

    let log = world.process("log", &id).await;

    assert_eq!(text(&log).replace('\r', ""), "frame 1\nframe 2\nframe 3");
}

#[tokio::test]
async fn closing_the_input_ends_a_filter() {
    let world = World::new().await;
    let id = world.background("wc -c").await;

    let written = world
        .call(
            "process",
            json!({ "action": "write", "sessionId": id, "data": "héllo", "eof": true }),
        )
        .await;
    let (output, _) = world.drain(&id).await;
    let refused = world.call("process", json!({ "action": "write", "sessionId": id })).await;

    assert_eq!(text(&written), format!("Wrote 6 bytes to session {id} (stdin closed)."));
    assert_eq!(output.trim(), "6");
    assert_eq!(error(&refused), format!("Session {id} stdin is not writable."));
}

#[tokio::test]
async fn keys_and_pasted_text_arrive_in_a_terminal() {
    let world = World::new().await;
    let command = "stty raw -echo; echo ready; head -c 15 | od -An -tx1; echo bye";
    let arguments = json!({ "command": command, "pty": true, "background": true });
    let result = world.call("exec", arguments).await;
    let id = details(&result)["sessionId"].as_str().expect("an id").to_owned();
    world.process("poll", &id).await;

    let sent = world
        .call("process", json!({
            "action": "send-keys", "sessionId": id, "literal": "a", "hex": ["62", "zz"], "keys": "C-c"
        }))
        .await;
    world.call("process", json!({ "action": "paste", "sessionId": id, "text": "" })).await;
    world.call("process", json!({ "action": "paste", "sessionId": id, "text": "xy" })).await;
    let (output, _) = world.drain(&id).await;

    assert!(text(&sent).starts_with(&format!("Sent 3 bytes to session {id}.\nWarning: zz")));
    let bytes: Vec<&str> = output.split_whitespace().filter(|word| word.len() == 2).collect();
    assert_eq!(bytes.join(" "), "61 62 03 1b 5b 32 30 30 7e 78 79 1b 5b 32 30");
}

#[tokio::test]
async fn the_log_is_paged_by_line() {
    let world = World::new().await;
    let id = world.background("seq 1 500").await;
    world.drain(&id).await;
    let log = async |extra: serde_json::Value| {
        let mut arguments = json!({ "action": "log", "sessionId": id });
        for (name, value) in extra.as_object().expect("an object") {
            arguments[name] = value.clone();
        }
        world.call("process", arguments).await
    };

    assert_eq!(text(&log(json!({ "offset": 9, "limit": 2 })).await), "10\n11");
    assert_eq!(text(&log(json!({ "limit": "2" })).await), "499\n500");
    let details = details(&log(json!({})).await);
    assert_eq!(details["totalLines"], 500);
    assert_eq!(details["totalChars"], 1892);
    assert_eq!(details["truncated"], false);
}

#[tokio::test]
async fn kill_ends_grandchildren_too_and_counts_as_completed() {
    let world = World::new().await;
    let id = world.background("sh -c 'sleep 60 & echo $! > grandchild; wait' & wait").await;
    let marker = world.path("grandchild");
    while !marker.exists() || world.text_of("grandchild").is_empty() {
        tokio::task::yield_now().await;
    }

    let killed = world.process("kill", &id).await;
    let (_, end) = world.drain(&id).await;

    assert_eq!(text(&killed), format!("Killed session {id}."));
    assert_eq!(end["status"], "completed");
    assert_eq!(end["exitSignal"], "SIGKILL");
    let pid = world.text_of("grandchild");
    let probe = format!("kill -0 {} 2>&1 && ps -o stat= -p {}", pid.trim(), pid.trim());
    let alive = world.call("exec", json!({ "command": probe })).await;
    assert!(details(&alive)["exitCode"] != 0 || text(&alive).contains('Z'), "{}", text(&alive));
    assert!(error(&world.process("kill", &id).await).contains("already ended"));
}

#[tokio::test]
async fn the_list_shows_background_sessions_until_they_are_cleared() {
    let world = World::new().await;
    let list = async || world.call("process", json!({ "action": "list" })).await;
    assert_eq!(text(&list().await), "No running or recent sessions.");
    let id = world.background("sleep 60").await;

    let row = details(&list().await)["sessions"][0].clone();
    let refused = world.process("clear", &id).await;
    world.process("kill", &id).await;
    world.drain(&id).await;
    let cleared = world.process("clear", &id).await;

    assert_eq!(row["sessionId"], id);
    assert_eq!(row["status"], "running");
    assert_eq!(row["name"], "sleep 60");
    assert_eq!(row["command"], "sleep 60");
    assert!(error(&refused).contains("still running"));
    assert!(!cleared.is_error);
    assert_eq!(text(&list().await), "No running or recent sessions.");
}

#[tokio::test]
async fn remove_kills_and_forgets_without_a_word() {
    let world = World::new().await;
    let id = world.background("sleep 60").await;

    let removed = world.process("remove", &id).await;

    assert_eq!(text(&removed), format!("Removed session {id}."));
    assert_eq!(error(&world.process("poll", &id).await), format!("No session found for {id}"));
    world.tasks.close();
    tokio::time::timeout(Duration::from_secs(5), world.tasks.wait()).await.expect("it is dead");
    assert!(world.ended.lock().expect("not poisoned").is_empty());
}

#[tokio::test]
async fn an_agent_does_not_see_the_processes_of_another() {
    let world = World::new().await;
    let id = world.background("sleep 60").await;
    let mut cx = world.cx.clone();
    cx.session = SessionKey::stored("agent:other:main");

    let list = world.call_in(&cx, "process", json!({ "action": "list" })).await;
    let kill = world.call_in(&cx, "process", json!({ "action": "kill", "sessionId": id })).await;

    assert_eq!(text(&list), "No running or recent sessions.");
    assert_eq!(error(&kill), format!("No session found for {id}"));
    cx.session = SessionKey::stored("agent:main:other");
    let kill = world.call_in(&cx, "process", json!({ "action": "kill", "sessionId": id })).await;
    assert!(!kill.is_error);
}

#[tokio::test]
async fn what_cannot_be_done_is_explained() {
    let world = World::new().await;
    let cases = [
        (json!({ "action": "poll" }), "sessionId is required for this action."),
        (json!({ "action": "dance", "sessionId": "x" }), "Unknown action dance"),
        (json!({ "action": "log", "sessionId": "x" }), "No session found for x"),
    ];

    for (arguments, expected) in cases {
        assert_eq!(error(&world.call("process", arguments).await), expected);
    }
}

#[tokio::test]
async fn closing_kills_everything_and_tells_nobody() {
    let world = World::new().await;
    world.background("sleep 60").await;
    world.background("trap '' TERM HUP; while true; do sleep 1; done").await;

    world.processes.close();
    world.tasks.close();

    tokio::time::timeout(Duration::from_secs(5), world.tasks.wait()).await.expect("all are dead");
    assert!(world.ended.lock().expect("not poisoned").is_empty());
}

#[tokio::test]
async fn a_finished_command_is_forgotten_after_its_time() {
    let mut world = World::new().await;
    world.limit(|limits| limits.exec.finished_kept = Duration::ZERO);
    let id = world.background("true").await;
    world.tasks.close();

    world.tasks.wait().await;

    assert_eq!(error(&world.process("poll", &id).await), format!("No session found for {id}"));
    assert_eq!(world.ended.lock().expect("not poisoned").len(), 1);
    assert_eq!(Arc::strong_count(&world.ended), 2);
}

#[tokio::test]
async fn a_process_is_seen_only_from_its_own_machine() {
    let world = World::new().await;
    let host = world.background("cat").await;
    let at = |session: &str, machine: Machine| {
        let mut cx = world.cx.clone();
        cx.session = SessionKey::stored(session);
        Arc::make_mut(&mut cx.limits).machine = machine;
        cx
    };
    let boxed = |key: &str| Machine::Sandbox(key.to_owned());
    let group = at("agent:main:telegram:group:1", boxed("one"));
    let start = json!({ "command": "cat", "background": true });
    let started = world.call_in(&group, "exec", start).await;
    let inside = details(&started)["sessionId"].as_str().expect("an id").to_owned();

    let strangers = [
        at("agent:main:telegram:group:2", boxed("one:other")),
        at("agent:main:main", Machine::Host),
        at("agent:other:main", Machine::Host),
    ];
    for (cx, id) in strangers.iter().map(|cx| (cx, &inside)).chain([(&group, &host)]) {
        let list = world.call_in(cx, "process", json!({ "action": "list" })).await;
        assert!(!text(&list).contains(id.as_str()), "{}", text(&list));
        for action in
            ["poll", "log", "write", "send-keys", "submit", "paste", "kill", "clear", "remove"]
        {
            let arguments = json!({
                "action": action, "sessionId": id, "data": "x\n", "text": "x", "literal": "x",
            });
            let refused = world.call_in(cx, "process", arguments).await;
            assert_eq!(error(&refused), format!("No session found for {id}"), "{action}");
        }
    }
    // Another session of the same sandbox shares it, and so does one of the same agent on the host.
    for (cx, id) in [
        (at("agent:main:telegram:group:3", boxed("one")), &inside),
        (at("agent:main:other", Machine::Host), &host),
    ] {
        let killed =
            world.call_in(&cx, "process", json!({"action": "kill", "sessionId": id})).await;
        assert!(!killed.is_error, "{}", text(&killed));
    }
}

#[tokio::test]
async fn what_a_sandboxed_session_started_outside_is_seen_and_not_typed_into() {
    let world = World::new().await;
    let id = world.background("cat").await;
    let mut cx = world.cx.clone();
    Arc::make_mut(&mut cx.limits).machine = Machine::Sandbox("box".to_owned());
    let write = json!({ "action": "write", "sessionId": id, "data": "x\n" });

    let refused = world.call_in(&cx, "process", write.clone()).await;
    Arc::make_mut(&mut cx.limits).runs_outside = true;
    let written = world.call_in(&cx, "process", write).await;
    let killed = world.call_in(&cx, "process", json!({"action": "kill", "sessionId": id})).await;

    assert!(error(&refused).contains("another machine"), "{}", error(&refused));
    assert!(!written.is_error && !killed.is_error);
}
