//! What loading says about good and bad files.

use serde_json::json;

use crate::home::Home;

#[test]
fn a_missing_file_is_valid_and_all_defaults() {
    let loaded = Home::new().load();

    assert!(loaded.snapshot.valid && !loaded.snapshot.exists);
    assert_eq!(loaded.snapshot.raw, None);
    assert_eq!(
        loaded.snapshot.hash,
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
    let config = loaded.config.unwrap();
    assert_eq!(config.gateway.port, 18789);
    assert_eq!(config.agents.list[0].models[0].to_string(), "anthropic/claude-opus-4-6");
}

#[test]
fn recorded_and_published_configs_are_valid() {
    for text in [
        include_str!("data/recorded-2026.2.json"),
        include_str!("data/recorded-2026.9.json"),
        include_str!("data/sandbox-guide.json5"),
    ] {
        let loaded = Home::new().config(text).load();

        assert_eq!(loaded.snapshot.problems, []);
        assert_eq!(loaded.snapshot.warnings, []);
    }
}

#[test]
fn all_problems_are_told_at_once_with_line_and_suggestion() {
    let home = Home::new().config(
        "{\n  gatway: {},\n  gateway: { port: '80', bind: 'loopbak' },\n  agents: {\n    list: [\n      \
         { id: 'a' },\n      { nmae: 'x', model: 5 },\n    ],\n    defaults: {\n      \
         heartbeat: { every: 'soon' },\n    },\n  },\n  channels: { telegramm: {} },\n}\n",
    );

    insta::assert_snapshot!(home.problems().join("\n"), @r"
    gatway: unknown key (line 2); did you mean `gateway`?
    gateway.port: expected a whole number from 1 to 65535, got text `80` (line 3)
    gateway.bind: expected one of `loopback`, `lan`, `tailnet`, `auto`, `custom`, got `loopbak` (line 3); did you mean `loopback`?
    agents.list.1.nmae: unknown key (line 7); did you mean `name`?
    agents.list.1.model: expected text or an object, got 5 (line 7)
    agents.list.1.id: required, but missing (line 7)
    agents.defaults.heartbeat.every: `soon` is not a duration (line 10); write for example `30m`
    channels.telegramm: unknown key (line 13); did you mean `telegram`?
    ");
}

#[test]
fn rules_between_keys_hold() {
    let home = Home::new().config(
        r#"{
  "agents": { "list": [
    { "id": "a", "agentDir": "~/x", "identity": { "avatar": "../x.png" } },
    { "id": "b", "agentDir": "~/x", "heartbeat": { "target": "pigeon" } },
  ] },
  "tools": { "allow": ["read"], "alsoAllow": ["exec"] },
  "broadcast": { "+1": ["a", "c"] },
  "browser": { "profiles": { "Big": { "color": "red" } } },
  "channels": {
    "telegram": { "dmPolicy": "open", "webhookUrl": "https://x", "customCommands": [{ "command": "/a b", "description": "x" }] },
    "discord": { "dm": { "policy": "open", "allowFrom": ["*"] } },
    "slack": { "mode": "http", "accounts": { "w": { "mode": "http", "signingSecret": "s" } } },
    "signal": { "cliPath": "signal-cli; rm" },
  },
}"#,
    );

    insta::assert_snapshot!(home.problems().join("\n"), @r#"
    agents.list.0.identity.avatar: must be inside the agent's workspace (line 3)
    agents.list.1.heartbeat.target: expected `last`, `none` or a channel id (line 4)
    agents.list.1.agentDir: agents `a` and `b` share `[home]/x` (line 4)
    broadcast.+1.1: there is no agent `c` (line 7)
    tools.alsoAllow: cannot stand beside `allow` (line 6); put the names into `allow`, or use `profile` with `alsoAllow`
    browser.profiles.Big: profile names have lower-case letters, digits and `-` (line 8)
    browser.profiles.Big: needs `cdpPort` or `cdpUrl` (line 8)
    channels.telegram.allowFrom: an open policy needs `"*"` here (line 10); add "*" to let anybody in
    channels.telegram.webhookSecret: required beside `webhookUrl` (line 10)
    channels.telegram.customCommands.0.command: names have 1 to 32 lower-case letters, digits and `_` (line 10)
    channels.slack.signingSecret: required by `mode: "http"` (line 12)
    channels.signal.cliPath: expected a program name or path without shell characters (line 13)
    "#);
}

#[test]
fn hostile_files_are_problems_and_not_crashes() {
    let said = |text: &[u8]| Home::new().config(text).problems().remove(0);

    assert!(said(&b"[".repeat(10_000)).contains("nested deeper than 64 levels"));
    assert!(said(&b" ".repeat(10_000_000)).contains("is larger than 2097152 bytes"));
    assert!(said(b"{ a: '\0' }").contains("NUL"));
    assert!(said(b"{ a: '\xff' }").contains("not valid UTF-8"));
    assert!(said(b"").starts_with("<root>: JSON5 parse failed"));
    assert_eq!(said(b"[1]"), "<root>: expected an object, got a list");
}

#[test]
fn a_variable_that_is_not_set_makes_the_file_invalid() {
    let home = Home::new().config("{\n  gateway: {\n    auth: { token: '${NOPE}' } } }");

    assert_eq!(
        home.problems(),
        ["gateway.auth.token: environment variable `NOPE` is not set (line 3); set `NOPE`, or \
          write `$${NOPE}` for the text itself"]
    );
}

#[test]
fn the_env_block_sets_what_is_unset_and_serves_the_file_itself() {
    let home = Home::new().var("A", "process").config(
        "{ env: { A: 'file', B: 'own', vars: { C: 'more' } },
           gateway: { auth: { token: '${A}-${B}-${C}', password: '$${A}' } } }",
    );

    let loaded = home.load();

    let auth = &loaded.config.unwrap().gateway.auth;
    assert_eq!(auth.token.as_ref().unwrap().expose(), "process-own-more");
    assert_eq!(auth.password.as_ref().unwrap().expose(), "${A}");
    assert_eq!(loaded.env.get("B"), Some("own"));
}

#[test]
fn included_parts_count_as_written_and_their_problems_point_at_the_include() {
    let home = Home::new()
        .file("agents.json5", "{ defaults: { workspace: '${WS}', bogus: 1 } }")
        .var("WS", "/w")
        .config("{\n  gateway: { port: 1 },\n  agents: { $include: './agents.json5' },\n}");

    let loaded = home.load();

    assert_eq!(loaded.snapshot.included, [home.path("agents.json5")]);
    let shown: Vec<_> = loaded.snapshot.problems.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["agents.defaults.bogus: unknown key (line 3)"]);
    assert_eq!(loaded.snapshot.parsed["agents"], json!({ "$include": "./agents.json5" }));
    assert_eq!(loaded.snapshot.resolved["agents"]["defaults"]["workspace"], "/w");
}

