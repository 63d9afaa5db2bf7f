//! Without the servant: the same deeds by the engine's exec.

use std::{path::PathBuf, time::Duration};

use sandbox::{
    Exit, FileKind, SandboxError, Stat,
    docker::{Backend, Reach},
};

use crate::rig::{Rig, command, out, run, until};

fn gateway(rig: &Rig) -> Backend {
    let mut options = rig.options();
    options.servant = Some(PathBuf::from("/no/such/servant"));
    Backend::new(options)
}

#[tokio::test]
async fn commands_and_files_work_and_the_way_is_told() {
    let rig = Rig::new().await;
    let settings = rig.settings("exec");

    let (sandbox, reach) = gateway(&rig).open(&settings).await.unwrap();

    assert_eq!(reach, Reach::EngineExec);
    assert!(reach.describe().contains("the engine's exec"));
    assert_eq!(out(&*sandbox, "pwd; echo $LANG").await, "/workspace\nC.UTF-8");
    assert_eq!(run(&*sandbox, "exit 7").await.exit, Exit::Code(7));
    sandbox.write("a/b", b"text").await.unwrap();
    assert_eq!(sandbox.read("a/b", 10).await.unwrap(), b"text");
    let stat = sandbox.stat("a/b").await.unwrap();
    assert_eq!(stat, Some(Stat { kind: FileKind::File, bytes: 4 }));
    let refused = sandbox.read("a/b", 3).await;
    assert!(matches!(refused, Err(SandboxError::TooLarge { bytes: 4, .. })), "{refused:?}");
    sandbox.remove("a/b").await.unwrap();
    assert_eq!(sandbox.stat("a/b").await.unwrap(), None);
    let refused = sandbox.read("a/b", 3).await;
    assert!(matches!(refused, Err(SandboxError::NotFound { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_killed_command_takes_its_children_along() {
    let rig = Rig::new().await;
    let settings = rig.settings("kill");
    let sandbox = gateway(&rig).ensure(&settings).await.unwrap();
    let line = "setsid sleep 300 & sh -c 'echo up; sleep 301; true'; true";
    let mut running = sandbox.exec(command(line)).await.unwrap();
    running.output.recv().await.unwrap();

    running.killer.kill();

    let ended = tokio::time::timeout(Duration::from_secs(10), running.exit).await.unwrap();
    assert_eq!(ended, Ok(Exit::Signal(9)));
    let list = "for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline; echo; done | grep -c '^sleep 30' || true";
    until("they are gone", || async { out(&*sandbox, list).await == "0" }).await;
}

#[tokio::test]
async fn how_a_sandbox_is_reached_is_known_before_it_is_there_and_told_as_it_was_made() {
    let rig = Rig::new().await;
    let mut settings = rig.settings("reach");
    let (with, without) = (rig.gateway(), gateway(&rig));

    assert_eq!(with.reach(&settings).await, Some(Reach::Servant));
    assert_eq!(without.reach(&settings).await, Some(Reach::EngineExec));
    without.ensure(&settings).await.unwrap();
    assert_eq!(with.reach(&settings).await, Some(Reach::EngineExec));

    settings.scope.key.push_str("-other");
    settings.container.image = "not/there:1".to_owned();
    assert_eq!(with.reach(&settings).await, None);
    let mut options = rig.options();
    options.env = [("DOCKER_HOST".to_owned(), "unix:///nowhere/docker.sock".to_owned())].into();
    assert_eq!(Backend::new(options).reach(&settings).await, None);
    assert_eq!((Reach::Servant.as_str(), Reach::EngineExec.as_str()), ("servant", "engine-exec"));
}
