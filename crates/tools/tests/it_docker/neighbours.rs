//! Other scopes of this gateway, and other gateways at the same engine.

use sandbox::docker::Backend;
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
    let id = rig.id(&settings).await;
    theirs.write("file", SECRET.as_bytes()).await.unwrap();

    let said = rig.gateway.ensure(&settings).await.err().map(|it| it.to_string());
    let unremoved = rig.gateway.remove(&Backend::name_of(&settings)).await;
    rig.gateway.sweep().await.unwrap();

    assert!(said.unwrap().contains("another gateway made it"));
    assert!(unremoved.is_err(), "it is not ours to remove");
    assert_eq!(rig.id(&settings).await, id);
    assert_eq!(theirs.read("file", 99).await.unwrap(), SECRET.as_bytes());
    rig.boxed("own").await.assert_works("the neighbour's container").await;
}
