//! A row for each writing method.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use testkit::home::TempHome;

use super::{Kept, Row};

const KEY: &str = "agent:main:main";

/// Devices and nodes that are there from the start.
pub(super) fn seed(home: &TempHome) {
    let state = home.state_dir();
    let device = |id: &str| {
        let role = if id.starts_with("node") { "node" } else { "operator" };
        json!({
            "deviceId": id, "publicKey": "UBg1", "platform": "linux", "clientId": "cli",
            "clientMode": "cli", "role": role, "roles": [role],
            "scopes": ["operator.read"],
            "tokens": { "operator": {
                "token": format!("token-of-{id}"), "role": "operator",
                "scopes": ["operator.read"], "createdAtMs": 1,
            } },
            "createdAtMs": 1, "approvedAtMs": 1,
        })
    };
    let devices: Value =
        ["dev-renamed", "dev-removed", "dev-rotated", "dev-revoked", "node-renamed"]
            .map(|id| (id, device(id)))
            .into_iter()
            .collect();
    std::fs::create_dir_all(state.join("devices")).unwrap();
    std::fs::write(state.join("devices/paired.json"), devices.to_string()).unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let now = u64::try_from(now).unwrap();
    let asked: Value =
        [("req-approved", "dev-approved", "A"), ("req-rejected", "dev-rejected", "Q")]
            .map(|(request, id, key)| {
                let scopes = ["operator.read"];
                let row = json!({
                    "requestId": request, "deviceId": id, "publicKey": key.repeat(43),
                    "platform": "linux", "clientId": "cli", "clientMode": "cli", "role": "operator",
                    "roles": ["operator"], "scopes": scopes, "ts": now,
                });
                (request, row)
            })
            .into_iter()
            .collect();
    std::fs::write(state.join("devices/pending.json"), asked.to_string()).unwrap();
    let node = |id: &str| json!({ "nodeId": id, "caps": [], "commands": ["system.run"], "approvedAtMs": 1 });
    let nodes: Value =
        ["node-renamed", "node-removed"].map(|id| (id, node(id))).into_iter().collect();
    std::fs::create_dir_all(state.join("nodes")).unwrap();
    std::fs::write(state.join("nodes/paired.json"), nodes.to_string()).unwrap();
}

pub(super) fn all() -> Vec<(&'static str, Row)> {
    // Requests of devices do not wait for long, so they come first.
    let mut rows = devices();
    rows.extend(messages());
    rows.extend(conversations());
    rows.extend(histories());
    rows.extend(agents());
    rows.extend(passing());
    rows
}

fn kept(params: Value, look: (&'static str, Value), has: &[&'static str]) -> Kept {
    Kept { before: Vec::new(), params, look, has: has.to_vec(), lacks: Vec::new() }
}

impl Kept {
    fn after(mut self, method: &'static str, params: Value) -> Self {
        self.before.push((method, params));
        self
    }

