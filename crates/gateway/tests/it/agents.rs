//! Agents and what they have: made, changed and removed by methods; skills; the gateway's own
//! identity.

#![expect(clippy::disallowed_methods, reason = "tests lay files out and look at them")]

use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;
use testkit::home::TempHome;

use crate::server::Server;

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
