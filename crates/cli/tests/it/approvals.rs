//! Commands that need a person's word, through the real gateway and a scripted model.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{
    gateway::{CallError, Gateway, WsClient},
    home::TempHome,
    llm::{Llm, calls, says},
};

use crate::program::{openclaw, quiet, run};

const PATIENCE: Duration = Duration::from_secs(20);

fn home(llm: &Llm, exec: &Value) -> TempHome {
    let home = quiet(TempHome::with_model(&format!("{}/v1", llm.base_url())).unwrap());
    home.merge_config(&json!({ "tools": { "exec": exec } })).unwrap();
    home
}

fn ask_on_miss() -> Value {
    json!({ "security": "allowlist", "ask": "on-miss" })
}

async fn send(client: &mut WsClient, run: &str, text: &str) {
    let params = json!({ "sessionKey": "main", "message": text, "idempotencyKey": run });
    client.call("chat.send", params).await.unwrap();
}

async fn question(client: &mut WsClient) -> Value {
    client.event("exec.approval.requested", PATIENCE, |_| true).await.unwrap()
}

async fn resolve(client: &mut WsClient, id: &Value, decision: &str) -> Result<Value, Value> {
    let params = json!({ "id": id, "decision": decision });
    match client.call("exec.approval.resolve", params).await {
        Ok(answer) => Ok(answer),
        Err(CallError::Refused(error)) => Err(error),
        Err(CallError::Lost(error)) => panic!("{error:#}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operator_is_asked_and_one_answers_after_a_reconnect() {
    let llm = Llm::script([calls("exec", json!({ "command": "echo ran > out" })), says("Done.")]);
    let home = home(&llm, &ask_on_miss());
    let gateway = Gateway::start(openclaw(), &home).unwrap();
    let mut ann = gateway.connect(4).await.unwrap();
    let mut bob = gateway.connect(3).await.unwrap();

    send(&mut ann, "r1", "write it").await;
    let (asked, asked_bob) = (question(&mut ann).await, question(&mut bob).await);
    drop(bob);
    let mut bob = gateway.connect(3).await.unwrap();
    let reminded = question(&mut bob).await;
    let listed = ann.call("exec.approval.list", json!({})).await.unwrap();
    let first = resolve(&mut bob, &reminded["id"], "allow-once").await;
    let told = ann.event("exec.approval.resolved", PATIENCE, |_| true).await.unwrap();
    let (second, second_v3) = (
        resolve(&mut ann, &asked["id"], "deny").await.unwrap_err(),
        resolve(&mut bob, &asked["id"], "deny").await.unwrap_err(),
    );
    let end = ann.turn_end("r1").await.unwrap();

    assert_eq!(asked["request"]["command"], "echo ran > out");
    assert_eq!(asked["request"]["host"], "gateway");
    assert_eq!(asked["request"]["sessionKey"], "agent:main:main");
    assert!([&asked_bob, &reminded, &listed[0]].iter().all(|it| it["id"] == asked["id"]));
    assert_eq!(first, Ok(json!({ "ok": true })));
    assert_eq!((&told["id"], &told["decision"]), (&asked["id"], &json!("allow-once")));
    assert_eq!(
        (&second["code"], &second["message"]),
        (&json!("APPROVAL_NOT_FOUND"), &json!("unknown approval id"))
    );
    assert_eq!(second["details"]["decision"], "allow-once");
    assert_eq!(second_v3["code"], "INVALID_REQUEST");
    assert_eq!(end["state"], "final", "{end}");
    assert_eq!(llm.request(1).result_of("exec"), "(no output)");
    let waited = ann.call("exec.approval.waitDecision", json!({ "id": asked["id"] })).await;
    assert_eq!(waited.unwrap()["decision"], "allow-once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denial_is_told_to_the_model_and_the_command_never_runs() {
    let llm = Llm::script([calls("exec", json!({ "command": "touch out" })), says("I may not.")]);
    let home = home(&llm, &ask_on_miss());
    let gateway = Gateway::start(openclaw(), &home).unwrap();
    let mut ann = gateway.connect(4).await.unwrap();

    send(&mut ann, "r1", "write it").await;
    let asked = question(&mut ann).await;
    let slug: String = asked["id"].as_str().unwrap().chars().take(8).collect();
    send(&mut ann, "r2", &format!("/approve {slug} deny")).await;
    let end = ann.turn_end("r1").await.unwrap();

    assert_eq!(end["state"], "final", "{end}");
    assert_eq!(
        llm.request(1).result_of("exec"),
        "denied: `exec` (rule `user-denied`)\nexec denied (gateway, user-denied): touch out"
    );
    assert!(!home.state_dir().join("workspace/out").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_always_allowed_is_not_asked_again() {
    let command = json!({ "command": "id -u" });
    let llm = Llm::script([
        calls("exec", command.clone()),
        says("Once."),
        calls("exec", command),
        says("Twice."),
    ]);
    let home = home(&llm, &ask_on_miss());
    let gateway = Gateway::start(openclaw(), &home).unwrap();
    let mut ann = gateway.connect(4).await.unwrap();

    send(&mut ann, "r1", "who").await;
    let asked = question(&mut ann).await;
    resolve(&mut ann, &asked["id"], "allow-always").await.unwrap();
    ann.turn_end("r1").await.unwrap();
    send(&mut ann, "r2", "again").await;
    let end = ann.turn_end("r2").await.unwrap();

    assert_eq!(end["state"], "final", "{end}");
    assert_eq!(llm.request(3).result_of("exec"), llm.request(1).result_of("exec"));
    assert!(ann.call("exec.approval.list", json!({})).await.unwrap()[0].is_null());
    let file = ann.call("exec.approvals.get", json!({})).await.unwrap();
    let entry = &file["file"]["agents"]["main"]["allowlist"][0];
    assert!(entry["pattern"].as_str().unwrap().ends_with("/id"), "{entry}");
    assert_eq!(entry["lastUsedCommand"], "id -u");
    assert!(file["file"]["socket"]["token"].is_null(), "{file}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_questions_a_program_that_is_not_listed_is_refused() {
    let llm = Llm::script([calls("exec", json!({ "command": "touch out" })), says("No.")]);
    let home = home(&llm, &json!({ "mode": "allowlist" }));
    let gateway = Gateway::start(openclaw(), &home).unwrap();
    let mut ann = gateway.connect(4).await.unwrap();

    send(&mut ann, "r1", "write it").await;
    ann.turn_end("r1").await.unwrap();

    let request = llm.request(1);
    let told = request.result_of("exec");
    assert!(told.contains("exec denied: allowlist miss"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_in_two_phases_and_silence_at_the_end() {
    let home = quiet(TempHome::minimal().unwrap());
    let gateway = Gateway::start(openclaw(), &home).unwrap();
    let mut ann = gateway.connect(4).await.unwrap();
    let params = json!({ "id": "q1", "command": "ls", "timeoutMs": 200, "twoPhase": true });

    let request = ann.send("exec.approval.request", params.clone()).await.unwrap();
    let accepted = ann.response(&request, PATIENCE).await.unwrap();
    let taken = ann.call("exec.approval.request", params).await;
    let decision = ann.response(&request, PATIENCE).await.unwrap();
    let invalid = resolve(&mut ann, &json!("q1"), "perhaps").await.unwrap_err();

    assert_eq!((&accepted["status"], &accepted["id"]), (&json!("accepted"), &json!("q1")));
    assert!(
        matches!(taken, Err(CallError::Refused(error)) if error["message"] == "approval id already pending")
    );
    assert!(decision["decision"].is_null() && decision["id"] == "q1", "{decision}");
    assert_eq!(invalid["message"], "invalid decision");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_is_changed_only_on_the_base_that_was_read() {
    let home = quiet(TempHome::minimal().unwrap());
    let gateway = Gateway::start(openclaw(), &home).unwrap();
    let mut ann = gateway.connect(4).await.unwrap();
    let read = ann.call("exec.approvals.get", json!({})).await.unwrap();
    let file = json!({ "version": 1, "defaults": { "ask": "always" }, "agents": {} });
    let change = |base: &Value| json!({ "file": file, "baseHash": base });

    let set = ann.call("exec.approvals.set", change(&read["hash"])).await.unwrap();
    let stale = ann.call("exec.approvals.set", change(&read["hash"])).await;

    assert_eq!(set["resolvedDefaults"]["ask"], "always");
    assert!(matches!(stale, Err(CallError::Refused(error))
        if error["message"].as_str().unwrap().contains("changed since last load")));
    let kept = std::fs::read_to_string(home.state_dir().join("exec-approvals.json")).unwrap();
    assert!(kept.contains("\"token\""), "{kept}");
}

#[test]
fn the_local_file_is_shown_and_edited_without_a_gateway() {
    let home = quiet(TempHome::minimal().unwrap());

    let added = run(&home, &["approvals", "allowlist", "add", "~/bin/rg"]).answer();
    let shown = run(&home, &["approvals", "get", "--json"]).json();
    let removed = run(&home, &["approvals", "allowlist", "remove", "~/bin/rg"]).answer();
    let again = run(&home, &["approvals", "allowlist", "remove", "~/bin/rg"]).failure();

    assert!(added.contains("~/bin/rg"), "{added}");
    assert_eq!(shown["file"]["agents"]["*"]["allowlist"][0]["pattern"], "~/bin/rg");
    assert!(shown["file"]["socket"]["token"].is_null(), "{shown}");
    assert!(removed.contains("~/bin/rg"), "{removed}");
    assert!(again.1.contains("not on the list"), "{}", again.1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_leaves_the_sandbox_waits_for_a_person_too() {
    let command = json!({ "command": "echo outside > out", "elevated": true });
    let llm = Llm::script([calls("exec", command), says("Done.")]);
    let home = home(&llm, &json!({ "security": "full", "ask": "always" }));
    home.merge_config(&json!({
        "tools": { "elevated": { "allowFrom": { "webchat": ["*"] } } },
        "agents": { "defaults": { "sandbox": { "mode": "all" } } },
    }))
    .unwrap();
    let gateway = Gateway::start(openclaw(), &home).unwrap();
    let mut ann = gateway.connect(4).await.unwrap();

    send(&mut ann, "r1", "leave").await;
    let asked = question(&mut ann).await;
    let out = home.state_dir().join("workspace/out");
    let before = out.exists();
    resolve(&mut ann, &asked["id"], "allow-once").await.unwrap();
    let end = ann.turn_end("r1").await.unwrap();

    assert_eq!(end["state"], "final", "{end}");
    assert_eq!(
        (&asked["request"]["host"], &asked["request"]["ask"]),
        (&json!("gateway"), &json!("always"))
    );
    assert!(!before);
    assert_eq!(std::fs::read_to_string(out).unwrap(), "outside\n");
}