    fn without(mut self, texts: &[&'static str]) -> Self {
        self.lacks.extend(texts);
        self
    }

    /// After a conversation of one message and its reply, whose history is the third answer.
    fn after_talk(self, key: &'static str) -> Self {
        let id = format!("talk-{key}");
        self.after(
            "chat.send",
            json!({ "sessionKey": key, "message": "said first", "idempotencyKey": id }),
        )
        .after("agent.wait", json!({ "runId": id, "timeoutMs": 20_000 }))
        .after("chat.history", json!({ "sessionKey": key }))
    }
}

fn history(key: &str) -> (&'static str, Value) {
    ("chat.history", json!({ "sessionKey": key }))
}

fn messages() -> Vec<(&'static str, Row)> {
    let send = |key: &str, text: &str, id: &str| json!({ "sessionKey": key, "message": text, "idempotencyKey": id });
    vec![
        (
            "chat.send",
            Row::kept(kept(send(KEY, "sent words", "w1"), history(KEY), &["sent words"])),
        ),
        (
            "agent",
            Row::kept(kept(
                json!({ "sessionKey": KEY, "message": "asked words", "idempotencyKey": "w2" }),
                history(KEY),
                &["asked words"],
            )),
        ),
        (
            "sessions.send",
            Row::kept(kept(
                json!({ "key": KEY, "message": "posted words", "idempotencyKey": "w3" }),
                history(KEY),
                &["posted words"],
            )),
        ),
        (
            "wake",
            Row::kept(kept(
                json!({ "mode": "next-heartbeat", "text": "woken words" }),
                ("status", json!({})),
                &["woken words"],
            )),
        ),
        (
            "system-event",
            Row::kept(kept(
                json!({ "text": "happened words" }),
                ("status", json!({})),
                &["happened words"],
            )),
        ),
    ]
}

fn conversations() -> Vec<(&'static str, Row)> {
    let list = || ("sessions.list", json!({}));
    let patch = json!({
        "key": KEY, "label": "patched label", "verboseLevel": "full",
        "sendPolicy": "allow", "execAsk": "always", "responseUsage": "tokens",
    });
    vec![
        (
            "sessions.create",
            Row::kept(kept(
                json!({ "key": "made", "label": "made label", "message": "begun words", "idempotencyKey": "w4" }),
                list(),
                &["made label"],
            )),
        ),
        (
            "sessions.patch",
            Row::kept(kept(patch, list(), &["patched label", "\"full\"", "\"tokens\""])),
        ),
        (
            "sessions.reset",
            Row::kept(
                kept(json!({ "key": "agent:main:reset" }), list(), &["@/entry/sessionId"])
                    .after("sessions.create", json!({ "key": "reset" })),
            ),
        ),
        (
            "sessions.delete",
            Row::kept(
                kept(json!({ "key": "agent:main:gone" }), list(), &[])
                    .after("sessions.create", json!({ "key": "gone", "label": "gone label" }))
                    .without(&["gone label"]),
            ),
        ),
    ]
}

fn histories() -> Vec<(&'static str, Row)> {
    let list = || ("sessions.list", json!({}));
    vec![
        (
            "chat.inject",
            Row::kept(kept(
                json!({ "sessionKey": KEY, "message": "injected words" }),
                history(KEY),
                &["injected words"],
            )),
        ),
        (
            "sessions.compact",
            Row::kept(
                kept(json!({ "key": "agent:main:cut", "maxLines": 1 }), history("agent:main:cut"), &["line two"])
                    .after("sessions.create", json!({ "key": "cut" }))
                    .after("chat.inject", json!({ "sessionKey": "agent:main:cut", "message": "line one" }))
                    .after("chat.inject", json!({ "sessionKey": "agent:main:cut", "message": "line two" }))
                    .without(&["line one"]),
            ),
        ),
        (
            "sessions.rewind",
            Row::kept(
                kept(
                    json!({ "sessionKey": "agent:main:rewound", "entryId": "@2/messages/0/__openclaw/id" }),
                    history("agent:main:rewound"),
                    &[],
                )
                .after_talk("agent:main:rewound")
                .without(&["As you like."]),
            ),
        ),
        (
            "sessions.fork",
            Row::kept(
                kept(
                    json!({ "sessionKey": "agent:main:forked", "entryId": "@2/messages/0/__openclaw/id" }),
                    list(),
                    &["@/sessionKey"],
                )
                .after_talk("agent:main:forked"),
            ),
        ),
        (
            "sessions.branches.switch",
            Row::kept(
                kept(
                    json!({ "sessionKey": "agent:main:split", "leafEntryId": "@2/messages/1/__openclaw/id" }),
                    history("agent:main:split"),
                    &["As you like."],
                )
                .after_talk("agent:main:split")
                .after(
                    "sessions.rewind",
                    json!({ "sessionKey": "agent:main:split", "entryId": "@2/messages/0/__openclaw/id" }),
                ),
            ),
        ),
    ]
}

fn agents() -> Vec<(&'static str, Row)> {
    let list = || ("agents.list", json!({}));
    let create = |name: &str| json!({ "name": name, "workspace": format!("~/.openclaw/{name}") });
    let config = || ("config.get", json!({}));
    vec![
        ("agents.create", Row::kept(kept(create("Otto"), list(), &["otto"]))),
        (
            "agents.update",
            Row::kept(
                kept(json!({ "agentId": "ines", "name": "Ines the Second" }), list(), &["Ines the Second"])
                    .after("agents.create", create("Ines")),
            ),
        ),
        (
            "agents.delete",
            Row::kept(
                kept(json!({ "agentId": "hugo" }), list(), &[])
                    .after("agents.create", create("Hugo"))
                    .without(&["hugo"]),
            ),
        ),
        (
            "agents.files.set",
            Row::kept(kept(
                json!({ "agentId": "main", "name": "SOUL.md", "content": "soul words" }),
                ("agents.files.get", json!({ "agentId": "main", "name": "SOUL.md" })),
                &["soul words"],
            )),
        ),
        (
            "config.patch",
            Row::kept(
                kept(
                    json!({ "raw": "{ messages: { queue: { cap: 17 } } }", "baseHash": "@0/hash" }),
                    config(),
                    &["\"cap\":17"],
                )
                .after("config.get", json!({})),
            ),
        ),
        (
            "config.set",
            Row::kept(
                kept(json!({ "raw": "@0/raw", "baseHash": "@0/hash" }), config(), &["@/config/meta/lastTouchedAt"])
                    .after("config.get", json!({})),
            ),
        ),
        (
            "config.apply",
            Row::kept(
                kept(json!({ "raw": "@0/raw", "baseHash": "@0/hash" }), config(), &["@/config/meta/lastTouchedAt"])
                    .after("config.get", json!({})),
            ),
        ),
        (
            "skills.update",
            Row::kept(kept(json!({ "skillKey": "weather", "enabled": false }), config(), &["weather"])),
        ),
        (
            "exec.approvals.set",
            Row::kept(
                kept(
                    json!({ "file": { "version": 1, "defaults": { "security": "deny" } }, "baseHash": "@0/hash" }),
                    ("exec.approvals.get", json!({})),
                    &["\"deny\""],
                )
                .after("exec.approvals.get", json!({})),
            ),
        ),
    ]
}

fn devices() -> Vec<(&'static str, Row)> {
    let list = || ("device.pair.list", json!({}));
    let nodes = || ("node.pair.list", json!({}));
    vec![
        (
            "device.pair.rename",
            Row::kept(kept(
                json!({ "deviceId": "dev-renamed", "label": "device label" }),
                list(),
                &["device label"],
            )),
        ),
        (
            "device.pair.remove",
            Row::kept(
                kept(json!({ "deviceId": "dev-removed" }), list(), &[]).without(&["dev-removed"]),
            ),
        ),
        (
            "device.pair.approve",
            Row::kept(
                kept(json!({ "requestId": "req-approved" }), list(), &["dev-approved"])
                    .without(&["req-approved"]),
            ),
        ),
        (
            "device.pair.reject",
            Row::kept(
                kept(json!({ "requestId": "req-rejected" }), list(), &[])
                    .without(&["dev-rejected"]),
            ),
        ),
        (
            "device.token.rotate",
            Row::kept(kept(
                json!({ "deviceId": "dev-rotated", "role": "operator" }),
                list(),
                &["rotatedAtMs"],
            )),
        ),
        (
            "device.token.revoke",
            Row::kept(kept(
                json!({ "deviceId": "dev-revoked", "role": "operator" }),
                list(),
                &["revokedAtMs"],
            )),
        ),
        (
            "node.pair.approve",
            Row::kept(
                kept(json!({ "requestId": "@0/request/requestId" }), nodes(), &["node-approved"])
                    .after("node.pair.request", json!({ "nodeId": "node-approved" })),
            ),
        ),
        (
            "node.rename",
            Row::kept(kept(
                json!({ "nodeId": "node-renamed", "displayName": "node label" }),
                nodes(),
                &["node label"],
            )),
        ),
        (
            "node.pair.remove",
            Row::kept(
                kept(json!({ "nodeId": "node-removed" }), nodes(), &[]).without(&["node-removed"]),
            ),
        ),
    ]
}

/// Changes that end with the process, or that are another row's.
fn passing() -> Vec<(&'static str, Row)> {
    let runs = "it stops or starts something that runs in this process";
    let asks = "the question ends with the process, and so does the command that asks it";
    let wizard = "a wizard's answers are written at its end, by `config.set`'s way";
    let node = "a request of a node is only here; a node asks again when it connects again";
    let device = "only a paired device can ask; its request is written as those seeded here are";
    let elsewhere = "what it changes is on another machine or in an engine";
    [
        ("chat.abort", runs),
        ("sessions.abort", runs),
        ("set-heartbeats", runs),
        ("update.run", runs),
        ("sandbox.recreate", elsewhere),
        ("node.invoke", elsewhere),
        ("node.invoke.result", runs),
        ("node.event", "what it brings is a message or a note, which have rows of their own"),
        ("exec.approvals.node.set", elsewhere),
        ("exec.approval.request", asks),
        ("exec.approval.resolve", asks),
        ("approval.resolve", asks),
        ("wizard.start", wizard),
        ("wizard.next", wizard),
        ("wizard.cancel", wizard),
        ("device.scopes.requestUpgrade", device),
        ("node.pair.request", node),
        ("node.pair.reject", node),
    ]
    .map(|(name, reason)| (name, Row::Passing(reason)))
    .into_iter()
    .collect()
}
