//! Whatever models, agents, clients and files say, a terminal and a log show it and obey nothing.

use std::fs;

use serde_json::{Value, json};
use testkit::{
    gateway::{Gateway, WsClient},
    home::{TOKEN, TempHome},
    llm::{Llm, says},
};

use crate::{
    program::{quiet, run, start},
    pty::{on_terminal, played},
};

/// What a stranger would do to a terminal, in all ways, and to the reader of a list.
const EVIL: &str = "be\u{1b}]0;TITLE\u{7}\u{1b}]2;TITLE\u{1b}\\\u{1b}]52;c;RVZJTA==\u{7}\u{1b}[2J\
    \u{1b}[?1049h\u{1b}[?25l\u{1b}[31;7m\u{9b}2J\u{9d}0;TITLE\u{9c}\u{90}q\u{9c}\u{9f}G\u{9c}\
    \u{1b}_Gf=100;AAAA\u{1b}\\\u{1b}^pm\u{1b}\\\u{1b}P1$r\u{1b}\\\u{1b}]8;;http://x\u{7}\u{1b}c\
    \u{8}\u{8}\r\u{7f}\u{7}\u{0}\u{85}\u{202e}\u{2066}\u{2028}\u{2029}\u{200b}\u{feff}\u{e0041}en\
    \nforged: line\r\nforged: again";

