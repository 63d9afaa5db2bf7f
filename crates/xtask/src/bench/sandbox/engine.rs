//! The Docker Engine as its own command line sees it: what figures are compared with, and how
//! what they leave behind is removed.

use std::{
    path::Path,
    process::{Command as Blocking, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use tokio::process::Command;

/// The image of the figures.
const IMAGE: &str = "openclaw-sandbox:bookworm-slim";

/// The containers of one rig; they are removed when it is dropped.
#[derive(Debug)]
pub(super) struct Engine {
    /// What their names begin with.
    pub(super) prefix: String,
    workspace: String,
}

impl Engine {
    /// For containers of a prefix of their own; `workspace` is mounted for comparison.
    pub(super) fn new(workspace: &Path) -> Self {
        // Short enough to stand unshortened in a container's name.
        let id = uuid::Uuid::new_v4().simple().to_string();
        let prefix = format!("oc-bench-{}-", &id[..8]);
        Self { prefix, workspace: workspace.display().to_string() }
    }

    /// Fails unless an engine answers and has the image.
    pub(super) async fn check() -> anyhow::Result<()> {
        let ask = "run scripts/test-setup.sh, which sees to an engine and the image";
        docker(&["image", "inspect", "-f", "{{.Id}}", IMAGE]).await.context(ask)?;
        Ok(())
    }

    /// How long `docker run` takes for `true` with what a sandbox is made of by default.
    pub(super) async fn run_true(&self, name: &str) -> anyhow::Result<Duration> {
        let name = format!("{}run-{name}", self.prefix);
        let bind = format!("{}:/workspace", self.workspace);
        let mut args = vec!["run", "--name", &name, "--read-only", "--network", "none"];
        args.extend(["--tmpfs", "/tmp", "--tmpfs", "/var/tmp", "--tmpfs", "/run"]);
        args.extend(["--cap-drop", "ALL", "--security-opt", "no-new-privileges"]);
        args.extend(["-e", "LANG=C.UTF-8", "--log-driver", "none", "-v", &bind]);
        args.extend(["-w", "/workspace", IMAGE, "true"]);
        let begin = Instant::now();
        docker(&args).await?;
        Ok(begin.elapsed())
    }

    /// How many spares run.
    pub(super) async fn spares(&self) -> anyhow::Result<usize> {
        let filter = format!("name=^/{}spare-", self.prefix);
        let args = ["ps", "-q", "--filter", &filter, "--filter", "status=running"];
        Ok(docker(&args).await?.lines().count())
    }

    /// The first process of every container that runs, as this machine numbers it.
    pub(super) async fn pids(&self) -> anyhow::Result<Vec<u32>> {
        let filter = format!("name=^/{}", self.prefix);
        let listed = docker(&["ps", "-q", "--filter", &filter]).await?;
        if listed.is_empty() {
            return Ok(Vec::new());
        }
        let mut args = vec!["inspect", "-f", "{{.State.Pid}}"];
        args.extend(listed.lines());
        let pids = docker(&args).await?;
        pids.lines().map(|line| Ok(line.trim().parse()?)).collect()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let filter = format!("name=^/{}", self.prefix);
        let listed = Blocking::new("docker").args(["ps", "-aq", "--filter", &filter]).output();
        let text = listed.map(|it| String::from_utf8_lossy(&it.stdout).into_owned());
        let text = text.unwrap_or_default();
        let ids: Vec<&str> = text.lines().collect();
        if !ids.is_empty() {
            let mut remove = Blocking::new("docker");
            remove.args(["rm", "-fv"]).args(ids).stdout(Stdio::null()).stderr(Stdio::null());
            if !remove.status().is_ok_and(|status| status.success()) {
                eprintln!("warning: containers `{}*` are left", self.prefix);
            }
        }
    }
}

async fn docker(args: &[&str]) -> anyhow::Result<String> {
    let output = Command::new("docker")
        .args(args)
        .stdin(Stdio::null())
        .output()
        .await
        .context("the docker command is not installed")?;
    if !output.status.success() {
        let verb = args.first().copied().unwrap_or_default();
        bail!("docker {verb}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8(output.stdout)?)
}
