//! Containers that go away, engines that stop, gateways that die.

use std::{collections::BTreeMap, time::Duration};

use bollard::query_parameters::{
    KillContainerOptions, RemoveContainerOptionsBuilder, StopContainerOptionsBuilder,
};
use sandbox::docker::{Backend, Options};
use tokio::time::Instant;

use crate::{
    proxy::Proxy,
    rig::{Rig, command, out},
};

#[tokio::test]
async fn a_container_removed_behind_our_back_is_made_anew_for_the_next_call() {
    let rig = Rig::new().await;
    let settings = rig.settings("removed");
    let sandbox = rig.gateway().ensure(&settings).await.unwrap();
    let first = rig.id(&settings).await;
    let running = sandbox.exec(command("sleep 60")).await.unwrap();

    let options = RemoveContainerOptionsBuilder::default().force(true).build();
    rig.docker.remove_container(&first, Some(options)).await.unwrap();
    let ended = running.exit.await;

    assert!(ended.is_err() || ended != Ok(sandbox::Exit::Code(0)), "{ended:?}");
    assert_eq!(out(&*sandbox, "echo again").await, "again");
    assert_ne!(rig.id(&settings).await, first);
}

#[tokio::test]
async fn a_killed_or_stopped_container_is_back_for_the_next_call() {
    let rig = Rig::new().await;
    let settings = rig.settings("killed");
    let sandbox = rig.gateway().ensure(&settings).await.unwrap();
    let name = rig.name_of(&settings);

    rig.docker.kill_container(&name, None::<KillContainerOptions>).await.unwrap();
    sandbox.stat("/").await.ok();
    assert_eq!(out(&*sandbox, "echo again").await, "again");

    let options = StopContainerOptionsBuilder::default().t(1).build();
    rig.docker.stop_container(&name, Some(options)).await.unwrap();
    sandbox.stat("/").await.ok();
    assert_eq!(out(&*sandbox, "echo and again").await, "and again");
}

#[tokio::test]
async fn a_new_gateway_takes_up_the_containers_of_the_old_one() {
    let rig = Rig::new().await;
    let settings = rig.settings("adopted");
    let old = rig.options();
    let (stop, tasks) = (old.stop.clone(), old.tasks.clone());
    let gateway = Backend::new(old);
    let sandbox = gateway.ensure(&settings).await.unwrap();
    let first = rig.id(&settings).await;
    out(&*sandbox, "echo kept >/tmp/memory").await;
    // A kill leaves half a conversation behind; dropping everything at once is the nearest.
    let endless = sandbox.exec(command("yes")).await.unwrap();
    drop((sandbox, gateway));
    stop.cancel();
    drop(endless);
    tasks.close();

    let sandbox = rig.gateway().ensure(&settings).await.unwrap();

    assert_eq!(rig.id(&settings).await, first);
    assert_eq!(out(&*sandbox, "cat /tmp/memory").await, "kept");
}

#[tokio::test]
async fn a_workspace_that_was_replaced_on_our_side_is_mounted_anew() {
    let rig = Rig::new().await;
    let settings = rig.settings("replaced");
    let gateway = rig.gateway();
    gateway.ensure(&settings).await.unwrap();
    std::fs::remove_dir_all(&settings.sandbox_dir).unwrap();
    std::fs::create_dir(&settings.sandbox_dir).unwrap();
    std::fs::write(settings.sandbox_dir.join("new"), "seen").unwrap();

    let sandbox = gateway.ensure(&settings).await.unwrap();

    assert_eq!(out(&*sandbox, "cat new").await, "seen");
}

#[tokio::test]
async fn a_stopped_container_is_started_by_the_next_gateway() {
    let rig = Rig::new().await;
    let settings = rig.settings("stopped");
    drop(rig.gateway().ensure(&settings).await.unwrap());
    let first = rig.id(&settings).await;
    let options = StopContainerOptionsBuilder::default().t(1).build();
    rig.docker.stop_container(&first, Some(options)).await.unwrap();

    let sandbox = rig.gateway().ensure(&settings).await.unwrap();

    assert_eq!(rig.id(&settings).await, first);
    assert_eq!(out(&*sandbox, "echo up").await, "up");
}

#[tokio::test]
async fn an_engine_that_stops_in_mid_call_fails_that_call_and_serves_the_next() {
    let rig = Rig::new().await;
    let settings = rig.settings("engine");
    let proxy = Proxy::start(&rig.home.join("engine.sock"));
    let mut options = rig.options();
    options.env = BTreeMap::from([("DOCKER_HOST".to_owned(), proxy.address())]);
    let gateway = Backend::new(options);
    let sandbox = gateway.ensure(&settings).await.unwrap();
    let running = sandbox.exec(command("sleep 60")).await.unwrap();

    proxy.stop().await;
    let ended = running.exit.await;
    let refused = sandbox.stat("/").await.unwrap_err().to_string();

    assert!(ended.is_err() || ended != Ok(sandbox::Exit::Code(0)), "{ended:?}");
    assert!(refused.contains("agents.defaults.sandbox.mode=off"), "{refused}");
    let _proxy = Proxy::start(&rig.home.join("engine.sock"));
    assert_eq!(out(&*sandbox, "echo again").await, "again");
}

/// How long a call may take that finds its container frozen.
const THAWED_WITHIN: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_container_frozen_under_a_live_gateway_is_thawed_by_the_next_call() {
    let rig = Rig::new().await;
    for servant in [Some(testkit::containers::servant()), Some("/no/such/servant".into())] {
        let settings = rig.settings("frozen");
        let gateway = Backend::new(Options { servant, ..rig.options() });
        let sandbox = gateway.ensure(&settings).await.unwrap();
        let first = rig.id(&settings).await;
        out(&*sandbox, "echo kept >/tmp/memory").await;

        for call in ["exec", "read", "ensure"] {
            rig.docker.pause_container(&first).await.unwrap();
            let began = Instant::now();
            match call {
                "exec" => assert_eq!(out(&*sandbox, "cat /tmp/memory").await, "kept"),
                "read" => assert_eq!(sandbox.read("/tmp/memory", 9).await.unwrap(), b"kept\n"),
                _ => {
                    let sandbox = gateway.ensure(&settings).await.unwrap();
                    assert_eq!(out(&*sandbox, "cat /tmp/memory").await, "kept");
                }
            }
            assert!(began.elapsed() < THAWED_WITHIN, "{call} took {:?}", began.elapsed());
        }

        assert_eq!(rig.id(&settings).await, first, "it is the same container");
        gateway.remove(&rig.name_of(&settings)).await.unwrap();
    }
}

#[tokio::test]
async fn a_frozen_container_of_an_earlier_life_goes_on_in_the_next() {
    let rig = Rig::new().await;
    let settings = rig.settings("thawed");
    out(&*rig.gateway().ensure(&settings).await.unwrap(), "echo kept >/tmp/memory").await;
    let first = rig.id(&settings).await;
    rig.docker.pause_container(&first).await.unwrap();

    let sandbox = rig.gateway().ensure(&settings).await.unwrap();

    assert_eq!(out(&*sandbox, "cat /tmp/memory").await, "kept");
    assert_eq!(rig.id(&settings).await, first);
}
