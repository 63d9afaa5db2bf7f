//! Processes that try to outlive their call.

use serde_json::json;

use crate::rig::Rig;

const WAYS: [&str; 8] = [
    "sleep 98765 & sleep 98765",
    "nohup sleep 98765 >/dev/null 2>&1 & sleep 98765",
    "setsid sleep 98765 & sleep 98765",
    "(setsid sleep 98765 >/dev/null 2>&1 &) ; sleep 98765",
    "env -i setsid sh -c 'sleep 98765 & sleep 98765' & sleep 98765",
    "perl -e 'fork && exit; use POSIX; setsid; fork && exit; exec \"sleep\", \"98765\"'; sleep 98765",
    "perl -e 'fork && exit; use POSIX; setsid; fork && exit; %ENV=(); $SIG{$_}=\"IGNORE\" for qw(TERM INT HUP); exec \"sleep 98765\"'; sleep 98765",
    "trap '' TERM INT HUP QUIT; sleep 98765; sleep 98765",
];

#[tokio::test]
async fn nothing_outlives_a_call_that_ran_out_of_time() {
    let rig = Rig::new().await;
    let inside = rig.boxed("timeout").await;

    for line in WAYS {
        let said = inside.call("exec", json!({ "command": line, "timeout": 0.4 })).await;

        assert!(said.contains("timed out"), "{line}: {said}");
        assert_eq!(inside.processes_with("98765").await, "0", "{line}");
        inside.assert_works(line).await;
    }
}

#[tokio::test]
async fn nothing_outlives_a_kill_by_the_process_tool() {
    let rig = Rig::new().await;
    let inside = rig.boxed("kill").await;

    for line in WAYS {
        let line = format!("echo up; {line}");
        let told = inside.call("exec", json!({ "command": line, "background": true })).await;
        let id = told.split("session ").nth(1).unwrap().split(',').next().unwrap();
        let poll = json!({ "action": "poll", "sessionId": id, "timeout": 10_000 });
        let said = inside.call("process", poll.clone()).await;
        assert!(said.contains("up"), "{line}: {said}");

        inside.call("process", json!({ "action": "kill", "sessionId": id })).await;

        let said = inside.call("process", poll).await;
        assert!(said.contains("exited with signal"), "{line}: {said}");
        assert_eq!(inside.processes_with("98765").await, "0", "{line}");
        inside.assert_works(&line).await;
    }
}

#[tokio::test]
async fn zombies_are_reaped() {
    let rig = Rig::new().await;
    let mut settings = rig.settings("zombies");
    settings.container.pids_limit = Some(64);
    let inside = rig.enter(&settings).await;

    for _ in 0..4 {
        inside.exec("for i in $(seq 40); do (true &) ; done; wait").await;
    }

    inside.assert_works("160 orphans").await;
    let zombies = "grep -l '^State:.Z' /proc/[0-9]*/status 2>/dev/null | wc -l";
    assert_eq!(inside.exec(zombies).await, "0");
}
