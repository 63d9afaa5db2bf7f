//! The gateway under tight limits of the system.

use std::{fs, os::unix::fs::PermissionsExt};

use serde_json::{Map, json};
use testkit::{gateway::Gateway, home::TempHome};

use crate::program::openclaw;

/// More conversations than files may be open.
const SESSIONS: usize = 1_200;

#[tokio::test(flavor = "multi_thread")]
async fn a_hard_limit_of_1024_files_bears_more_conversations_and_still_lets_clients_in() {
    let home = TempHome::minimal().unwrap();
    let program = home.path().join("limited");
    let script =
        format!("#!/bin/sh\nexec prlimit --nofile=1024:1024 '{}' \"$@\"\n", openclaw().display());
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let sessions = home.state_dir().join("agents/main/sessions");
    fs::create_dir_all(&sessions).unwrap();
    let entries: Map<String, _> = (0..SESSIONS)
        .map(|n| (key(n), json!({ "sessionId": format!("session-{n}"), "updatedAt": 1 })))
        .collect();
    fs::write(sessions.join("sessions.json"), serde_json::to_vec(&entries).unwrap()).unwrap();
    let gateway = Gateway::start(&program, &home).unwrap();
    let mut client = gateway.connect(4).await.unwrap();

    for n in 0..SESSIONS {
        let words = json!({ "sessionKey": key(n), "message": format!("first {n}") });
        client.call("chat.inject", words).await.unwrap();
    }
    let open = fs::read_dir(format!("/proc/{}/fd", gateway.pid())).unwrap().count();
    let mut others = Vec::new();
    for _ in 0..50 {
        others.push(gateway.connect(4).await.unwrap());
    }
    for n in [0, SESSIONS - 1] {
        let words = json!({ "sessionKey": key(n), "message": "second" });
        others[0].call("chat.inject", words).await.unwrap();
        let asked = json!({ "sessionKey": key(n) });
        let history = others[1].call("chat.history", asked).await.unwrap();
        let texts: Vec<&str> = history["messages"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|it| it["content"][0]["text"].as_str())
            .collect();
        assert_eq!(texts, [&*format!("first {n}"), "second"], "{history}");
    }

    assert!(open < 400, "{open} files are open");
}

fn key(n: usize) -> String {
    format!("agent:main:n{n}")
}
