//! Agents and what they have: made, changed and removed by methods; skills; the gateway's own
//! identity.

#![expect(clippy::disallowed_methods, reason = "tests lay files out and look at them")]

use std::{os::unix::fs::PermissionsExt as _, time::Duration};

use serde_json::{Value, json};
use testkit::home::TempHome;
use tokio::time::timeout;

use crate::{
    client::Client,
    device::{self, Device},
    server::Server,
};

/// Longest wait for a change to be seen.
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn agents_are_made_changed_and_removed_through_the_config_file() {
    let server = Server::plain().await;
    let mut client = server.connect(4).await;

    let made = client
        .call("agents.create", json!({"name": "Ops Crew", "model": "p/m", "emoji": "🔧"}))
        .await;
    let again = client.call_raw("agents.create", &json!({"name": "ops crew"})).await;
    let reserved = client.call_raw("agents.create", &json!({"name": "Main"})).await;
    let with_it = server.home.config().unwrap();
    let change = json!({"agentId": "ops-crew", "name": "Ops", "model": null});
    let changed = client.call("agents.update", change).await;
    let nobody = client.call_raw("agents.update", &json!({"agentId": "nobody"})).await;
    let changed_file = server.home.config().unwrap();
    let removed = client.call("agents.delete", json!({"agentId": "ops-crew"})).await;
    let main = client.call_raw("agents.delete", &json!({"agentId": "main"})).await;

    let workspace = server.home.state_dir().join("workspace-ops-crew");
    assert_eq!(
        made,
        json!({
            "ok": true, "agentId": "ops-crew", "name": "Ops Crew", "model": "p/m",
            "workspace": workspace,
        })
    );
    assert_eq!(again["error"]["message"], "agent \"ops-crew\" already exists");
    assert_eq!(reserved["error"]["message"], "\"main\" is reserved");
    assert_eq!(
        with_it["agents"]["list"],
        json!([
            {"id": "main"},
            {"id": "ops-crew", "name": "Ops Crew", "model": "p/m", "identity": {"emoji": "🔧"}},
        ])
    );
    assert_eq!(changed, json!({"ok": true, "agentId": "ops-crew"}));
    assert_eq!(nobody["error"]["message"], "agent \"nobody\" not found");
    assert_eq!(changed_file["agents"]["list"][1]["name"], "Ops");
    assert_eq!(changed_file["agents"]["list"][1].get("model"), None);
    assert_eq!(removed["removedBindings"], 0);
    assert_eq!(main["error"]["message"], "\"main\" cannot be deleted");
    assert_eq!(server.home.config().unwrap()["agents"]["list"], json!([{"id": "main"}]));
    server.stop().await;
}

#[tokio::test]
async fn files_of_a_removed_agent_go_into_the_trash_but_for_those_that_others_use() {
    let home = TempHome::minimal().unwrap();
    let (own, shared) = (home.path().join("own"), home.path().join("shared"));
    for dir in [&own, &shared] {
        std::fs::create_dir(dir).unwrap();
        std::fs::write(dir.join("x"), "x").unwrap();
    }
    let agents = json!({"agents": {"list": [
        {"id": "main", "workspace": shared},
        {"id": "a", "workspace": own},
        {"id": "b", "workspace": shared},
    ]}});
    home.merge_config(&agents).unwrap();
    let server = Server::at(home).await;
    let mut client = server.connect(4).await;

    let first = client.call("agents.delete", json!({"agentId": "a"})).await;
    let second = client.call("agents.delete", json!({"agentId": "b"})).await;

    assert_eq!(first["removed"][0], json!({"path": own, "method": "trash"}));
    assert!(!own.exists() && shared.join("x").exists());
    let mentions = second["removed"].to_string();
    assert!(!mentions.contains("shared"), "{mentions}");
    server.stop().await;
}

#[tokio::test]
async fn the_gateway_keeps_one_identity_for_itself_alone() {
    let server = Server::plain().await;
    let mut client = server.connect(4).await;

    let identity = client.call("gateway.identity.get", json!({})).await;
    let home = server.stop().await;
    let server = Server::at(home).await;
    let mut client = server.connect(4).await;
    let again = client.call("gateway.identity.get", json!({})).await;

    assert_eq!(identity, again);
    assert_eq!(identity["deviceId"].as_str().unwrap().len(), 64);
    assert_eq!(identity["publicKey"].as_str().unwrap().len(), 43);
    let path = server.home.state_dir().join("identity/device.json");
    assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    server.stop().await;
}

