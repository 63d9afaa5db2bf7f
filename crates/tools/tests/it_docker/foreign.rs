//! An image of another architecture: our servant does not run there, and the tools work all the
//! same, by the engine's exec.

use std::time::Duration;

use bollard::{
    Docker, body_full,
    query_parameters::{ImportImageOptionsBuilder, RemoveImageOptionsBuilder},
};
use futures_util::StreamExt;
use sandbox::docker::{Reach, Settings, settings::DEFAULT_IMAGE};
use serde_json::{Value, json};

use crate::rig::{Rig, adding, text};

/// The sandbox image under another name, whose config claims another machine. What is in it runs
/// here, so the tools can be tried.
struct Foreign(String);

impl Foreign {
    async fn make(rig: &Rig, settings: &mut Settings) -> Self {
        let name = format!("openclaw-test-foreign:{}", sandbox::naming::slug(&settings.scope.key));
        let mut saved = Vec::new();
        let mut saving = rig.docker.export_image(DEFAULT_IMAGE);
        while let Some(piece) = saving.next().await {
            saved.extend_from_slice(&piece.unwrap());
        }
        let options = ImportImageOptionsBuilder::default().build();
        let body = body_full(elsewhere(&saved, &name).into());
        let mut loading = rig.docker.import_image(options, body, None);
        while let Some(step) = loading.next().await {
            step.unwrap();
        }
        settings.container.image.clone_from(&name);
        Self(name)
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        let name = self.0.clone();
        // Of its own, since a test that panics takes its runtime down.
        let removed = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                let docker = Docker::connect_with_local_defaults().unwrap();
                let options = RemoveImageOptionsBuilder::default().force(true).build();
                docker.remove_image(&name, Some(options), None).await.ok();
            });
        });
        removed.join().ok();
    }
}

/// The archive of an image with another architecture and name in it.
fn elsewhere(saved: &[u8], name: &str) -> Vec<u8> {
    let other = if cfg!(target_arch = "x86_64") { "arm64" } else { "amd64" };
    let mut into = tar::Builder::new(Vec::new());
    let mut from = tar::Archive::new(saved);
    for entry in from.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().into_owned();
        let mut header = entry.header().clone();
        let mut bytes = Vec::new();
        std::io::copy(&mut entry, &mut bytes).unwrap();
        let parsed = if path.extension().is_some_and(|it| it == "json") {
            serde_json::from_slice::<Value>(&bytes).ok()
        } else {
            None
        };
        if let Some(mut value) = parsed {
            if value.get("architecture").is_some() && value.get("rootfs").is_some() {
                value["architecture"] = other.into();
            } else if path.as_os_str() == "manifest.json" {
                value[0]["RepoTags"] = json!([name]);
            }
            bytes = value.to_string().into_bytes();
            header.set_size(bytes.len() as u64);
        }
        if path.as_os_str() != "repositories" {
            into.append_data(&mut header, &path, bytes.as_slice()).unwrap();
        }
    }
    into.into_inner().unwrap()
}

#[tokio::test]
async fn an_image_of_another_architecture_is_reached_by_the_engine_and_serves_all_tools() {
    let rig = Rig::new().await;
    let mut settings = rig.settings("foreign");
    let _image = Foreign::make(&rig, &mut settings).await;

    assert_eq!(rig.gateway.reach(&settings).await, Some(Reach::EngineExec));
    let mut inside = rig.enter(&settings).await;

    assert_eq!(inside.exec("pwd; echo $LANG").await, "/workspace\nC.UTF-8");
    let said = inside.call("write", json!({ "path": "d/a b", "content": "one\ntwo\n" })).await;
    assert!(said.contains("Successfully wrote"), "{said}");
    assert_eq!(inside.call("read", json!({ "path": "d/a b" })).await, "one\ntwo\n");
    inside.call("edit", json!({ "path": "d/a b", "oldText": "two", "newText": "2" })).await;
    assert_eq!(text(&settings.sandbox_dir.join("d/a b")), "one\n2\n");
    inside.call("apply_patch", adding("made", "by a patch")).await;
    assert_eq!(text(&settings.sandbox_dir.join("made")), "by a patch\n");
    inside.abuse(("read", json!({ "path": "none" }), "File not found")).await;
    let write = json!({ "path": "/etc/made", "content": "x" });
    inside.abuse(("write", write, "Read-only file system")).await;
    let canary = rig.home.join("canary");
    inside.abuse(("read", json!({ "path": canary }), "File not found")).await;

    // Nothing outlives its call, whatever it does to be forgotten.
    inside.limit(|limits| limits.exec.timeout = Some(Duration::from_secs(10)));
    for line in ["sleep 98765 & sleep 98765", "setsid sleep 98765 & sleep 98765"] {
        let said = inside.call("exec", json!({ "command": line, "timeout": 0.4 })).await;
        assert!(said.contains("timed out"), "{line}: {said}");
        assert_eq!(inside.processes_with("98765").await, "0", "{line}");
    }
    let told = inside.call("exec", json!({ "command": "cat", "background": true })).await;
    let id = told.split("session ").nth(1).unwrap().split(',').next().unwrap();
    let write = json!({ "action": "write", "sessionId": id, "data": "typed\n", "eof": true });
    inside.call("process", write).await;
    let poll = json!({ "action": "poll", "sessionId": id, "timeout": 10_000 });
    let said = inside.call("process", poll).await;
    assert!(said.contains("typed"), "{said}");
    rig.assert_untouched();
}
