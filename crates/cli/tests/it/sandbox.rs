//! `sandbox`: explained without gateway and engine, listed from disk, removed by name.

use std::fs;

use serde_json::{Value, json};
use testkit::home::TempHome;

use crate::program::{Ran, run_with};

/// Runs `openclaw sandbox …` where no engine answers.
fn sandbox(home: &TempHome, args: &[&str]) -> Ran {
    let args: Vec<&str> = std::iter::once("sandbox").chain(args.iter().copied()).collect();
    run_with(home, &args, &[("DOCKER_HOST", "unix:///nowhere/docker.sock")])
}

fn boxed() -> TempHome {
    let home = TempHome::minimal().unwrap();
    home.merge_config(&json!({
        "agents": {
            "defaults": { "sandbox": { "mode": "non-main", "workspaceAccess": "ro" } },
            "list": [{ "id": "main" }, { "id": "work",
                "tools": { "sandbox": { "tools": { "allow": ["read"], "deny": [] } } } }],
        },
        "tools": { "elevated": { "allowFrom": { "telegram": ["*"] } } },
    }))
    .unwrap();
    home
}

fn with_list(home: &TempHome, file: &str) {
    let now = jiff::Timestamp::now().as_millisecond();
    let entry = |name: &str, key: &str, image: &str| {
        json!({
            "containerName": name, "sessionKey": key, "createdAtMs": now - 2 * 3_600_000 - 1,
            "lastUsedAtMs": now - 5 * 60_000 - 1, "image": image, "configHash": "ab",
        })
    };
    let entries = [
        entry("openclaw-sbx-main", "agent:main", "openclaw-sandbox:bookworm-slim"),
        entry("openclaw-sbx-work", "agent:work", "old:1"),
    ];
    let dir = home.state_dir().join("sandbox");
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join(file), json!({ "entries": entries }).to_string()).unwrap();
}

#[test]
fn without_a_verb_it_prints_help_and_fails() {
    let home = TempHome::minimal().unwrap();

    let ran = sandbox(&home, &[]);

    assert_eq!(ran.code, Some(1));
    assert!(ran.stdout.contains("Usage: openclaw sandbox"), "{}", ran.stdout);
    for verb in ["list", "explain", "recreate"] {
        assert!(ran.stdout.contains(&format!("\n  {verb}")), "{}", ran.stdout);
    }
}