#[tokio::test]
async fn skills_are_found_and_say_what_they_lack() {
    let home = TempHome::minimal().unwrap();
    home.merge_config(&json!({"skills": {"entries": {"sky": {"apiKey": "k"}}}})).unwrap();
    let skill = |root: &str, name: &str, text: &str| {
        let dir = home.state_dir().join(root).join(name);
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(dir.join("SKILL.md"), text).unwrap();
    };
    let sky = "---\nname: sky\ndescription: Looks up.\nmetadata: {openclaw: {primaryEnv: \
               'SKY_KEY', requires: {env: ['SKY_KEY']}}}\n---\n";
    skill("workspace/skills", "sky", sky);
    skill("skills", "sky", "---\nname: sky\ndescription: The same for all.\n---\n");
    let dig = "---\nname: dig\ndescription: Digs.\nmetadata: {openclaw: {requires: {bins: \
               ['no-such-program']}}}\n---\n";
    skill("skills", "dig", dig);
    skill("skills", "broken", "no front matter");
    let server = Server::at(home).await;
    let mut newest = server.connect(4).await;
    let mut older = server.connect(3).await;

    let listed = newest.call("skills.status", json!({})).await;
    let for_older = older.call("skills.status", json!({})).await;
    let nobody = newest.call_raw("skills.status", &json!({"agentId": "nobody"})).await;

    let rows = listed["skills"].as_array().unwrap();
    let names: Vec<_> = rows.iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["dig", "sky"]);
    assert_eq!(
        (&rows[0]["eligible"], &rows[0]["source"]),
        (&json!(false), &json!("openclaw-managed"))
    );
    assert_eq!(rows[0]["missing"]["bins"], json!(["no-such-program"]));
    assert_eq!(
        (&rows[1]["eligible"], &rows[1]["description"]),
        (&json!(true), &json!("Looks up."))
    );
    assert_eq!(rows[1]["modelVisible"], true);
    assert_eq!(listed["agentId"], "main");
    assert_eq!(for_older["skills"][1].get("modelVisible"), None);
    assert_eq!(nobody["error"]["message"], "unknown agent id \"nobody\"");
    assert!(!listed.to_string().contains("\"k\""));
    server.stop().await;
}

#[tokio::test]
async fn a_skill_is_switched_and_given_a_key_through_the_config_and_the_key_is_never_shown() {
    let home = TempHome::minimal().unwrap();
    let text = "---\nname: sky\ndescription: Looks up.\nmetadata: {openclaw: {primaryEnv: SKY_KEY, \
                requires: {bins: [sh], env: [SKY_KEY]}, install: [{kind: brew, formula: sky/tap/sky, \
                bins: [skyctl]}]}}\n---\n";
    let dir = home.state_dir().join("skills/sky");
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("SKILL.md"), text).unwrap();
    let server = Server::with_variable(home, "PATH", "/usr/bin:/bin").await;
    let mut client = server.connect(4).await;
    let update = |mut change: Value| {
        change["skillKey"] = json!("sky");
        change
    };

    let before = client.call("skills.status", json!({})).await;
    let key = json!({"apiKey": "sesame-open", "env": {"SKY_URL": "u", "GONE": ""}});
    let keyed = client.call("skills.update", update(key)).await;
    let on_disk = server.home.config().unwrap();
    let with_key = eventually(&mut client, |it| it["eligible"] == json!(true)).await;
    let off = client.call("skills.update", update(json!({"enabled": false, "apiKey": ""}))).await;
    let wrong = client.call_raw("skills.update", &update(json!({"env": {"A=B": "x"}}))).await;
    let nameless = client.call_raw("skills.update", &json!({"enabled": true})).await;
    let registry =
        client.call_raw("skills.update", &json!({"source": "clawhub", "all": true})).await;
    let install = json!({"name": "sky", "installId": "brew-0", "timeoutMs": 1000});
    let install = client.call_raw("skills.install", &install).await;
    let search = client.call_raw("skills.search", &json!({})).await;

    assert_eq!(before["skills"][0]["missing"]["env"], json!(["SKY_KEY"]));
    let masked = "__OPENCLAW_REDACTED__";
    assert_eq!(keyed["config"], json!({"apiKey": masked, "env": {"SKY_URL": masked}}));
    let entry = json!({"apiKey": "sesame-open", "env": {"SKY_URL": "u"}});
    assert_eq!(on_disk["skills"]["entries"]["sky"], entry);
    assert!(!with_key.to_string().contains("sesame"));
    assert_eq!((&off["ok"], &off["config"]["enabled"]), (&json!(true), &json!(false)));
    let entry = &server.home.config().unwrap()["skills"]["entries"]["sky"];
    assert_eq!((entry.get("apiKey"), &entry["enabled"]), (None, &json!(false)));
    assert_eq!(wrong["error"]["code"], "INVALID_REQUEST");
    assert_eq!(nameless["error"]["message"], "skillKey required");
    assert_eq!(registry["error"]["code"], "UNAVAILABLE");
    assert_eq!(install["error"]["code"], "UNAVAILABLE");
    let advice = install["error"]["message"].as_str().unwrap();
    assert!(advice.ends_with("run: brew install sky/tap/sky"), "{advice}");
    assert_eq!(search["error"]["code"], "UNAVAILABLE");
    server.stop().await;
}

