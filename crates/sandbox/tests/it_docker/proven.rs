//! The wall as it is found inside, beside the one that was asked for.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use sandbox::docker::{
    Backend, Settings, Verdict,
    settings::{Access, Container, Ulimit},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
    task::JoinSet,
};

use crate::rig::{Rig, out};

/// A key below `sandbox`, and how an engine leaves it out.
type Case = (&'static str, fn(&mut Value));

/// The guide's hardening example.
fn hardened() -> Container {
    Container {
        user: Some("1000:1000".to_owned()),
        pids_limit: Some(256),
        memory: Some("512m".to_owned()),
        memory_swap: Some("768m".to_owned()),
        cpus: Some(0.5),
        ulimits: BTreeMap::from([(
            "nofile".to_owned(),
            Ulimit { soft: Some(1024), hard: Some(2048) },
        )]),
        tmpfs: ["/tmp:size=64m", "/var/tmp:size=16m", "/run:size=16m"].map(str::to_owned).to_vec(),
        ..Container::default()
    }
}

fn hardened_settings(rig: &Rig, name: &str) -> Settings {
    Settings { container: hardened(), ..rig.settings(name) }
}

/// What came of each setting.
async fn verdicts(gateway: &Backend, settings: &Settings) -> Vec<(String, Verdict)> {
    let rows = gateway.wall(settings).await;
    rows.into_iter().map(|row| (row.key, row.verdict)).collect()
}

#[tokio::test]
async fn every_setting_of_the_wall_is_found_inside_and_remembered() {
    let rig = Rig::new().await;
    let mut settings = hardened_settings(&rig, "proven");
    settings.access = Access::Ro;
    std::fs::create_dir_all(&settings.agent_dir).unwrap();
    settings.container.runtime = Some("runc".to_owned());
    let gateway = rig.gateway();
    let before = verdicts(&gateway, &settings).await;
    assert!(before.iter().all(|(_, verdict)| *verdict == Verdict::Unproven), "{before:?}");

    let sandbox = gateway.ensure(&settings).await.unwrap();

    let keys = [
        "docker.runtime",
        "docker.user",
        "docker.capDrop",
        "docker (always)",
        "docker.seccompProfile",
        "docker.network",
        "docker.pidsLimit",
        "docker.memory",
        "docker.memorySwap",
        "docker.cpus",
        "docker.ulimits.nofile",
        "docker.readOnlyRoot",
        "docker.tmpfs",
        "docker.tmpfs",
        "docker.tmpfs",
        "workspaceAccess",
        "workspaceAccess",
    ];
    let expected = keys.map(|key| (key.to_owned(), Verdict::Holds));
    assert_eq!(verdicts(&gateway, &settings).await, expected);
    assert_eq!(out(&*sandbox, "touch /tmp/x /var/tmp/x /run/x && echo made").await, "made");
    // Also by a gateway that did not make it; and what was not asked for then is not proven.
    assert_eq!(verdicts(&rig.gateway(), &settings).await, expected);
    settings.container.pids_limit = Some(255);
    let other = verdicts(&rig.gateway(), &settings).await;
    assert_eq!(other[6], ("docker.pidsLimit".to_owned(), Verdict::Unproven));
}

#[tokio::test]
async fn a_container_that_was_started_again_is_proven_again_and_a_spare_before_it_is_one() {
    let rig = Rig::new().await;
    let mut settings = hardened_settings(&rig, "again");
    settings.spares = 1;
    let gateway = rig.gateway();
    gateway.ensure(&settings).await.unwrap();
    crate::rig::until("a spare is ready", || async { !gateway.spares().is_empty() }).await;
    let mut second = hardened_settings(&rig, "second");
    second.spares = 1;

    gateway.ensure(&second).await.unwrap();
    for settings in [&settings, &second] {
        let rows = verdicts(&gateway, settings).await;
        assert!(rows.iter().all(|(_, verdict)| *verdict == Verdict::Holds), "{rows:?}");
    }
    gateway.close().await;

    let id = rig.id(&settings).await;
    rig.docker.stop_container(&id, None).await.unwrap();
    let sandbox = rig.gateway().ensure(&settings).await.unwrap();
    assert_eq!(out(&*sandbox, "echo on").await, "on");
    assert_eq!(rig.id(&settings).await, id);
}

#[tokio::test]
async fn what_an_engine_leaves_out_is_refused_by_name_and_nothing_runs() {
    let rig = Rig::new().await;
    let cases: [Case; 14] = [
        ("docker.user", |body| body["User"] = json!("0:0")),
        ("docker.capDrop", |body| body["HostConfig"]["CapDrop"] = json!(["CHOWN"])),
        ("docker (always)", |body| body["HostConfig"]["SecurityOpt"] = json!([])),
        ("docker.seccompProfile", |body| {
            let unconfined = json!(["no-new-privileges", "seccomp=unconfined"]);
            body["HostConfig"]["SecurityOpt"] = unconfined;
        }),
        ("docker.network", |body| body["HostConfig"]["NetworkMode"] = json!("bridge")),
        ("docker.network", |body| body["HostConfig"]["NetworkMode"] = json!("host")),
        ("docker.pidsLimit", |body| body["HostConfig"]["PidsLimit"] = json!(null)),
        ("docker.memory", |body| body["HostConfig"]["Memory"] = json!(700 << 20)),
        ("docker.memorySwap", |body| body["HostConfig"]["MemorySwap"] = json!(null)),
        ("docker.cpus", |body| body["HostConfig"]["NanoCpus"] = json!(null)),
        ("docker.ulimits.nofile", |body| body["HostConfig"]["Ulimits"] = json!([])),
        ("docker.readOnlyRoot", |body| body["HostConfig"]["ReadonlyRootfs"] = json!(false)),
        ("docker.tmpfs", |body| body["HostConfig"]["Tmpfs"]["/tmp"] = json!("uid=1000")),
        ("workspaceAccess", |body| {
            for mount in body["HostConfig"]["Mounts"].as_array_mut().unwrap() {
                mount["ReadOnly"] = json!(mount["Type"] == "volume");
            }
        }),
    ];
    for (at, (key, leave_out)) in cases.into_iter().enumerate() {
        let mut settings = hardened_settings(&rig, &format!("out-{at}"));
        settings.access = Access::Ro;
        std::fs::create_dir_all(&settings.agent_dir).unwrap();
        settings.container.setup_command = Some("touch /workspace/ran".to_owned());
        let path = rig.home.join(format!("sock-{at}"));
        let _liar = Liar::start(&path, leave_out);
        let mut options = rig.options();
        options.env =
            BTreeMap::from([("DOCKER_HOST".to_owned(), format!("unix://{}", path.display()))]);

        let refused = Backend::new(options).ensure(&settings).await;

        let said = refused.err().unwrap_or_else(|| panic!("{key} was not missed")).to_string();
        assert!(said.contains(&format!("`sandbox.{key}` asks for")), "{key}: {said}");
        assert!(!settings.sandbox_dir.join("ran").exists(), "{key}");
        assert!(rig.inspect(&settings).await.is_none(), "{key}");
    }
}

/// An engine that makes containers other than it was asked to: the real one, behind a socket
/// that changes the request.
struct Liar(JoinSet<()>);

impl Liar {
    fn start(path: &Path, change: fn(&mut Value)) -> Self {
        let listener = UnixListener::bind(path).unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                connections.spawn(pass(client, change));
            }
        });
        Self(tasks)
    }
}

