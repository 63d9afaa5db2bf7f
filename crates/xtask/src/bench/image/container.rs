//! Containers of the image, alone and by the compose file. All are removed when dropped.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpStream},
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use serde_json::json;
use testkit::{
    gateway::free_port,
    llm::{Dialect, Llm, MODEL},
};

use crate::{bench::lab::Lab, workspace};

/// What marks containers that a killed run left behind.
pub(super) const LABEL: &str = "openclaw.test=bench";

const TOKEN: &str = "bench-token";
/// The user of the containers here, who is nobody's.
const UID: u32 = 1234;

/// The image and what its containers are given.
#[derive(Debug)]
pub(super) struct Bench {
    pub(super) image: String,
}

/// A container with a gateway in it.
#[derive(Debug)]
pub(super) struct Container {
    id: String,
    port: u16,
    _state: tempfile::TempDir,
}

/// The services of the compose file.
#[derive(Debug)]
pub(super) struct Project {
    name: String,
    image: String,
    port: u16,
    bridge_port: u16,
    state: tempfile::TempDir,
}

impl Bench {
    pub(super) fn prepare(lab: &Lab) -> anyhow::Result<Self> {
        Ok(Self { image: image(lab, &[])? })
    }

    /// A gateway behind a published port.
    pub(super) fn gateway(&self, options: &[&str]) -> anyhow::Result<Container> {
        let port = free_port()?;
        let publish = format!("127.0.0.1:{port}:18789");
        let options = [&["-p", &publish][..], options].concat();
        self.start(port, &options, state(18789, None)?)
    }

    /// A gateway with next to nothing, that asks `llm`.
    pub(super) fn bounded(&self, llm: &Llm) -> anyhow::Result<Container> {
        let port = free_port()?;
        let mut options = vec!["--network", "host", "--memory", "64m", "--memory-swap", "64m"];
        options.extend(["--cpus", "0.25", "--read-only", "--cap-drop", "ALL"]);
        self.start(port, &options, state(port, Some(llm))?)
    }

    fn start(
        &self,
        port: u16,
        options: &[&str],
        state: tempfile::TempDir,
    ) -> anyhow::Result<Container> {
        let mount = format!("{}:/home/node/.openclaw", state.path().display());
        let user = format!("{UID}:{UID}");
        let mut args = vec!["run", "-d", "--label", LABEL, "--user", &user, "-v", &mount];
        args.extend(options);
        args.extend([&self.image, "openclaw", "gateway"]);
        Ok(Container { id: docker(&args)?, port, _state: state })
    }

    /// A gateway of the compose file that takes work.
    pub(super) fn project(&self) -> anyhow::Result<Project> {
        let project = Project {
            name: format!("openclaw-bench-{}", std::process::id()),
            image: self.image.clone(),
            port: free_port()?,
            bridge_port: free_port()?,
            state: state(18789, None)?,
        };
        give(project.state.path(), 1000)?;
        project.compose(&["up", "-d", "openclaw-gateway"])?;
        until(project.port, "/readyz", Duration::from_secs(30))?;
        Ok(project)
    }
}

impl Container {
    pub(super) fn until(&self, path: &str, patience: Duration) -> anyhow::Result<()> {
        until(self.port, path, patience).with_context(|| {
            let log = docker(&["logs", &self.id]).unwrap_or_default();
            format!("the container says: {log}")
        })
    }

    pub(super) fn exec(&self, args: &[&str]) -> anyhow::Result<String> {
        docker(&[&["exec", &self.id][..], args].concat())
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        drop(docker(&["rm", "-fv", &self.id]));
    }
}

impl Project {
    pub(super) fn health(&self) -> anyhow::Result<()> {
        self.exec(&["node", "dist/index.js", "health", "--token", TOKEN])
    }

    pub(super) fn exec(&self, args: &[&str]) -> anyhow::Result<()> {
        self.compose(&[&["exec", "-T", "openclaw-gateway"][..], args].concat()).map(drop)
    }

