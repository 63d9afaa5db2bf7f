//! Prints how fast sandboxes are on this machine's engine.
//!
//! Needs `scripts/docker-engine.sh`, `scripts/sandbox-image.sh` and `scripts/build-boxd.sh`.
//! `cargo run --release -p sandbox --example figures -- <servant>`

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a program for people")]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use bollard::{
    Docker,
    models::{ContainerCreateBody, HostConfig},
    query_parameters::{
        CreateContainerOptionsBuilder, RemoveContainerOptionsBuilder, StartContainerOptions,
        WaitContainerOptions,
    },
};
use domain::SystemClock;
use futures_util::StreamExt;
use sandbox::{
    Command, Sandbox, Stdin,
    docker::{
        Backend, Engine, Options, Owner, Settings,
        settings::{Access, Allowed, Container, Scope, Seed, Sharing},
    },
};
use store::SandboxRegistry;
use tokio::time::Instant;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

#[tokio::main]
async fn main() {
    let servant = PathBuf::from(std::env::args().nth(1).unwrap());
    let home = tempfile::tempdir().unwrap();
    let docker = Docker::connect_with_local_defaults().unwrap().negotiate_version().await.unwrap();
    let mut runs = Vec::new();
    for _ in 0..5 {
        runs.push(plain_run(&docker).await);
    }
    print("create+start+wait of `true`, same limits", &mut runs);

    let gateway = gateway(home.path(), servant);
    gateway.warm(&settings(home.path(), "warm", 0)).await.unwrap();
    let mut names = Vec::new();
    let mut runs = Vec::new();
    for n in 0..5 {
        let settings = settings(home.path(), &format!("cold{n}"), 0);
        runs.push(first_call(&gateway, &settings).await);
        names.push(gateway.name_of(&settings));
    }
    print("first call without a spare", &mut runs);

    let mut runs = Vec::new();
    gateway.warm(&settings(home.path(), "warm", 1)).await.unwrap();
    for n in 0..5 {
        while gateway.spares().is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let settings = settings(home.path(), &format!("spare{n}"), 1);
        runs.push(first_call(&gateway, &settings).await);
        names.push(gateway.name_of(&settings));
    }
    print("first call with a spare", &mut runs);
    while gateway.spares().is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    let settings = settings(home.path(), "cold0", 0);
    let sandbox = gateway.ensure(&settings).await.unwrap();
    let mut runs = Vec::new();
    for _ in 0..1000 {
        let from = Instant::now();
        call(&*sandbox).await;
        runs.push(from.elapsed());
    }
    print("warm `true`", &mut runs);
    let mut runs = Vec::new();
    for _ in 0..20 {
        let from = Instant::now();
        gateway.ensure(&settings).await.unwrap();
        runs.push(from.elapsed());
    }
    print("ensure of a live sandbox", &mut runs);
    let bytes = vec![7; 1 << 20];
    let (mut reads, mut writes) = (Vec::new(), Vec::new());
    for _ in 0..50 {
        let from = Instant::now();
        sandbox.write("file", &bytes).await.unwrap();
        writes.push(from.elapsed());
        let from = Instant::now();
        assert_eq!(sandbox.read("file", 2 << 20).await.unwrap().len(), bytes.len());
        reads.push(from.elapsed());
    }
    print("write of 1 MiB", &mut writes);
    print("read of 1 MiB", &mut reads);

    gateway.close().await;
    for name in names {
        gateway.remove(&name).await.unwrap();
    }
}

fn print(what: &str, runs: &mut [Duration]) {
    runs.sort();
    let at = |percent: usize| runs[(runs.len() - 1) * percent / 100];
    println!("{what}: p50 {:?}, p99 {:?}, {} runs", at(50), at(99), runs.len());
}

async fn first_call(gateway: &Backend, settings: &Settings) -> Duration {
    let from = Instant::now();
    let sandbox = gateway.ensure(settings).await.unwrap();
    call(&*sandbox).await;
    from.elapsed()
}

async fn call(sandbox: &dyn Sandbox) {
    let command = Command {
        line: "true".to_owned(),
        workdir: None,
        env: BTreeMap::new(),
        stdin: Stdin::Null,
        pty: None,
    };
    let mut running = sandbox.exec(command).await.unwrap();
    while running.output.recv().await.is_some() {}
    running.exit.await.unwrap();
}

async fn plain_run(docker: &Docker) -> Duration {
    let from = Instant::now();
    let limits = Container::default();
    let tmpfs = limits.tmpfs.iter().map(|it| (it.clone(), String::new())).collect();
    let body = ContainerCreateBody {
        image: Some(limits.image),
        cmd: Some(vec!["true".to_owned()]),
        host_config: Some(HostConfig {
            readonly_rootfs: Some(true),
            tmpfs: Some(tmpfs),
            network_mode: Some(limits.network),
            cap_drop: Some(limits.cap_drop),
            security_opt: Some(vec!["no-new-privileges".to_owned()]),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    };
    let options = CreateContainerOptionsBuilder::default().build();
    let id = docker.create_container(Some(options), body).await.unwrap().id;
    let mut ends = docker.wait_container(&id, None::<WaitContainerOptions>);
    docker.start_container(&id, None::<StartContainerOptions>).await.unwrap();
    ends.next().await.unwrap().unwrap();
    let took = from.elapsed();
    let options = RemoveContainerOptionsBuilder::default().force(true).build();
    docker.remove_container(&id, Some(options)).await.unwrap();
    took
}

fn gateway(home: &Path, servant: PathBuf) -> Backend {
    Backend::new(Options {
        engine: Engine::Docker,
        env: BTreeMap::new(),
        homes: Vec::new(),
        registry: SandboxRegistry::new(home),
        clock: SystemClock::shared(),
        servant: Some(servant),
        owner: Owner::new(sandbox::docker::earlier_id(home)),
        labels: BTreeMap::new(),
        tasks: TaskTracker::new(),
        stop: CancellationToken::new(),
    })
}

fn settings(home: &Path, session: &str, spares: u32) -> Settings {
    let key = format!("{session}-{}", home.display());
    Settings {
        sandbox_dir: home.join("sandboxes").join(sandbox::naming::slug(&key)),
        scope: Scope { sharing: Sharing::Session, key, agent: "main".to_owned() },
        access: Access::None,
        agent_dir: home.join("workspace"),
        container: Container::default(),
        allowed: Allowed::default(),
        spares,
        seed: Seed::default(),
        exposed: std::sync::Arc::default(),
    }
}
