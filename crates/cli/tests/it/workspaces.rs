//! What a tool does to its workspace while the gateway works in it reaches nothing outside; and
//! an agent that cannot be made leaves nothing.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};
use testkit::{
    gateway::{Gateway, WsClient},
    home::TempHome,
    llm::{Llm, says},
    swaps::Swapper,
};

use crate::program::openclaw;

/// Exchanges that happen meanwhile.
const SWAPS: usize = 2_000;
/// Whence the order of the exchanges.
const SEED: u64 = 11;
const SECRET: &str = "a secret of the host";

/// A gateway whose workspace has files that lead over `sub`, and a directory of the host.
fn scene(model: &Llm) -> (TempHome, PathBuf, PathBuf) {
    let home = TempHome::with_model(&model.base_url()).unwrap();
    home.merge_config(&json!({"agents": {"list": [
        {"id": "main", "identity": {"avatar": "sub/me.png"}},
    ]}}))
    .unwrap();
    let (dir, host) = (home.state_dir().join("workspace"), home.path().join("host"));
    fs::create_dir_all(dir.join("sub")).unwrap();
    fs::create_dir_all(&host).unwrap();
    for name in ["x.md", "me.png"] {
        fs::write(host.join(name), SECRET).unwrap();
        fs::write(dir.join("sub").join(name), "mine").unwrap();
    }
    symlink(&host, dir.join("sub-out")).unwrap();
    link(&dir);
    (home, dir, host)
}

fn link(dir: &Path) {
    let path = dir.join("AGENTS.md");
    if !fs::symlink_metadata(&path).is_ok_and(|it| it.is_symlink()) {
        fs::remove_file(&path).ok();
        symlink("sub/x.md", &path).unwrap();
    }
}

async fn answer(client: &mut WsClient, method: &str, params: Value) -> String {
    match client.call(method, params).await {
        Ok(reply) => reply.to_string(),
        Err(error) => format!("{error:?}"),
    }
}

/// The agent's picture, or what is said instead.
fn picture(gateway: &Gateway) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", gateway.port())).unwrap();
    let token = gateway.token();
    let request = format!(
        "GET /avatar/main HTTP/1.0\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_that_changes_under_the_gateway_shows_and_overwrites_nothing_of_the_host() {
    let model = Llm::respond_with(|_| says("Yes."));
    let (home, dir, host) = scene(&model);
    let gateway = Gateway::start(openclaw(), &home).unwrap();
    let mut client = gateway.connect(4).await.unwrap();
    let swapper = Swapper::start(&dir, &[("sub", "sub-out")], SEED);
    let file = |content: &str| json!({"agentId": "main", "name": "AGENTS.md", "content": content});

    let (mut rounds, mut seen, mut pictures) = (0, 0, 0);
    while rounds < 50 || swapper.count() < SWAPS {
        let got = answer(
            &mut client,
            "agents.files.get",
            json!({"agentId": "main", "name": "AGENTS.md"}),
        )
        .await;
        assert!(!got.contains(SECRET), "{got}");
        seen += usize::from(got.contains("mine") || got.contains("saved"));
        let listed = answer(&mut client, "agents.files.list", json!({"agentId": "main"})).await;
        assert!(!listed.contains(&format!("\"size\":{}", SECRET.len())), "{listed}");
        answer(&mut client, "agents.files.set", file("saved by a person")).await;
        let picture = picture(&gateway);
        assert!(!picture.contains(SECRET), "{picture}");
        pictures += usize::from(picture.ends_with("mine"));
        link(&dir);
        rounds += 1;
    }
    for at in 0..20 {
        let run = format!("run {at}");
        let message = json!({"sessionKey": "main", "message": "Go.", "idempotencyKey": run});
        client.call("chat.send", message).await.unwrap();
        assert_eq!(client.turn_end(&run).await.unwrap()["state"], "final");
    }
    swapper.stop().unwrap();

    assert!(seen > 0 && pictures > 0, "{seen} {pictures}");
    for request in model.requests() {
        assert!(!request.body.to_string().contains(SECRET));
    }
    for name in ["x.md", "me.png"] {
        assert_eq!(fs::read_to_string(host.join(name)).unwrap(), SECRET);
    }
    assert_eq!(fs::read_dir(&host).unwrap().count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_cannot_be_made_leaves_nothing() {
    let home = TempHome::minimal().unwrap();
    let (outside, file) = (home.path().join("outside"), home.state_dir().join("file"));
    fs::write(&file, "").unwrap();
    fs::create_dir(&outside).unwrap();
    symlink(&outside, home.state_dir().join("link")).unwrap();
    let gateway = Gateway::start(openclaw(), &home).unwrap();
    let mut client = gateway.connect(4).await.unwrap();
    let before = home.config().unwrap();
    let state = home.state_dir();

    let dirs = [
        outside.join("a"),
        "/etc/openclaw-test-agent".into(),
        "/proc/self/agent".into(),
        file.join("a"),
        state.join("link/a"),
        state.join("../outside/b"),
        state.join("made").join("n".repeat(300)),
    ];
    for dir in dirs {
        let params = json!({"name": "ops", "workspace": dir});
        let refused = client.call("agents.create", params).await;
        assert!(refused.is_err(), "{dir:?}: {refused:?}");
        assert!(!dir.exists(), "{dir:?}");
    }
    let moved = json!({"agentId": "main", "workspace": outside});
    let moved = client.call("agents.update", moved).await;

    assert!(moved.is_err(), "{moved:?}");
    assert_eq!(home.config().unwrap(), before);
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    assert!(!state.join("made").exists() && !state.join("workspace-ops").exists());
    let made = client.call("agents.create", json!({"name": "ops"})).await.unwrap();
    let workspace = PathBuf::from(made["workspace"].as_str().unwrap());
    assert!(workspace.join("AGENTS.md").is_file(), "{made}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_whose_entry_cannot_be_written_leaves_no_workspace() {
    let home = TempHome::minimal().unwrap();
    let gateway = Gateway::start(openclaw(), &home).unwrap();
    let mut client = gateway.connect(4).await.unwrap();
    let (path, before) = (home.config_path(), home.config().unwrap());

    fs::rename(&path, path.with_extension("old")).unwrap();
    fs::create_dir_all(path.join("x")).unwrap();
    let unwritten = client.call("agents.create", json!({"name": "crew"})).await;
    fs::remove_dir_all(&path).unwrap();
    fs::rename(path.with_extension("old"), &path).unwrap();

    assert!(unwritten.is_err(), "{unwritten:?}");
    assert!(!home.state_dir().join("workspace-crew").exists());
    assert_eq!(home.config().unwrap(), before);
}