/// The only skill's row, once the change of the config has come into force.
async fn eventually(client: &mut Client, is_so: impl Fn(&Value) -> bool) -> Value {
    let wait = async {
        loop {
            let row = client.call("skills.status", json!({})).await["skills"][0].clone();
            if is_so(&row) {
                return row;
            }
        }
    };
    timeout(PATIENCE, wait).await.expect("the change comes into force")
}

#[tokio::test]
async fn nodes_are_told_the_programs_of_skills_that_can_be_used() {
    let home = TempHome::minimal().unwrap();
    for (name, more) in [
        ("on", "requires: {anyBins: [sh]}, install: [{kind: brew, bins: [onctl]}]"),
        ("off", "requires: {bins: [no-such-program]}"),
    ] {
        let dir = home.state_dir().join("skills").join(name);
        std::fs::create_dir_all(&dir).unwrap();
        let text =
            format!("---\nname: {name}\ndescription: x\nmetadata: {{openclaw: {{{more}}}}}\n---\n");
        std::fs::write(dir.join("SKILL.md"), text).unwrap();
    }
    let server = Server::with_variable(home, "PATH", "/usr/bin:/bin").await;
    let mut asks = device::params(4, &[]);
    asks["client"] =
        json!({"id": "node-host", "version": "1", "platform": "linux", "mode": "node"});
    asks["role"] = json!("node");
    let (mut node, _) = Device::new(1).connect(&server, &[], &asks).await;
    let mut operator = server.connect(4).await;

    let bins = node.call("skills.bins", json!({})).await;
    let refused = operator.call_raw("skills.bins", &json!({})).await;

    assert_eq!(bins, json!({"bins": ["onctl", "sh"]}));
    assert_eq!(refused["error"]["message"], "unauthorized role: operator");
    server.stop().await;
}

#[tokio::test]
async fn skills_are_among_the_commands_of_their_agents_conversations() {
    let home = TempHome::minimal().unwrap();
    let dir = home.state_dir().join("workspace/skills/sky");
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("SKILL.md"), "---\nname: My Sky\ndescription: Looks up.\n---\n")
        .unwrap();
    let server = Server::at(home).await;
    let mut client = server.connect(4).await;

    let listed = client.call("commands.list", json!({"agentId": "main"})).await;

    let commands = listed["commands"].as_array().unwrap();
    let sky = commands.last().unwrap();
    assert_eq!(
        (&sky["name"], &sky["source"], &sky["textAliases"]),
        (&json!("my_sky"), &json!("skill"), &json!(["/my_sky"]))
    );
    assert!(commands.iter().any(|it| it["name"] == "skill" && it["source"] == "native"));
    server.stop().await;
}
