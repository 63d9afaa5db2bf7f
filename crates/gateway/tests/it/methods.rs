//! Methods beside those that run turns: conversations, agents, models, configuration, logs.

#![expect(clippy::disallowed_methods, reason = "tests look at the files themselves")]

use serde_json::{Value, json};
use testkit::{
    home::{TOKEN, TempHome},
    llm::{Llm, says},
};

use crate::{client::Client, server::Server};

const KEY: &str = "agent:main:trace";
const REDACTED: &str = "__OPENCLAW_REDACTED__";

/// A gateway with one conversation of one turn.
async fn with_a_turn(llm: &Llm) -> Server {
    let server = Server::with_model(llm).await;
    let mut client = server.connect(4).await;
    run(&mut client, KEY, "t1").await;
    server
}

async fn run(client: &mut Client, key: &str, id: &str) {
    let send = json!({"sessionKey": key, "message": "hi there", "idempotencyKey": id});
    client.call("chat.send", send).await;
    let wait = json!({"runId": id, "timeoutMs": 20_000});
    assert_eq!(client.call("agent.wait", wait).await["status"], "ok");
}

async fn refusal(client: &mut Client, method: &str, params: Value) -> String {
    let answer = client.call_raw(method, &params).await;
    assert_eq!(answer["ok"], false, "{method}: {answer}");
    assert_eq!(answer["error"]["code"], "INVALID_REQUEST", "{answer}");
    answer["error"]["message"].as_str().unwrap().to_owned()
}

fn has(value: &Value, names: &[&str]) {
    for name in names {
        assert!(value.get(*name).is_some(), "`{name}` is missing in {value}");
    }
}

#[tokio::test]
async fn a_conversation_lives_in_both_versions_as_recorded() {
    for version in [3, 4] {
        let llm = Llm::script([says("Hello."), says("Again.")]);
        let server = with_a_turn(&llm).await;
        let mut client = server.connect(version).await;

        let list = client.call("sessions.list", json!({"limit": 50})).await;
        assert_eq!((&list["path"], &list["count"]), (&json!("(multiple)"), &json!(1)));
        let defaults =
            json!({"modelProvider": "mock", "model": "mock-1", "contextTokens": 200_000});
        assert_eq!(list["defaults"], defaults);
        let row = &list["sessions"][0];
        assert_eq!((&row["key"], &row["kind"]), (&json!(KEY), &json!("direct")));
        has(
            row,
            &[
                "updatedAt",
                "sessionId",
                "systemSent",
                "abortedLastRun",
                "inputTokens",
                "outputTokens",
                "totalTokens",
                "modelProvider",
                "model",
                "contextTokens",
            ],
        );

        let preview = client.call("sessions.preview", json!({"keys": [KEY, "nope"]})).await;
        let items =
            json!([{"role": "user", "text": "hi there"}, {"role": "assistant", "text": "Hello."}]);
        assert_eq!(preview["previews"][0], json!({"key": KEY, "status": "ok", "items": items}));
        assert_eq!(preview["previews"][1]["status"], "missing");

        let patch =
            json!({"key": KEY, "label": "traced", "thinkingLevel": "off", "verboseLevel": "on"});
        let patched = client.call("sessions.patch", patch).await;
        assert_eq!(patched["resolved"], json!({"modelProvider": "mock", "model": "mock-1"}));
        assert_eq!(patched["entry"]["label"], "traced");
        assert_eq!(patched["entry"].get("thinkingLevel"), None);
        let by_label = client.call("sessions.resolve", json!({"label": "traced"})).await;
        assert_eq!(by_label, json!({"ok": true, "key": KEY, "agentId": "main"}));
        let cleared = client.call("sessions.patch", json!({"key": KEY, "label": null})).await;
        assert_eq!(cleared["entry"].get("label"), None);
        assert_eq!(cleared["entry"]["verboseLevel"], "on");

        let history = client.call("chat.history", json!({"sessionKey": KEY})).await;
        assert_eq!(history["messages"][0]["content"][0]["text"], "hi there");

        let compacted = client.call("sessions.compact", json!({"key": KEY, "maxLines": 1})).await;
        assert_eq!((&compacted["compacted"], &compacted["kept"]), (&json!(true), &json!(1)));
        assert!(compacted["archived"].as_str().unwrap().contains(".jsonl.bak."));
        let again = client.call("sessions.compact", json!({"key": KEY, "maxLines": 9})).await;
        assert_eq!(again["compacted"], false);

        let before = row["sessionId"].clone();
        let reset = client.call("sessions.reset", json!({"key": KEY, "reason": "new"})).await;
        assert_ne!(reset["entry"]["sessionId"], before);
        assert_eq!(reset["entry"]["verboseLevel"], "on");
        assert_eq!(reset["entry"]["totalTokens"], 0);
        run(&mut client, KEY, "t2").await;

        let deleted = client.call("sessions.delete", json!({"key": KEY})).await;
        assert_eq!(deleted["deleted"], true);
        assert!(deleted["archived"][0].as_str().unwrap().contains(".jsonl.deleted."));
        let gone = client.call("sessions.delete", json!({"key": KEY})).await;
        assert_eq!(gone, json!({"ok": true, "key": KEY, "deleted": false, "archived": []}));
        assert_eq!(client.call("sessions.list", json!({})).await["count"], 0);
        server.stop().await;
    }
}

