//! `sessions`: read from the index, with or without a gateway.

use std::fs;

use serde_json::json;
use testkit::home::TempHome;

use crate::program::run;

fn with_index(home: &TempHome) {
    let dir = home.state_dir().join("agents/main/sessions");
    fs::create_dir_all(&dir).unwrap();
    let now = jiff::Timestamp::now().as_millisecond();
    let index = json!({
        "agent:main:main": {
            "sessionId": "50ca3544-b362-4ee7-8a0a-4ea412a7362c",
            "updatedAt": now - 5 * 60_000 - 1,
            "thinkingLevel": "low", "model": "mock-1", "totalTokens": 12_000,
            "contextTokens": 200_000, "abortedLastRun": true,
        },
        "agent:main:telegram:group:-1001234567890": {
            "sessionId": "608582a5-7cca-4784-921f-885adccbbb85",
            "updatedAt": now - 3 * 3_600_000 - 1, "chatType": "group",
        },
    });
    fs::write(dir.join("sessions.json"), index.to_string()).unwrap();
}

#[test]
fn an_empty_index_is_said_to_be_empty() {
    let home = TempHome::minimal().unwrap();

    assert_eq!(run(&home, &["sessions"]).answer(), "No sessions found.\n");
}

#[test]
fn sessions_are_listed_newest_first_with_tokens_and_flags() {
    let home = TempHome::minimal().unwrap();
    with_index(&home);

    let text = run(&home, &["sessions"]).answer();

    let id = "id:50ca3544-b362-4ee7-8a0a-4ea412a7362c";
    let group = "id:608582a5-7cca-4784-921f-885adccbbb85";
    assert_eq!(
        text.lines().collect::<Vec<_>>(),
        [
            "Kind   Key                        Age       Model          Tokens (ctx %)       Flags"
                .to_owned(),
            format!(
                "direct agent:main:main            5m ago    mock-1         12k/200k (6%)        \
                 think:low aborted {id}"
            ),
            format!(
                "group  agent:main:te…001234567890 3h ago    -              -                    \
                 {group}"
            ),
        ]
    );
}

#[test]
fn only_active_sessions_are_listed_on_demand() {
    let home = TempHome::minimal().unwrap();
    with_index(&home);

    let json = run(&home, &["sessions", "--active", "60", "--json"]).json();
    let (code, stderr) = run(&home, &["sessions", "--active", "soon"]).failure();

    assert_eq!((&json["count"], &json["activeMinutes"]), (&json!(1), &json!(60)));
    assert_eq!(json["sessions"][0]["key"], "agent:main:main");
    assert_eq!(json["sessions"][0]["kind"], "direct");
    assert_eq!(code, Some(1));
    assert!(stderr.starts_with("error: --active must be a positive number"), "{stderr}");
}