#[test]
fn legacy_keys_are_told_once_with_their_new_place() {
    let home = Home::new()
        .config("{\n agent: { model: 'x' },\n telegram: {},\n gateway: { token: 't' } }");

    let loaded = home.load();

    let shown: Vec<_> = loaded.snapshot.problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            "telegram: legacy key; moved to `channels.telegram` (line 3); run `openclaw doctor --fix`",
            "agent: legacy key; moved to `agents.defaults` (line 2); run `openclaw doctor --fix`",
            "gateway.token: legacy key; moved to `gateway.auth.token` (line 4); run `openclaw \
             doctor --fix`",
        ]
    );
    assert_eq!(loaded.snapshot.legacy, loaded.snapshot.problems);
}

#[test]
fn problems_of_newer_names_keep_the_path_that_was_written() {
    let home = Home::new()
        .config("{ agents: { entries: { ops: {\n memory: { search: { querry: 1 } } } } } }");

    assert_eq!(
        home.problems(),
        ["agents.entries.ops.memory.search.querry: unknown key (line 2); did you mean `query`?"]
    );
}

#[test]
fn problems_show_no_secrets() {
    let home = Home::new()
        .var("KEY", "sk-hush")
        .config("{ models: { providers: { p: { baseUrl: 'http://h', apiKey: { a: 1 } } } },
            gateway: { auth: { token: ['x'] } }, channels: { slack: { dm: 'x' } },
            hooks: { enabled: true, token: '${KEY}', gmail: { serve: { port: 'x' }, pushToken: 5 } },
            talk: { voiceAliases: { secretToken: { apiKey: '${KEY}' } } },
            cron: { maxConcurrentRuns: 'x' }, env: { vars: 'sk-hush' }, mcp: { servers: { a: { env: { B: {} } } } } }");

    let said = home.problems().join("\n");

    assert!(!said.contains("hush"), "{said}");
}

#[test]
fn a_file_of_a_newer_program_is_a_warning() {
    let home = Home::new().config("{\n meta: { lastTouchedVersion: 'v2999.1.0-2' } }");

    let loaded = home.load();

    let shown: Vec<_> = loaded.snapshot.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        ["meta.lastTouchedVersion: written by the newer version v2999.1.0-2 (line 2)"]
    );
    assert!(loaded.snapshot.valid);
}

#[test]
fn an_agent_that_only_a_binding_names_keeps_its_directory() {
    let home = Home::new().config(
        "{ agents: { list: [{ id: 'a', agentDir: '~/.openclaw/agents/b/agent' }] },
           bindings: [{ agentId: 'b', match: { channel: 'slack' } }] }",
    );

    assert_eq!(
        home.problems(),
        [
            "agents.list.0.agentDir: agents `b` and `a` share `[home]/.openclaw/agents/b/agent` (line 1)"
        ]
    );
}

#[test]
fn a_huge_flat_file_loads_in_time_and_says_at_most_five_hundred_problems() {
    let keys: Vec<_> = (0..60_000).map(|n| format!("k{n}: {{ token: 'secret-{n}' }}")).collect();
    let home = Home::new().config(format!("{{ {} }}", keys.join(", ")));

    assert_eq!(home.problems().len(), 500);
}