#[test]
fn a_sandboxed_session_is_explained_without_gateway_and_engine() {
    let home = boxed();

    let text = sandbox(&home, &["explain", "--session", "agent:main:telegram:group:1"]).answer();

    insta::with_settings!({filters => vec![
        ("workspace-[0-9a-f]{32}", "workspace-[digest]"),
        (r"docker\.user: \d+:\d+", "docker.user: [user]"),
    ]}, {
        insta::assert_snapshot!(text, @r"
        Effective sandbox:
          agent: main
          session: agent:main:telegram:group:1
          main session: agent:main:main
          runtime: sandboxed
          mode: non-main
          scope: agent
          backend: docker
          workspace access: ro
          workspace root: ~/.openclaw/sandboxes
          workspace: ~/.openclaw/sandboxes/workspace-[digest] (sandbox)
          mount: ~/.openclaw/sandboxes/workspace-[digest] at /workspace (ro)
          mount: ~/.openclaw/workspace at /agent (ro)

        Sandbox wall, as asked and as found inside:
          docker.user: [user] | not looked yet, its first use does (unproven)
          docker.capDrop: ALL | not looked yet, its first use does (unproven)
          docker (always): no-new-privileges | not looked yet, its first use does (unproven)
          docker.seccompProfile: the engine's | not looked yet, its first use does (unproven)
          docker.network: none | not looked yet, its first use does (unproven)
          docker.readOnlyRoot: true | not looked yet, its first use does (unproven)
          docker.tmpfs: /run | not looked yet, its first use does (unproven)
          docker.tmpfs: /tmp | not looked yet, its first use does (unproven)
          docker.tmpfs: /var/tmp | not looked yet, its first use does (unproven)
          workspaceAccess: read-only at /workspace | not looked yet, its first use does (unproven)
          workspaceAccess: read-only at /agent | not looked yet, its first use does (unproven)

        Sandbox tool policy:
          allow (default, tools.sandbox.tools.allow): exec, process, read, write, edit, apply_patch, image, sessions_list, sessions_history, sessions_send, sessions_spawn, session_status, ls, view_image, sessions_search, sessions_yield, subagents
          deny (default, tools.sandbox.tools.deny): browser, canvas, nodes, cron, gateway, computer, mobile_ui, telegram, whatsapp, discord, slack, signal, imessage, googlechat
          not there, as the workspace is read-only: write, edit, apply_patch

        Elevated:
          enabled: yes
          channel: telegram
          allowed by config: yes
          allowed for every sender of the channel

        Fix it:
          - agents.defaults.sandbox.mode=off
          - agents.list[].sandbox.mode=off
          - tools.sandbox.tools.allow
          - tools.sandbox.tools.deny
          - agents.list[].tools.sandbox.tools.allow
          - agents.list[].tools.sandbox.tools.deny
          - tools.elevated.enabled
          - tools.elevated.allowFrom.telegram

        Docs: https://docs.openclaw.ai/sandbox
        ");
    });
}

#[test]
fn the_report_has_the_fields_that_scripts_know() {
    let home = boxed();

    let report = sandbox(&home, &["explain", "--agent", "work", "--json"]).json();

    let fields = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(
        fields(&report),
        ["docsUrl", "agentId", "sessionKey", "mainSessionKey", "sandbox", "elevated", "fixIt"]
    );
    assert_eq!(report["sessionKey"], "agent:work:main");
    assert_eq!(report["sandbox"]["sessionIsSandboxed"], false);
    assert_eq!(report["sandbox"]["perSession"], false);
    assert_eq!(
        report["sandbox"]["tools"],
        json!({
            "allow": ["read", "image"],
            "deny": [],
            "removed": ["write", "edit", "apply_patch"],
            "sources": {
                "allow": { "source": "agent", "key": "agents.list[].tools.sandbox.tools.allow" },
                "deny": { "source": "agent", "key": "agents.list[].tools.sandbox.tools.deny" },
            },
        })
    );
    assert_eq!(
        report["elevated"],
        json!({
            "enabled": true, "allowedByConfig": false, "alwaysAllowedByConfig": false,
            "allowFrom": {},
            "failures": [{ "gate": "provider", "key": "tools.elevated.allowFrom.<channel>" }],
        })
    );
}

#[test]
fn an_agent_that_is_not_there_is_named_beside_those_that_are() {
    let home = boxed();

    let (code, stderr) = sandbox(&home, &["explain", "--agent", "nobody"]).failure();

    assert_eq!(code, Some(1));
    assert!(stderr.starts_with("error: there is no agent `nobody`\nhint: "), "{stderr}");
}

#[test]
fn without_an_engine_the_list_is_what_is_on_disk() {
    let home = boxed();
    let empty = sandbox(&home, &["list"]).answer();
    with_list(&home, "containers.json");

    let text = sandbox(&home, &["list"]).answer();
    let json = sandbox(&home, &["list", "--json"]).json();

    assert_eq!(empty, "No sandbox containers found.\n");
    insta::assert_snapshot!(text, @r"
    Sandbox containers:

      openclaw-sbx-main
        Status:  ○ stopped
        Image:   openclaw-sandbox:bookworm-slim ✓
        Age:     2h 0m
        Idle:    5m
        Session: agent:main

      openclaw-sbx-work
        Status:  ○ stopped
        Image:   old:1 ✗ (not what the config asks for)
        Age:     2h 0m
        Idle:    5m
        Session: agent:work

    Total: 2 (0 running)
    1 has another image than the config asks for; run `openclaw sandbox recreate --all` to renew
    ");
    assert_eq!(json["browsers"], json!([]));
    let flags =
        |at: usize| (&json["containers"][at]["running"], &json["containers"][at]["imageMatch"]);
    assert_eq!(flags(0), (&json!(false), &json!(true)));
    assert_eq!(flags(1), (&json!(false), &json!(false)));
}

#[test]
fn browsers_are_listed_on_demand_alone() {
    let home = boxed();
    with_list(&home, "browsers.json");

    let json = sandbox(&home, &["list", "--browser", "--json"]).json();
    let text = sandbox(&home, &["list"]).answer();

    assert_eq!(json["browsers"].as_array().unwrap().len(), 2);
    assert_eq!(json["containers"], json!([]));
    assert_eq!(text, "No sandbox containers found.\n");
}

#[test]
fn recreate_wants_one_selector_and_a_yes() {
    let home = boxed();
    with_list(&home, "containers.json");
    let cases: [(&[&str], &str); 3] = [
        (&["recreate"], "error: pass --all, --session or --agent"),
        (&["recreate", "--all", "--agent", "a"], "error: --all, --session and --agent exclude"),
        (&["recreate", "--all"], "error: nobody is there to be asked; pass --force"),
    ];

    for (args, expected) in cases {
        let (code, stderr) = sandbox(&home, args).failure();
        assert_eq!(code, Some(1));
        assert!(stderr.starts_with(expected), "{stderr}");
    }
    let nothing = sandbox(&home, &["recreate", "--session", "main", "--force"]).answer();
    assert_eq!(nothing, "No sandbox containers match.\n");
}

#[test]
fn what_cannot_be_removed_stays_on_the_list() {
    let home = boxed();
    with_list(&home, "containers.json");

    let ran = sandbox(&home, &["recreate", "--agent", "work", "--force"]);

    assert_eq!(ran.code, Some(1));
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(
        lines[..4],
        [
            "1 sandbox container will be removed:",
            "  openclaw-sbx-work (stopped, session agent:work)",
            "They are made anew when they are next used.",
            "Removing containers...",
        ]
    );
    assert!(lines[4].starts_with("  failed openclaw-sbx-work: "), "{}", lines[4]);
    assert_eq!(lines[5], "Done: 0 removed, 1 failed");
    let left = fs::read_to_string(home.state_dir().join("sandbox/containers.json")).unwrap();
    assert!(left.contains("openclaw-sbx-work"));
}

#[test]
fn a_browser_that_is_asked_for_and_not_there_is_told() {
    let home = boxed();
    home.merge_config(&json!({
        "agents": { "defaults": { "sandbox": { "browser": { "enabled": true } } } },
    }))
    .unwrap();

    let text = sandbox(&home, &["explain"]).answer();

    assert!(text.contains("\n  browser: sandbox.browser.enabled is true, but"), "{text}");
}