#[tokio::test]
async fn lists_are_searched_cut_and_titled() {
    let llm = Llm::respond_with(|_| says("Sure."));
    let server = with_a_turn(&llm).await;
    let mut client = server.connect(4).await;
    run(&mut client, "agent:main:other", "t2").await;

    let page = json!({"limit": 1, "includeDerivedTitles": true, "includeLastMessage": true});
    let newest = client.call("sessions.list", page).await;
    let next = client.call("sessions.list", json!({"limit": 1, "offset": 1})).await;
    let found = client.call("sessions.list", json!({"search": "TRACE"})).await;
    let mut listed =
        async |params: Value| client.call("sessions.list", params).await["count"].clone();
    let archived = listed(json!({"archived": true})).await;
    let all = listed(json!({"archived": "all", "configuredAgentsOnly": true})).await;
    let of_nobody = client.call("sessions.list", json!({"agentId": "nobody"})).await;

    assert_eq!(newest["sessions"][0]["key"], "agent:main:other");
    assert_eq!(newest["sessions"][0]["derivedTitle"], "hi there");
    assert_eq!(newest["sessions"][0]["lastMessagePreview"], "Sure.");
    let place = (&newest["totalCount"], &newest["hasMore"], &newest["nextOffset"]);
    assert_eq!(place, (&json!(2), &json!(true), &json!(1)));
    assert_eq!((&next["sessions"][0]["key"], &next["hasMore"]), (&json!(KEY), &json!(false)));
    assert_eq!((&found["count"], &found["sessions"][0]["key"]), (&json!(1), &json!(KEY)));
    assert_eq!((archived, all), (json!(0), json!(2)));
    assert_eq!(of_nobody["count"], 0);
    let missing = json!({"key": "nope", "allowMissing": true});
    assert_eq!(client.call("sessions.resolve", missing).await, json!({"ok": false}));
    server.stop().await;
}

#[tokio::test]
async fn a_patch_that_makes_no_sense_changes_nothing() {
    let llm = Llm::respond_with(|_| says("Sure."));
    let server = with_a_turn(&llm).await;
    let mut v3 = server.connect(3).await;
    let taken = json!({"key": "agent:main:other", "label": "mine"});
    v3.call("sessions.patch", taken).await;
    let cases = [
        (
            json!({"expectedSessionId": "other", "verboseLevel": "on"}),
            "session changed since last load; re-run sessions.list and retry",
        ),
        (
            json!({"thinkingLevel": "nonsense"}),
            "invalid thinkingLevel (use off|minimal|low|medium|high)",
        ),
        (json!({"verboseLevel": "x"}), "invalid verboseLevel (use \"on\"|\"off\"|\"full\")"),
        (json!({"label": "  "}), "invalid label: empty"),
        (json!({"label": "mine", "verboseLevel": "full"}), "label already in use: mine"),
        (json!({"label": "x".repeat(65)}), "invalid label: too long (max 64)"),
        (
            json!({"spawnedBy": "agent:main:main"}),
            "spawnedBy is only supported for subagent:* sessions",
        ),
        (json!({"model": "nobody/knows"}), "model not allowed: nobody/knows"),
        (json!({"execHost": "moon"}), "invalid execHost (use \"sandbox\"|\"gateway\"|\"node\")"),
    ];

    for (mut params, message) in cases {
        params["key"] = json!(KEY);
        assert_eq!(refusal(&mut v3, "sessions.patch", params).await, message);
    }

    let text = refusal(
        &mut server.connect(4).await,
        "sessions.patch",
        json!({"key": KEY, "thinkingLevel": "nonsense"}),
    )
    .await;
    assert_eq!(text, "invalid thinkingLevel (use off)");
    let row = &v3.call("sessions.list", json!({"search": "trace"})).await["sessions"][0];
    assert_eq!((row.get("verboseLevel"), row.get("label")), (None, None));
    server.stop().await;
}

