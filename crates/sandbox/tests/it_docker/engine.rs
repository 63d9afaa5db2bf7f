//! An engine of a test's own, which may be killed: a second `dockerd` with places of its own.
//!
//! Takes root, as any engine does; where the test has none, `sudo` must give it unasked.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use bollard::{
    API_DEFAULT_VERSION, Docker,
    query_parameters::{ImportImageOptionsBuilder, RemoveImageOptions},
};
use futures_util::StreamExt;
use rustix::process::geteuid;
use sandbox::{
    Exit,
    docker::{Backend, settings::DEFAULT_IMAGE},
};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::rig::{Rig, command, out};

/// How long an engine may take to answer or to end.
const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) struct Own {
    dir: PathBuf,
    daemon: Option<Child>,
}

impl Own {
    /// Starts an engine that has the sandbox image of the machine's.
    pub(crate) async fn start(rig: &Rig) -> Self {
        Self::start_with(rig, &json!({})).await
    }

    /// The same, with settings for the daemon.
    pub(crate) async fn start_with(rig: &Rig, settings: &Value) -> Self {
        let mut own = Self { dir: rig.home.join("engine"), daemon: None };
        std::fs::create_dir(&own.dir).unwrap();
        std::fs::write(own.dir.join("daemon.json"), settings.to_string()).unwrap();
        own.begin().await;
        let image = rig.docker.export_image(DEFAULT_IMAGE);
        let options = ImportImageOptionsBuilder::default().build();
        let docker = own.docker();
        let mut loading = docker.import_image_stream(options, image, None);
        while let Some(step) = loading.next().await {
            step.unwrap();
        }
        own
    }

    /// Starts the daemon, as for the first time or again.
    async fn begin(&mut self) {
        let place = |name: &str| self.dir.join(name).display().to_string();
        let log = std::fs::File::create(self.dir.join("log")).unwrap();
        // In a network of its own: `--bridge none` removes the bridge of whoever shares it.
        let mut daemon = as_root("unshare");
        daemon.args(["--net", "--", "dockerd"]);
        daemon.args(["--data-root", &place("data"), "--exec-root", &place("exec")]);
        daemon.args(["--pidfile", &place("pid"), "--host", &self.address()]);
        daemon.args(["--config-file", &place("daemon.json")]);
        daemon.args(["--bridge", "none", "--iptables=false", "--ip-forward=false"]);
        daemon.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        self.daemon = Some(daemon.spawn().expect("dockerd is installed"));
        let answered = async || {
            let docker = Docker::connect_with_unix(&self.address(), 5, API_DEFAULT_VERSION);
            match docker {
                Ok(docker) => docker.ping().await.is_ok(),
                Err(_) => false,
            }
        };
        let began = tokio::time::Instant::now();
        while !answered().await {
            let log = std::fs::read_to_string(self.dir.join("log")).unwrap_or_default();
            assert!(began.elapsed() < PATIENCE, "dockerd does not answer: {log}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn address(&self) -> String {
        format!("unix://{}", self.dir.join("sock").display())
    }

    pub(crate) fn docker(&self) -> Docker {
        Docker::connect_with_unix(&self.address(), 60, API_DEFAULT_VERSION).unwrap()
    }

    /// Ends the daemon, gently or not, and waits until it is gone.
    fn end(&mut self, how: &str) {
        let Some(mut daemon) = self.daemon.take() else { return };
        let pid = std::fs::read_to_string(self.dir.join("pid")).unwrap_or_default();
        let killed = as_root("kill").args([how, pid.trim()]).stderr(Stdio::null()).status();
        if !killed.is_ok_and(|status| status.success()) {
            daemon.kill().ok();
        }
        daemon.wait().unwrap();
        // Where nobody reaps, the numbers in these seem to live, and the next life would wait.
        let stale = ["pid", "exec/containerd/containerd.pid"].map(|name| self.dir.join(name));
        as_root("rm").arg("-f").args(stale).status().ok();
    }

    pub(crate) fn gateway(&self, rig: &Rig) -> Backend {
        let mut options = rig.options();
        options.env = BTreeMap::from([("DOCKER_HOST".to_owned(), self.address())]);
        Backend::new(options)
    }
}

impl Drop for Own {
    /// Whatever the test came to: nothing runs on, nothing is mounted, nothing is left.
    fn drop(&mut self) {
        self.end("-TERM");
        let dir = self.dir.display();
        // What an engine started that was killed and not started again.
        for pid in started_from(&self.dir) {
            as_root("kill").args(["-KILL", &pid]).stderr(Stdio::null()).status().ok();
        }
        let line = format!(
            "grep -o ' {dir}[^ ]*' /proc/mounts | sort -r | xargs -r umount -l; rm -rf {dir}"
        );
        as_root("sh").args(["-c", &line]).stderr(Stdio::null()).status().ok();
    }
}

pub(crate) fn as_root(program: &str) -> Command {
    if geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("sudo");
    command.args(["-n", program]);
    command
}

/// Numbers of the processes that have this directory in their command line.
fn started_from(dir: &Path) -> Vec<String> {
    let dir = dir.display().to_string();
    let all = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    all.filter(|process| {
        let words = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&words).contains(&dir)
    })
    .map(|process| process.file_name().into_string().unwrap())
    .filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
    .collect()
}

#[tokio::test]
async fn one_that_is_killed_or_stopped_in_mid_call_fails_it_and_serves_the_next_when_it_is_back() {
    let rig = Rig::new().await;
    let mut own = Own::start(&rig).await;
    let settings = rig.settings("restart");
    let gateway = own.gateway(&rig);
    let sandbox = gateway.ensure(&settings).await.unwrap();

    for how in ["-KILL", "-TERM"] {
        out(&*sandbox, "echo kept >kept").await;
        let running = sandbox.exec(command("sleep 60")).await.unwrap();

        own.end(how);
        let ended = timeout(PATIENCE, running.exit).await.expect("the call ends");
        // The first may still meet the end of the pipe.
        sandbox.stat("/").await.unwrap_err();
        let said = sandbox.stat("/").await.unwrap_err().to_string();
        own.begin().await;

        assert!(ended.is_err() || ended != Ok(Exit::Code(0)), "{how}: {ended:?}");
        assert!(said.contains("agents.defaults.sandbox.mode=off"), "{how}: {said}");
        assert_eq!(out(&*sandbox, "cat kept").await, "kept", "{how}");
    }

    gateway.remove(&rig.name_of(&settings)).await.unwrap();
    let options = None::<RemoveImageOptions>;
    own.docker().remove_image(DEFAULT_IMAGE, options, None).await.unwrap();
    let other = rig.settings("imageless");
    let said = gateway.ensure(&other).await.err().expect("it is refused").to_string();
    assert!(said.contains(DEFAULT_IMAGE) && said.contains("scripts/sandbox-setup.sh"), "{said}");
    let said = sandbox.exec(command("true")).await.unwrap_err().to_string();
    assert!(said.contains("scripts/sandbox-setup.sh"), "{said}");
}