    fn compose(&self, args: &[&str]) -> anyhow::Result<String> {
        let mut command = Command::new("docker");
        command
            .args(["compose", "-p", &self.name, "--env-file", "/dev/null"])
            .args(args)
            .current_dir(workspace::root())
            .env("OPENCLAW_IMAGE", &self.image)
            .env("OPENCLAW_CONFIG_DIR", self.state.path())
            .env("OPENCLAW_WORKSPACE_DIR", self.state.path().join("workspace"))
            .env("OPENCLAW_AUTH_PROFILE_SECRET_DIR", self.state.path().join("secrets"))
            .env("OPENCLAW_GATEWAY_PORT", self.port.to_string())
            .env("OPENCLAW_BRIDGE_PORT", self.bridge_port.to_string())
            .env("OPENCLAW_GATEWAY_TOKEN", TOKEN);
        answer(&mut command)
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        drop(self.compose(&["down", "-v", "--timeout", "1"]));
    }
}

/// The image around the binary under test.
pub(super) fn image(lab: &Lab, options: &[&str]) -> anyhow::Result<String> {
    let servant = lab.openclaw.with_file_name("openclaw-boxd");
    ensure!(servant.is_file(), "no servant beside the binary: run scripts/build-boxd.sh");
    let mut command = Command::new(workspace::root().join("scripts/test-image.sh"));
    answer(command.arg(&lab.openclaw).arg(servant).args(options))
        .context("run scripts/test-setup.sh, which sees to an engine and Debian's image")
}

/// How large an image is, uncompressed.
pub(super) fn image_bytes(image: &str) -> anyhow::Result<u64> {
    let size = docker(&["image", "inspect", "-f", "{{.Size}}", image])?;
    size.parse().with_context(|| format!("`{size}` is no size"))
}

/// A state directory with a config for a gateway on `port`.
fn state(port: u16, llm: Option<&Llm>) -> anyhow::Result<tempfile::TempDir> {
    let dir = tempfile::Builder::new().prefix("openclaw-bench-").tempdir()?;
    fs::create_dir(dir.path().join("workspace"))?;
    fs::create_dir(dir.path().join("secrets"))?;
    let mut config = json!({
        "gateway": {
            "mode": "local", "bind": "lan", "port": port,
            "auth": {"mode": "token", "token": TOKEN},
        },
        "agents": {"defaults": {"heartbeat": {"every": "0m"}}},
    });
    if let Some(llm) = llm {
        config["models"] = json!({"providers": {"mock": llm.provider_config(Dialect::Chat)}});
        config["agents"]["defaults"]["model"] = json!({"primary": format!("mock/{MODEL}")});
    }
    fs::write(dir.path().join("openclaw.json"), config.to_string())?;
    give(dir.path(), UID)?;
    Ok(dir)
}

/// Makes `uid` the owner of a folder and what is in it. Needs root, as the engine does.
fn give(dir: &Path, uid: u32) -> anyhow::Result<()> {
    let entries = fs::read_dir(dir)?.map(|entry| Ok(entry?.path()));
    let entries: Vec<PathBuf> = entries.collect::<anyhow::Result<_>>()?;
    for path in entries.iter().map(PathBuf::as_path).chain([dir]) {
        chown(path, Some(uid), Some(uid)).context("a container's files are given to its user")?;
    }
    Ok(())
}

fn until(port: u16, path: &str, patience: Duration) -> anyhow::Result<()> {
    let begin = Instant::now();
    while !is_ok(port, path) {
        ensure!(begin.elapsed() < patience, "{path} did not answer within {patience:?}");
        thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

fn is_ok(port: u16, path: &str) -> bool {
    let ask = || -> std::io::Result<[u8; 12]> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        let mut head = [0; 12];
        stream.read_exact(&mut head)?;
        Ok(head)
    };
    ask().is_ok_and(|head| &head == b"HTTP/1.1 200")
}

/// The answer of `docker <args>`.
pub(super) fn docker(args: &[&str]) -> anyhow::Result<String> {
    answer(Command::new("docker").args(args))
}

fn answer(command: &mut Command) -> anyhow::Result<String> {
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