#[tokio::test]
async fn params_are_refused_in_the_words_of_the_reference() {
    let server = Server::plain().await;
    let main = "Cannot delete the main session (agent:main:main).";
    let cases = [
        ("sessions.delete", json!({"key": "main"}), main),
        (
            "sessions.patch",
            json!({}),
            "invalid sessions.patch params: must have required property 'key'",
        ),
        (
            "sessions.preview",
            json!({"keys": []}),
            "invalid sessions.preview params: at /keys: must NOT have fewer than 1 items",
        ),
        (
            "sessions.list",
            json!({"limit": 0}),
            "invalid sessions.list params: at /limit: must be >= 1",
        ),
        (
            "sessions.list",
            json!({"x": 1}),
            "invalid sessions.list params: at root: unexpected property 'x'",
        ),
        ("sessions.resolve", json!({}), "Either key, sessionId, or label is required"),
        ("sessions.resolve", json!({"label": "no"}), "No session found with label: no"),
        (
            "logs.tail",
            json!({"limit": 5001}),
            "invalid logs.tail params: at /limit: must be <= 5000",
        ),
        (
            "config.set",
            json!({"raw": "{bad"}),
            "config base hash required; re-run config.get and retry",
        ),
    ];

    for version in [3, 4] {
        let mut client = server.connect(version).await;
        for (method, params, message) in &cases {
            assert_eq!(refusal(&mut client, method, params.clone()).await, *message);
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn agents_models_and_identities_are_told_in_both_versions() {
    let llm = Llm::script([]);
    let home = TempHome::with_model(&format!("{}/v1", llm.base_url())).unwrap();
    let agents = json!([{"id": "main", "default": true},
        {"id": "work", "name": "Worker", "identity": {"emoji": "🛠", "avatar": "https://x.example/a.png"}}]);
    home.merge_config(&json!({"agents": {"list": agents}})).unwrap();
    let server = Server::at(home).await;

    for version in [3, 4] {
        let mut client = server.connect(version).await;
        let list = client.call("agents.list", json!({})).await;
        let head = (&list["defaultId"], &list["mainKey"], &list["scope"]);
        assert_eq!(head, (&json!("main"), &json!("main"), &json!("per-sender")));
        assert_eq!(list["agents"][0]["model"], json!({"primary": "mock/mock-1"}));
        assert_eq!(list["agents"][1]["identity"]["avatarUrl"], "https://x.example/a.png");

        let models = client.call("models.list", json!({})).await;
        let model = models["models"]
            .as_array()
            .unwrap()
            .iter()
            .find(|model| model["provider"] == "mock")
            .unwrap();
        has(model, &["id", "name", "contextWindow", "reasoning", "input"]);
        assert_eq!(model["tags"], json!(["default", "configured"]));

        let default = client.call("agent.identity.get", json!({})).await;
        let expected =
            json!({"agentId": "main", "name": "Assistant", "nameSource": "default", "avatar": "A"});
        assert_eq!(default, expected);
        let work = client.call("agent.identity.get", json!({"sessionKey": "agent:work:x"})).await;
        assert_eq!((&work["name"], &work["emoji"]), (&json!("Worker"), &json!("🛠")));
    }
    server.stop().await;
}

const COMMENTED: &str = r#"{
  // who may come in
  gateway: {
    mode: "local",
    auth: { mode: "token", token: "test-token-0123456789" },
  },
  messages: { queue: { cap: 5 } }, // how many wait
  agents: { list: [{ id: "main" }, { id: "work" }] },
}
"#;

async fn with_config() -> Server {
    let home = TempHome::minimal().unwrap();
    home.write_config(&COMMENTED.replace("test-token-0123456789", TOKEN)).unwrap();
    Server::at(home).await
}

fn text(server: &Server) -> String {
    std::fs::read_to_string(server.home.config_path()).unwrap()
}

#[tokio::test]
async fn the_config_is_shown_without_its_secrets() {
    let server = with_config().await;

    for version in [3, 4] {
        let shown = server.connect(version).await.call("config.get", json!({})).await;
        assert!(!shown.to_string().contains(TOKEN));
        assert_eq!((&shown["exists"], &shown["valid"]), (&json!(true), &json!(true)));
        for form in ["parsed", "config"] {
            assert_eq!(shown[form]["gateway"]["auth"]["token"], REDACTED);
        }
        assert!(shown["raw"].as_str().unwrap().contains("// who may come in"));
        assert_eq!(shown["hash"], config::hash(&text(&server)));
        assert_eq!((&shown["issues"], &shown["legacyIssues"]), (&json!([]), &json!([])));
    }
    server.stop().await;
}

#[tokio::test]
async fn a_patch_keeps_comments_and_secrets_and_says_what_becomes_of_it() {
    let server = with_config().await;
    let mut client = server.connect(4).await;
    let shown = client.call("config.get", json!({})).await;

    let raw =
        format!("{{messages: {{queue: {{cap: 7}}}}, gateway: {{auth: {{token: '{REDACTED}'}}}}}}");
    let patch = json!({"raw": raw, "baseHash": shown["hash"], "note": "more room"});
    let done = client.call("config.patch", patch).await;

    let text = text(&server);
    for part in ["// who may come in", "// how many wait", TOKEN, "cap: 7"] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
    assert!(!done.to_string().contains(TOKEN));
    assert_eq!(done["config"]["messages"]["queue"]["cap"], 7);
    assert_eq!((&done["restart"]["ok"], &done["restart"]["mode"]), (&json!(true), &json!("none")));
    assert_eq!(done["sentinel"]["payload"]["message"], "more room");
    server.stop().await;
}

#[tokio::test]
async fn a_change_of_the_port_says_that_it_restarts_the_gateway() {
    let server = with_config().await;
    let mut client = server.connect(4).await;
    let shown = client.call("config.get", json!({})).await;

    let patch = json!({"raw": "{gateway: {port: 19999}}", "baseHash": shown["hash"]});
    let done = client.call("config.patch", patch).await;

    assert_eq!(done["restart"]["mode"], "emit", "{done}");
    assert!(done["restart"]["reason"].as_str().unwrap().contains("gateway.port"));
    server.stop().await;
}

#[tokio::test]
async fn writers_must_have_seen_the_present_text() {
    let server = with_config().await;
    let mut one = server.connect(3).await;
    let mut other = server.connect(4).await;
    let hash = one.call("config.get", json!({})).await["hash"].clone();
    let raw = one.call("config.get", json!({})).await["raw"].as_str().unwrap().to_owned();

    let set = json!({"raw": raw.replace("cap: 5", "cap: 6"), "baseHash": hash});
    one.call("config.set", set.clone()).await;
    let before = text(&server);
    let late = refusal(&mut other, "config.apply", set).await;

    assert_eq!(late, "config changed since last load; re-run config.get and retry");
    assert!(before.contains("cap: 6") && before.contains(TOKEN));
    assert_eq!(text(&server), before);
    server.stop().await;
}

#[tokio::test]
async fn of_two_writers_at_once_one_must_look_again() {
    let server = with_config().await;
    let hash = server.connect(4).await.call("config.get", json!({})).await["hash"].clone();
    let patch = |cap: u32| json!({"raw": json!({"messages": {"queue": {"cap": cap}}}).to_string(), "baseHash": hash});
    let (mut one, mut other) = (server.connect(4).await, server.connect(3).await);

    let ids = (
        one.send_request("config.patch", &patch(6)).await,
        other.send_request("config.patch", &patch(7)).await,
    );
    let answers = [one.answer(&ids.0).await, other.answer(&ids.1).await];

    let done = answers.iter().filter(|answer| answer["ok"] == true).count();
    assert_eq!(done, 1, "{answers:?}");
    server.stop().await;
}

#[tokio::test]
async fn a_bad_config_is_refused_with_its_problems_and_not_written() {
    let server = with_config().await;
    let mut client = server.connect(4).await;
    let hash = client.call("config.get", json!({})).await["hash"].clone();
    let before = text(&server);
    let mut tell = async |method: &str, raw: &str| {
        let params = json!({"raw": raw, "baseHash": hash});
        client.call_raw(method, &params).await["error"].clone()
    };

    let invalid = tell("config.patch", "{gateway: {port: 'x'}, nonsense: 1}").await;
    let broken = tell("config.set", "{bad").await;
    let list = tell("config.patch", "[1]").await;
    let masked = tell("config.patch", &format!("{{talk: {{apiKey: '{REDACTED}'}}}}")).await;
    let nested = tell("config.set", &"[".repeat(100_000)).await;
    let large = tell("config.set", &" ".repeat(3 << 20)).await;
    let item = tell("config.set", "[1]").await;
    let shrunk = tell("config.patch", "{agents: {list: [{id: 'main'}]}}").await;

    assert_eq!(invalid["message"], "invalid config");
    let paths: Vec<&str> = invalid["details"]["issues"]
        .as_array()
        .unwrap()
        .iter()
        .map(|issue| issue["path"].as_str().unwrap())
        .collect();
    assert!(paths.contains(&"gateway.port"), "{invalid}");
    assert_eq!(list["message"], "config.patch raw must be an object");
    assert!(masked["message"].as_str().unwrap().contains("talk.apiKey"), "{masked}");
    assert!(shrunk["message"].as_str().unwrap().contains("agents.list"), "{shrunk}");
    for error in [invalid, broken, list, masked, nested, large, item, shrunk] {
        assert_eq!(error["code"], "INVALID_REQUEST", "{error}");
    }
    assert_eq!(text(&server), before);
    server.stop().await;
}

#[tokio::test]
async fn the_schema_has_hints_for_forms() {
    let server = Server::plain().await;

    for version in [3, 4] {
        let schema = server.connect(version).await.call("config.schema", json!({})).await;
        has(&schema, &["schema", "uiHints", "version", "generatedAt"]);
        assert!(schema["schema"]["properties"].get("gateway").is_some());
        assert_eq!(schema["uiHints"]["gateway"]["order"], 30);
    }
    server.stop().await;
}

#[tokio::test]
async fn the_log_is_read_on_from_the_cursor() {
    let home = TempHome::minimal().unwrap();
    let log = home.path().join("gateway.log");
    std::fs::write(&log, "one\ntwo\n").unwrap();
    home.merge_config(&json!({"logging": {"file": log.display().to_string()}})).unwrap();
    let server = Server::at(home).await;
    let mut client = server.connect(3).await;

    let first = client.call("logs.tail", json!({"limit": 1})).await;
    std::fs::write(&log, "one\ntwo\nthree\n").unwrap();
    let second = client.call("logs.tail", json!({"cursor": first["cursor"]})).await;

    let expected = json!({"file": log.display().to_string(), "cursor": 8, "size": 8,
        "lines": ["two"], "truncated": true, "reset": false});
    assert_eq!(first, expected);
    assert_eq!((&second["lines"], &second["cursor"]), (&json!(["three"]), &json!(14)));
    server.stop().await;
}

#[tokio::test]
async fn changing_methods_need_the_admin_scope() {
    let server = Server::plain().await;
    let mut client = server.open().await;
    let mut params = crate::server::connect_params(4);
    params["scopes"] = json!(["operator.read", "operator.write"]);
    client.connect(&params).await;

    for method in ["sessions.patch", "sessions.delete", "config.set", "config.patch"] {
        let answer = client.call_raw(method, &json!({})).await;
        assert_eq!(answer["error"]["message"], "missing scope: operator.admin", "{method}");
    }
    client.call("config.get", json!({})).await;
    server.stop().await;
}