impl Drop for Liar {
    fn drop(&mut self) {
        self.0.abort_all();
    }
}

async fn pass(mut client: UnixStream, change: fn(&mut Value)) {
    let mut engine = UnixStream::connect(PathBuf::from("/var/run/docker.sock")).await.unwrap();
    let (mut from_client, mut to_client) = client.split();
    let (mut from_engine, mut to_engine) = engine.split();
    let there = async {
        let mut seen = Vec::new();
        while let Some(request) = next_request(&mut from_client, &mut seen, change).await {
            if to_engine.write_all(&request).await.is_err() {
                break;
            }
        }
        to_engine.shutdown().await.ok();
    };
    let back = async {
        tokio::io::copy(&mut from_engine, &mut to_client).await.ok();
        to_client.shutdown().await.ok();
    };
    tokio::join!(there, back);
}

/// What came next; of a request to make a sandbox the whole, changed.
async fn next_request(
    from: &mut (impl AsyncRead + Unpin),
    seen: &mut Vec<u8>,
    change: fn(&mut Value),
) -> Option<Vec<u8>> {
    from.read_buf(seen).await.ok().filter(|count| *count > 0)?;
    let text = String::from_utf8_lossy(seen).into_owned();
    let is_creation =
        text.starts_with("POST") && text.contains("/containers/create?name=openclaw-sbx");
    if !is_creation {
        return Some(std::mem::take(seen));
    }
    loop {
        let text = String::from_utf8_lossy(seen).into_owned();
        let length = |head: &str| {
            let lower = head.to_lowercase();
            let line = lower.lines().find_map(|it| it.strip_prefix("content-length:"))?.trim();
            line.parse::<usize>().ok()
        };
        if let Some((head, body)) = text.split_once("\r\n\r\n")
            && length(head).is_some_and(|length| body.len() >= length)
        {
            let mut body: Value = serde_json::from_str(body).unwrap();
            change(&mut body);
            let body = body.to_string();
            let lines = head.lines().filter(|it| !it.to_lowercase().starts_with("content-length:"));
            let head = lines.collect::<Vec<_>>().join("\r\n");
            seen.clear();
            let length = body.len();
            return Some(format!("{head}\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes());
        }
        from.read_buf(seen).await.ok().filter(|count| *count > 0)?;
    }
}
