//! Other scopes of this gateway, and other gateways at the same engine.

use serde_json::json;

use crate::rig::{Rig, SECRET, shell};

#[tokio::test]
async fn another_scope_s_files_and_processes_are_out_of_sight() {
    let rig = Rig::new().await;
    let settings = rig.settings("theirs");
    let theirs = rig.enter(&settings).await;
    theirs.exec(&format!("echo \"{SECRET}\" >file; echo \"{SECRET}\" >/tmp/file")).await;
    let sleeping = json!({ "command": "sleep 43210", "background": true });
    theirs.call("exec", sleeping).await;

    let mine = rig.boxed("mine").await;

    let place = settings.sandbox_dir.join("file").display().to_string();
    let slug = settings.sandbox_dir.file_name().unwrap().to_str().unwrap();
    for path in [&place, &format!("../{slug}/file"), "/tmp/file", "/workspace/../workspace/file"] {
        mine.abuse(("read", json!({ "path": path }), "not found")).await;
        mine.abuse_by_shell(&format!("cat {path}"), "No such file").await;
    }
    assert_eq!(mine.processes_with("43210").await, "0");
    mine.abuse(shell("kill -9 -1; kill -9 $(seq 2 300) 2>/dev/null; true", "")).await;
    assert_ne!(theirs.processes_with("43210").await, "0");
    theirs.assert_works("the neighbour's abuses").await;
}

#[tokio::test]
async fn another_gateway_s_containers_are_neither_used_nor_removed() {
    let rig = Rig::new().await;
    let settings = rig.settings("contested");
    let other = rig.other_gateway("other");
    let theirs = other.ensure(&settings).await.unwrap();
    theirs.write("file", SECRET.as_bytes()).await.unwrap();
    let mut ours = settings.clone();
    ours.sandbox_dir = rig.home.join("sandboxes/ours");

    let inside = rig.enter(&ours).await;
    let said = rig.gateway.remove(&other.name_of(&settings)).await.unwrap_err().to_string();
    rig.gateway.sweep().await.unwrap();

    assert!(said.contains("another gateway made it"), "{said}");
    inside.abuse_by_shell("cat file", "No such file").await;
    assert_ne!(other.name_of(&settings), rig.gateway.name_of(&settings));
    assert_eq!(theirs.read("file", 99).await.unwrap(), SECRET.as_bytes());
    rig.boxed("own").await.assert_works("the neighbour's container").await;
}