fn is_obeyed_or_hidden(char: char) -> bool {
    let is_control = char.is_control() && !matches!(char, '\n' | '\r' | '\t');
    is_control
        || matches!(char, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// A home whose config says evil things where it can, with a skill like it.
fn home(llm: &Llm) -> TempHome {
    let home = quiet(TempHome::with_model(&format!("{}/v1", llm.base_url())).unwrap());
    let workspace = home.path().join("evil-work");
    home.merge_config(&json!({
        "agents": {"list": [
            {"id": "main", "default": true, "name": EVIL, "workspace": workspace,
             "identity": {"name": EVIL, "emoji": EVIL, "theme": EVIL}},
            {"id": "other", "name": EVIL},
        ]},
        "env": {"vars": {"GREETING": EVIL}},
        "logging": {"level": "trace", "consoleLevel": "trace"},
    }))
    .unwrap();
    let skill = workspace.join("skills/evil");
    fs::create_dir_all(&skill).unwrap();
    let description = serde_json::to_string(EVIL).unwrap();
    fs::write(
        skill.join("SKILL.md"),
        format!("---\nname: evil\ndescription: {description}\n---\nText.\n"),
    )
    .unwrap();
    home
}

/// A client whose every word is evil, and that stays connected.
async fn stranger(gateway: &Gateway) -> WsClient {
    let params = json!({
        "minProtocol": 4, "maxProtocol": 4,
        "client": {
            "id": "gateway-client", "version": EVIL, "platform": EVIL, "mode": "backend",
            "displayName": EVIL, "deviceFamily": EVIL, "modelIdentifier": EVIL, "instanceId": EVIL,
        },
        "role": "operator",
        "scopes": ["operator.admin", "operator.read", "operator.write", "operator.pairing"],
        "userAgent": EVIL,
        "locale": EVIL,
        "auth": { "token": TOKEN },
    });
    WsClient::connect_with(&gateway.ws_url(), params).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_command_lets_strangers_command_the_terminal() {
    let llm = Llm::script([says(EVIL), says(EVIL)]);
    let home = home(&llm);
    let gateway = start(&home);
    let mut stranger = stranger(&gateway).await;
    let said = json!({"event": EVIL, "text": EVIL, "mode": "now", "deviceId": EVIL, "host": EVIL,
        "reason": EVIL, "tags": [EVIL]});
    stranger.call("system-event", said).await.ok();
    // No argument holds a zero.
    let said = EVIL.replace('\0', "");
    run(&home, &["agent", "--agent", "main", "-m", &said]).answer();
    let label = json!({"key": "agent:main:main", "label": "be\u{1b}]0;TITLE\u{7}\u{9b}2Jen"});
    stranger.call("sessions.patch", label).await.ok();

    let commands: [&[&str]; 19] = [
        &["agent", "--agent", "main", "-m", "again"],
        &["agents", "list", "--bindings"],
        &["agents", "list", "--json"],
        &["agents", "delete", &said],
        &["approvals", "get"],
        &["config", "get", "agents"],
        &["config", "get", "env.vars.GREETING"],
        &["devices", "list"],
        &["doctor", "--non-interactive"],
        &["gateway", "call", "system-presence"],
        &["health"],
        &["logs", "--limit", "5000"],
        &["logs", "--limit", "5000", "--json"],
        &["nodes", "list"],
        &["sessions"],
        &["skills", "list"],
        &["status", "--all"],
        &["system", "presence"],
        &["system", "presence", "--json"],
    ];
    for args in commands {
        let shown = on_terminal(&home, args);

        let text = String::from_utf8(shown.bytes.clone()).unwrap();
        let screen = &shown.screen;
        assert!(!screen.is_empty() && shown.code.is_some_and(|it| it <= 1), "{args:?}: {screen}");
        assert_eq!(shown.deeds, Vec::<String>::new(), "{args:?}: {text:?}");
        assert!(!without_colours(&text).chars().any(is_obeyed_or_hidden), "{args:?}: {text:?}");
        // A reply and a text of the config have lines of their own.
        let may_begin = args[0] == "agent" || args.contains(&"env.vars.GREETING");
        let forged = screen.lines().find(|line| line.starts_with("forged"));
        assert_eq!(forged.filter(|_| !may_begin), None, "{args:?}: {screen}");
    }
    assert_eq!(llm.violations(), Vec::<String>::new());
}

#[test]
fn colours_of_ours_reach_the_terminal() {
    let llm = Llm::script([]);
    let home = home(&llm);

    let shown = on_terminal(&home, &["doctor", "--non-interactive"]);
    let help = on_terminal(&home, &["--help"]);

    let text = String::from_utf8(shown.bytes).unwrap();
    assert!(text.contains("\u{1b}[38;2;255;90;45mOpenClaw"), "{text:?}");
    assert!(String::from_utf8(help.bytes).unwrap().contains("\u{1b}[1m"), "{}", help.screen);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_line_of_a_log_is_forged_by_what_comes_from_the_network() {
    let llm = Llm::script([says("Done."), says("Done.")]);
    let home = home(&llm);
    let gateway = start(&home);
    let key = "q\n2026-12-01T00:00:00.000Z\terror\tgateway/auth\tFORGED\r\u{1b}[2K\u{2028}\u{9b}A";
    let mut stranger = stranger(&gateway).await;

    let said = json!({"sessionKey": "agent:main:a", "message": EVIL, "idempotencyKey": key});
    stranger.call("chat.send", said).await.unwrap();
    stranger.turn_end(key).await.unwrap();
    stranger.call(key, json!({})).await.unwrap_err();
    stranger.call("sessions.patch", json!({"key": key, "label": key})).await.ok();
    stranger.call("chat.abort", json!({"sessionKey": key, "runId": key})).await.ok();
    stranger
        .call("node.invoke", json!({"nodeId": key, "command": key, "idempotencyKey": key}))
        .await
        .ok();
    let refused = json!({
        "minProtocol": 4, "maxProtocol": 4, "role": "operator", "auth": {"token": key},
        "client": {"id": key, "version": key, "platform": key, "mode": "backend", "displayName": key},
    });
    WsClient::connect_with(&gateway.ws_url(), refused).await.unwrap_err();
    drop(stranger);
    gateway.terminate().unwrap();
    let (_, console) = gateway.wait().unwrap();

    assert!(!console.chars().any(is_obeyed_or_hidden), "{console:?}");
    let told: Vec<&str> = console.lines().filter(|line| line.contains("FORGED")).collect();
    assert!(!told.is_empty(), "the key is logged: {console}");
    for line in told {
        assert!(!line.starts_with("2026-12-01T00:00:00.000Z"), "{line:?}");
        assert!(line.contains("q\\n2026-12-01T00:00:00.000Z\\terror"), "{line:?}");
    }
    let file = fs::read_to_string(home.path().join("gateway.log")).unwrap();
    assert!(!file.chars().any(is_obeyed_or_hidden), "{file:?}");
    assert!(file.contains("FORGED"), "{file}");
    for line in file.lines() {
        let entry: Value = serde_json::from_str(line).unwrap();
        assert_ne!(entry["message"], "FORGED", "{line}");
    }
}

/// The program says what went wrong in a file, and the file is anybody's.
#[test]
fn what_files_hold_is_harmless_in_complaints_about_them() {
    let home = quiet(TempHome::minimal().unwrap());
    let name = serde_json::to_string(EVIL).unwrap();
    home.write_config(&format!("{{{name}: 1, gateway: {{port: {name}}}}}")).unwrap();

    for args in [&["config", "validate"][..], &["health"], &["status"], &["gateway", "run"]] {
        let shown = on_terminal(&home, args);

        let text = String::from_utf8(shown.bytes).unwrap();
        assert_eq!(shown.deeds, Vec::<String>::new(), "{args:?}: {text:?}");
        assert!(!without_colours(&text).chars().any(is_obeyed_or_hidden), "{args:?}: {text:?}");
        let forged = shown.screen.lines().find(|line| line.starts_with("forged"));
        assert_eq!(forged, None, "{args:?}: {}", shown.screen);
    }
}

#[test]
fn a_picture_of_ours_keeps_its_lines() {
    let home = quiet(TempHome::minimal().unwrap());

    let shown = on_terminal(&home, &["qr-smoke"]);

    assert_eq!(shown.code, Some(0));
    assert!(shown.screen.lines().count() > 10, "{}", shown.screen);
}

#[test]
fn the_terminal_of_these_tests_is_one_that_obeys() {
    let (_, deeds) = played(EVIL.as_bytes());

    for deed in ["title TITLE", "clipboard", "bell"] {
        assert!(deeds.iter().any(|it| it == deed), "{deed}: {deeds:?}");
    }
}

/// `text` without the sequences that set colours, the only ones that this program writes here.
fn without_colours(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once('m') {
            Some((codes, rest)) if codes.bytes().all(|it| it.is_ascii_digit() || it == b';') => {
                plain.push_str(rest);
            }
            Some(_) | None => plain.extend(["\u{1b}[", part]),
        }
    }
    plain
}
