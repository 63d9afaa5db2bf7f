//! Containers that are taken away, stopped or frozen between two calls.

use bollard::query_parameters::{
    KillContainerOptions, RemoveContainerOptionsBuilder, RestartContainerOptionsBuilder,
    StopContainerOptionsBuilder,
};

use crate::rig::Rig;

#[tokio::test]
async fn a_container_that_is_gone_or_down_is_back_for_the_next_call() {
    let rig = Rig::new().await;
    let settings = rig.settings("losses");
    let name = rig.gateway.name_of(&settings);
    let docker = rig.docker.clone();
    let inside = rig.enter(&settings).await;
    inside.exec("echo kept >kept").await;

    for (how, what) in ["remove", "kill", "stop", "restart"].into_iter().enumerate() {
        match how {
            0 => {
                let options = RemoveContainerOptionsBuilder::default().force(true).build();
                docker.remove_container(&name, Some(options)).await.unwrap();
            }
            1 => docker.kill_container(&name, None::<KillContainerOptions>).await.unwrap(),
            2 => {
                let options = StopContainerOptionsBuilder::default().t(2).build();
                docker.stop_container(&name, Some(options)).await.unwrap();
            }
            _ => {
                let options = RestartContainerOptionsBuilder::default().t(2).build();
                docker.restart_container(&name, Some(options)).await.unwrap();
            }
        }
        // The call that meets the loss may tell of it; the one after it works.
        let first = inside.exec("echo ok").await;
        assert!(first == "ok" || first.contains("sandbox"), "{what}: {first}");
        inside.assert_works(what).await;
        assert_eq!(inside.exec("cat kept").await, "kept", "{what}");
    }
}

#[tokio::test]
async fn a_frozen_container_does_not_hold_up_the_gateway_s_next_life() {
    let rig = Rig::new().await;
    let settings = rig.settings("frozen");
    let name = rig.gateway.name_of(&settings);
    rig.enter(&settings).await.assert_works("its birth").await;
    rig.docker.pause_container(&name).await.unwrap();

    let next = rig.enter_by(&rig.reborn(), &settings).await;

    next.assert_works("a freeze").await;
}
