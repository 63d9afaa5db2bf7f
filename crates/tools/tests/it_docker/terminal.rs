//! Commands on a terminal in a sandbox.

use serde_json::json;

use crate::rig::Rig;

#[tokio::test]
async fn a_terminal_in_a_sandbox_is_one_and_takes_what_is_typed() {
    let rig = Rig::new().await;
    let inside = rig.boxed("terminal").await;
    let asks = "test -t 0 -a -t 1 && stty size; read -r x; echo \"got=[$x]\"";

    let told =
        inside.call("exec", json!({ "command": asks, "pty": true, "background": true })).await;
    let id = told.split("session ").nth(1).unwrap().split(',').next().unwrap();
    inside.call("process", json!({ "action": "submit", "sessionId": id, "data": "yes" })).await;
    let mut said = String::new();
    while !said.contains("exited") {
        let poll = json!({ "action": "poll", "sessionId": id, "timeout": 10_000 });
        said.push_str(&inside.call("process", poll).await);
    }

    assert!(said.contains("30 120"), "{said}");
    assert!(said.contains("got=[yes]"), "{said}");
}
