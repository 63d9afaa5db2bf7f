//! The real `openclaw node run` at a real gateway: pairing, approval, calls, and commands of a
//! model with `host=node`.

use std::{
    path::Path,
    process::Child,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use testkit::{
    gateway::{CallError, Gateway, WsClient},
    home::TempHome,
    llm::{Llm, calls, says},
};

use crate::program::{openclaw, quiet, run, start};

const PATIENCE: Duration = Duration::from_secs(20);

/// A node on a machine of its own, as far as files go; gone with this.
struct Node {
    child: Child,
    home: TempHome,
}

impl Node {
    fn start(gateway: &Gateway) -> Self {
        let home = quiet(TempHome::new().unwrap());
        Self::start_in(gateway, home)
    }

    fn start_in(gateway: &Gateway, home: TempHome) -> Self {
        let (url, token) = (gateway.ws_url(), gateway.token().to_owned());
        let mut command = home.command(openclaw());
        command.args(["node", "run", "--url", &url, "--token", &token]);
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        Self { child: command.spawn().unwrap(), home }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The first node of the list that satisfies `wanted`.
async fn node(client: &mut WsClient, wanted: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let list = client.call("node.list", json!({})).await.unwrap();
        let found = list["nodes"].as_array().unwrap().iter().find(|it| wanted(it)).cloned();
        match found {
            Some(found) => return found,
            None => assert!(Instant::now() < deadline, "no such node in {list}"),
        }
    }
}

/// A gateway with a connected node whose commands are approved; the node's id.
async fn joined(home: &TempHome) -> (Gateway, Node, WsClient, String) {
    let gateway = start(home);
    let mut client = gateway.connect(4).await.unwrap();
    let machine = Node::start(&gateway);
    let waiting = node(&mut client, |it| it["connected"] == true).await;
    let request = json!({ "requestId": waiting["pendingRequestId"] });
    client.call("node.pair.approve", request).await.unwrap();
    let id = waiting["nodeId"].as_str().unwrap().to_owned();
    (gateway, machine, client, id)
}

async fn invoke(
    client: &mut WsClient,
    node: &str,
    command: &str,
    params: Value,
) -> Result<Value, Value> {
    let key = format!("{command} {params}");
    let params = json!({ "nodeId": node, "command": command, "params": params,
        "timeoutMs": 15_000, "idempotencyKey": key });
    match client.call("node.invoke", params).await {
        Ok(answer) => Ok(answer["payload"].clone()),
        Err(CallError::Refused(error)) => Err(error),
        Err(CallError::Lost(error)) => panic!("{error:#}"),
    }
}

fn script(line: &str) -> Value {
    json!({ "command": ["/bin/sh", "-c", line] })
}

/// A home whose gateway does not start anew when [`start`] writes its port down.
fn plain() -> TempHome {
    steady(TempHome::minimal().unwrap())
}

fn steady(home: TempHome) -> TempHome {
    home.merge_config(&json!({ "gateway": { "reload": { "mode": "off" } } })).unwrap();
    quiet(home)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nodes_commands_are_callable_once_they_are_approved() {
    let gateway = start(&plain());
    let mut client = gateway.connect(4).await.unwrap();
    let _machine = Node::start(&gateway);

    let waiting = node(&mut client, |it| it["connected"] == true).await;
    let id = waiting["nodeId"].as_str().unwrap().to_owned();
    let early = invoke(&mut client, &id, "system.which", json!({ "bins": ["sh"] })).await;
    let request = json!({ "requestId": waiting["pendingRequestId"] });
    client.call("node.pair.approve", request.clone()).await.unwrap();
    let again = client.call("node.pair.approve", request).await;
    let found =
        invoke(&mut client, &id, "system.which", json!({ "bins": ["sh", "no-such"] })).await;
    let ran =
        invoke(&mut client, &id, "system.run", script("echo out; echo err >&2; exit 3")).await;
    let unknown = invoke(&mut client, &id, "camera.snap", json!({})).await.unwrap_err();
    let nobody = invoke(&mut client, "nobody", "system.which", json!({})).await.unwrap_err();

    assert_eq!(waiting["approvalState"], "pending-approval");
    assert_eq!(waiting["commands"], json!([]));
    let early = early.unwrap_err();
    assert_eq!(early["message"], "node command not allowed");
    assert!(early["details"]["reason"].as_str().unwrap().contains("not approved"), "{early}");
    assert!(
        matches!(again, Err(CallError::Refused(error)) if error["message"] == "unknown requestId")
    );
    let bins = &found.unwrap()["bins"];
    assert!(bins["sh"].as_str().unwrap().ends_with("/sh") && bins["no-such"].is_null(), "{bins}");
    let ran = ran.unwrap();
    assert_eq!((&ran["stdout"], &ran["stderr"]), (&json!("out\n"), &json!("err\n")));
    assert_eq!((&ran["exitCode"], &ran["success"]), (&json!(3), &json!(false)));
    assert_eq!(unknown["message"], "node command not allowed");
    assert_eq!(
        (&nobody["code"], &nobody["details"]["code"]),
        (&json!("UNAVAILABLE"), &json!("NOT_CONNECTED"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_with_the_same_key_runs_once_and_a_command_is_killed_for_its_time() {
    let home = plain();
    let (_gateway, machine, mut client, id) = joined(&home).await;
    let counter = machine.home.path().join("count");
    let line = format!("echo x >> {}", counter.display());

    let first = invoke(&mut client, &id, "system.run", script(&line)).await.unwrap();
    let second = invoke(&mut client, &id, "system.run", script(&line)).await.unwrap();
    let mut slow = script("sleep 60");
    slow["timeoutMs"] = json!(100);
    let killed = invoke(&mut client, &id, "system.run", slow).await.unwrap();

    assert_eq!(first, second);
    assert_eq!(std::fs::read_to_string(&counter).unwrap(), "x\n");
    assert_eq!((&killed["timedOut"], &killed["exitCode"]), (&json!(true), &json!(null)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_dies_fails_its_calls_and_comes_back_approved() {
    let home = plain();
    let (gateway, mut machine, mut client, id) = joined(&home).await;
    let params = json!({ "nodeId": id, "command": "system.run", "params": script("sleep 60"),
        "timeoutMs": 20_000, "idempotencyKey": "long" });

    let call = client.send("node.invoke", params).await.unwrap();
    let busy = script("pgrep -f 'sleep 6[0]' > /dev/null && echo yes || echo no");
    let _seen = invoke(&mut client, &id, "system.run", busy).await.unwrap();
    machine.child.kill().unwrap();
    machine.child.wait().unwrap();
    let lost = client.response(&call, PATIENCE).await;
    let kept = std::mem::replace(&mut machine.home, TempHome::new().unwrap());
    let _again = Node::start_in(&gateway, kept);
    let back = node(&mut client, |it| it["connected"] == true).await;
    let ran = invoke(&mut client, &id, "system.run", script("echo back")).await.unwrap();

    assert!(matches!(lost, Err(CallError::Refused(error))
        if error["details"]["nodeError"]["code"] == "NOT_CONNECTED"));
    assert_eq!((&back["nodeId"], &back["approvalState"]), (&json!(id), &json!("approved")));
    assert_eq!(ran["stdout"], "back\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_nodes_own_file_has_the_last_word() {
    let home = plain();
    let (_gateway, machine, mut client, id) = joined(&home).await;
    let place = json!({ "nodeId": id });

    let read = client.call("exec.approvals.node.get", place).await.unwrap();
    let file = json!({ "version": 1, "defaults": { "security": "allowlist", "ask": "on-miss" },
        "agents": { "main": { "allowlist": [{ "pattern": "id" }] } } });
    let change = json!({ "nodeId": id, "file": file, "baseHash": read["hash"] });
    let set = client.call("exec.approvals.node.set", change.clone()).await.unwrap();
    let stale = client.call("exec.approvals.node.set", change).await;
    let direct = invoke(&mut client, &id, "system.execApprovals.get", json!({})).await;
    let listed = invoke(&mut client, &id, "system.run", script("id -u")).await;
    let unlisted = invoke(&mut client, &id, "system.run", script("id -u; uname")).await;
    let mut approved = script("uname -s");
    approved["approvalDecision"] = json!("allow-once");
    let approved = invoke(&mut client, &id, "system.run", approved).await;

    assert!(read["file"]["socket"]["token"].is_null(), "{read}");
    assert_eq!(set["file"]["defaults"]["security"], "allowlist");
    assert!(matches!(stale, Err(CallError::Refused(_))));
    assert!(direct.unwrap_err()["message"].as_str().unwrap().contains("exec.approvals.node"));
    assert_eq!(listed.unwrap()["exitCode"], 0);
    let unlisted = unlisted.unwrap_err();
    assert_eq!(unlisted["details"]["nodeError"]["code"], "SYSTEM_RUN_DENIED");
    assert_eq!(approved.unwrap()["exitCode"], 0);
    assert!(machine.home.path().join(".openclaw/exec-approvals.json").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_runs_a_command_on_a_node_after_a_person_agreed() {
    let llm = Llm::script([calls("exec", json!({ "command": "pwd" })), says("There.")]);
    let home = steady(TempHome::with_model(&format!("{}/v1", llm.base_url())).unwrap());
    let exec = json!({ "host": "node", "security": "full", "ask": "always" });
    home.merge_config(&json!({ "tools": { "exec": exec } })).unwrap();
    let (_gateway, machine, mut client, _id) = joined(&home).await;

    let params = json!({ "sessionKey": "main", "message": "where", "idempotencyKey": "r1" });
    client.call("chat.send", params).await.unwrap();
    let asked = client.event("exec.approval.requested", PATIENCE, |_| true).await.unwrap();
    let answer = json!({ "id": asked["id"], "decision": "allow-once" });
    client.call("exec.approval.resolve", answer).await.unwrap();
    let end = client.turn_end("r1").await.unwrap();

    assert_eq!(end["state"], "final", "{end}");
    assert_eq!(asked["request"]["host"], "node");
    let there = std::fs::canonicalize(machine.home.path()).unwrap();
    assert_eq!(Path::new(llm.request(1).result_of("exec")), there);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_lists_approves_names_and_runs() {
    let home = plain();
    let gateway = start(&home);
    let mut client = gateway.connect(4).await.unwrap();
    let _machine = Node::start(&gateway);
    let waiting = node(&mut client, |it| it["connected"] == true).await;
    let request = waiting["pendingRequestId"].as_str().unwrap();
    let id = waiting["nodeId"].as_str().unwrap();

    let pending = run(&home, &["nodes", "pending"]).answer();
    let approved = run(&home, &["nodes", "approve", request]).answer();
    run(&home, &["nodes", "rename", "--node", id, "--name", "attic"]).answer();
    let listed = run(&home, &["nodes", "list"]).answer();
    let ran = run(&home, &["nodes", "run", "--node", "attic", "echo", "a b"]).answer();
    let failed = run(&home, &["nodes", "run", "--node", "attic", "--raw", "exit 7"]).failure();
    let which = [
        "nodes",
        "invoke",
        "--node",
        "attic",
        "--command",
        "system.which",
        "--params",
        r#"{"bins":["sh"]}"#,
    ];
    let which = run(&home, &which).answer();

    assert!(pending.contains(request) && pending.contains("system.run"), "{pending}");
    assert!(approved.contains("system.run"), "{approved}");
    assert!(listed.contains("attic") && listed.contains("connected"), "{listed}");
    assert_eq!(ran, "a b\n");
    assert!(failed.1.contains("ended with code 7"), "{}", failed.1);
    assert!(which.contains("/sh"), "{which}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_tells_what_it_writes_before_its_end() {
    let home = plain();
    let (_gateway, machine, mut client, id) = joined(&home).await;
    let gate = machine.home.path().join("gate");
    let line = format!("echo one; until [ -e {} ]; do sleep 0.05; done; echo two", gate.display());
    let params = json!({ "nodeId": id, "command": "system.run", "params": script(&line),
        "timeoutMs": 20_000, "idempotencyKey": "slow" });

    let call = client.send("node.invoke", params).await.unwrap();
    let told = client.event("node.invoke.progress", PATIENCE, |_| true).await.unwrap();
    std::fs::write(&gate, "").unwrap();
    let answer = client.response(&call, PATIENCE).await.unwrap();

    assert_eq!((&told["chunk"], &told["seq"]), (&json!("one\n"), &json!(0)));
    assert_eq!((&told["nodeId"], &told["idempotencyKey"]), (&json!(id), &json!("slow")));
    assert_eq!(answer["payload"]["stdout"], "one\ntwo\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_that_is_stopped_stops_its_command_on_the_node() {
    let marker = "61.5";
    let llm = Llm::script([
        calls("exec", json!({ "command": format!("echo begun; sleep {marker}") })),
        says("Never."),
    ]);
    let home = steady(TempHome::with_model(&format!("{}/v1", llm.base_url())).unwrap());
    let exec = json!({ "host": "node", "security": "full", "ask": "off" });
    home.merge_config(&json!({ "tools": { "exec": exec } })).unwrap();
    let (_gateway, _machine, mut client, id) = joined(&home).await;

    let params = json!({ "sessionKey": "main", "message": "run it", "idempotencyKey": "r1" });
    client.call("chat.send", params).await.unwrap();
    let tells = |it: &Value| {
        let phase = it["data"]["phase"].as_str().unwrap_or_default();
        phase == "end" || (it["stream"] == "tool" && phase != "start")
    };
    let update = client.event("agent", PATIENCE, tells).await.unwrap();
    client.call("chat.abort", json!({ "sessionKey": "main" })).await.unwrap();
    // The node itself looks until the command is gone.
    let gone = "for i in $(seq 300); do pgrep -f 'sleep 61[.]5' > /dev/null || { echo gone; exit; }
        sleep 0.03; done";
    let ran = invoke(&mut client, &id, "system.run", script(gone)).await.unwrap();

    assert_eq!(ran["stdout"], "gone\n");
    assert!(update["data"]["partialResult"].to_string().contains("begun"), "{update}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_run_asks_a_person_where_the_flags_or_the_node_want_one_asked() {
    let home = plain();
    let (gateway, machine, mut client, _id) = joined(&home).await;
    let exec = |args: &[&str]| {
        let mut all = vec!["nodes", "run", "--node", "attic"];
        all.extend_from_slice(args);
        let mut command = home.command(openclaw());
        command.args(all);
        tokio::task::spawn_blocking(move || command.output().unwrap())
    };
    let rows = client.call("node.list", json!({})).await.unwrap();
    let rename = json!({ "nodeId": rows["nodes"][0]["nodeId"], "displayName": "attic" });
    client.call("node.rename", rename).await.unwrap();
    let mut answer = async |decision: &str| {
        let asked = client.event("exec.approval.requested", PATIENCE, |_| true).await.unwrap();
        let params = json!({ "id": asked["id"], "decision": decision });
        client.call("exec.approval.resolve", params).await.unwrap();
        asked
    };

    let always = exec(&["--ask", "always", "--cwd", "/", "--env", "A=b", "--raw", "echo $A; pwd"]);
    let asked = answer("allow-once").await;
    let always = always.await.unwrap();
    let denied = exec(&["--ask", "always", "uname"]);
    answer("deny").await;
    let denied = denied.await.unwrap();
    let listed = exec(&["--security", "allowlist", "--ask", "on-miss", "uname", "-s"]);
    answer("allow-once").await;
    let listed = listed.await.unwrap();
    let unasked = exec(&["--security", "allowlist", "--ask", "off", "uname"]).await.unwrap();
    let never = exec(&["--security", "deny", "uname"]).await.unwrap();
    let slow = exec(&["--command-timeout", "100", "sleep", "60"]).await.unwrap();
    let screen = exec(&["--needs-screen-recording", "uname"]).await.unwrap();

    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert_eq!(asked["request"]["command"], "echo $A; pwd");
    assert_eq!(
        (&asked["request"]["host"], &asked["request"]["nodeId"]),
        (&json!("node"), &json!("attic"))
    );
    assert_eq!(text(&always.stdout), "b\n/\n", "{}", text(&always.stderr));
    assert!(text(&denied.stderr).contains("a person said no"));
    assert_eq!(text(&listed.stdout), "Linux\n", "{}", text(&listed.stderr));
    assert!(text(&unasked.stderr).contains("SYSTEM_RUN_DENIED"), "{}", text(&unasked.stderr));
    assert!(text(&never.stderr).contains("lets nothing run"));
    assert!(text(&slow.stderr).contains("killed for its time"), "{}", text(&slow.stderr));
    assert!(text(&screen.stderr).contains("cannot record a screen"));
    drop((gateway, machine));
}
