//! A gateway that runs in a container itself, with the host's engine.
//!
//! The test starts itself in a container in which the state directory has another path than
//! on the host; a file there tells the inner run that it is the inner one.

use std::path::Path;

use bollard::{
    container::LogOutput,
    models::{ContainerCreateBody, HostConfig},
    query_parameters::{
        AttachContainerOptionsBuilder, CreateContainerOptionsBuilder, StartContainerOptions,
        WaitContainerOptions,
    },
};
use futures_util::StreamExt;
use sandbox::docker::settings::DEFAULT_IMAGE;

use crate::rig::{Rig, out, text};

const INNER: &str = "/gateway-state";

#[tokio::test]
async fn its_directories_are_found_on_the_host_or_refused() {
    if Path::new(INNER).join("run").is_file() {
        return inner().await;
    }
    let rig = Rig::new().await;
    std::fs::write(rig.home.join("run"), "").unwrap();
    let exe = std::env::current_exe().unwrap();
    let body = ContainerCreateBody {
        image: Some(DEFAULT_IMAGE.to_owned()),
        labels: Some([rig.label()].into()),
        // The socket is the superuser's, and the image's own user is not.
        user: Some("0:0".to_owned()),
        entrypoint: Some(vec!["/target/boxd-test".to_owned()]),
        cmd: Some(
            ["--exact", "inside::its_directories_are_found_on_the_host_or_refused", "--nocapture"]
                .map(str::to_owned)
                .to_vec(),
        ),
        host_config: Some(HostConfig {
            network_mode: Some("none".to_owned()),
            binds: Some(vec![
                "/var/run/docker.sock:/var/run/docker.sock".to_owned(),
                format!("{}:{INNER}", rig.home.display()),
                format!("{}:/target/boxd-test:ro", exe.display()),
                format!(
                    "{}:/target/boxd/openclaw-boxd:ro",
                    testkit::containers::servant().display()
                ),
            ]),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    };
    let options = CreateContainerOptionsBuilder::default().build();
    let id = rig.docker.create_container(Some(options), body).await.unwrap().id;
    let options = AttachContainerOptionsBuilder::default().stream(true).stdout(true).stderr(true);
    let mut said = rig.docker.attach_container(&id, Some(options.build())).await.unwrap().output;

    rig.docker.start_container(&id, None::<StartContainerOptions>).await.unwrap();

    let mut words = String::new();
    while let Some(Ok(piece)) = said.next().await {
        words.push_str(&LogOutput::to_string(&piece));
    }
    let mut ends = rig.docker.wait_container(&id, None::<WaitContainerOptions>);
    let ended = ends.next().await.unwrap();
    assert!(ended.is_ok(), "{words}");
    assert_eq!(text(&rig.home.join("seen")), "from the box\n");
}

async fn inner() {
    let rig = Rig::at(INNER.into()).await;
    let gateway = rig.gateway();
    let settings = rig.settings("inner");

    let sandbox = gateway.ensure(&settings).await.unwrap();
    out(&*sandbox, "echo from the box >made").await;
    std::fs::copy(settings.sandbox_dir.join("made"), Path::new(INNER).join("seen")).unwrap();

    let mut lost = rig.settings("lost");
    lost.sandbox_dir = "/only/in/the/image".into();
    let refused = rig.gateway().ensure(&lost).await.err().unwrap().to_string();
    assert!(refused.contains("/only/in/the/image") && refused.contains("restart"), "{refused}");
}
