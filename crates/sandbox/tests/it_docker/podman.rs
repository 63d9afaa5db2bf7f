//! The other engine: Podman behind its Docker-compatible socket, with places of the test's own.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use bollard::{
    API_DEFAULT_VERSION, Docker, models::ContainerInspectResponse,
    query_parameters::ImportImageOptionsBuilder,
};
use futures_util::StreamExt;
use sandbox::{
    Exit, SandboxError,
    docker::{
        Backend, Engine, Reach, Verdict,
        settings::{DEFAULT_IMAGE, Prune},
    },
};

use crate::{
    engine::as_root,
    rig::{Rig, out, run, text, until},
};

/// How long the service may take to answer.
const PATIENCE: Duration = Duration::from_mins(1);

/// Whatever the machine is like: no service manager, no journal, no limits that only some may
/// raise, and of the two runtimes the one that also knows the older control groups.
const CONF: &str = r#"
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
"#;

/// A service that knows nothing of the machine's own containers.
struct Service {
    dir: PathBuf,
    process: Child,
}

impl Service {
    /// Starts a service that has the sandbox image of the machine's engine.
    async fn start(rig: &Rig) -> Self {
        let dir = rig.home.join("podman");
        std::fs::create_dir(&dir).unwrap();
        std::fs::write(dir.join("containers.conf"), CONF).unwrap();
        let log = std::fs::File::create(dir.join("log")).unwrap();
        let mut service = podman(&dir);
        service.args(["system", "service", "--time=0"]);
        service.arg(format!("unix://{}", dir.join("sock").display()));
        service.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let process = service.spawn().expect("podman is installed: run scripts/test-setup.sh");
        let started = Self { dir, process };
        started.answer().await;
        let image = rig.docker.export_image(DEFAULT_IMAGE);
        let options = ImportImageOptionsBuilder::default().build();
        let docker = started.docker();
        let mut loading = docker.import_image_stream(options, image, None);
        while let Some(step) = loading.next().await {
            step.unwrap();
        }
        started
    }

    async fn answer(&self) {
        let began = tokio::time::Instant::now();
        while !self.dir.join("sock").exists() || self.docker().ping().await.is_err() {
            let log = std::fs::read_to_string(self.dir.join("log")).unwrap_or_default();
            assert!(began.elapsed() < PATIENCE, "podman does not answer: {log}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn address(&self) -> String {
        format!("unix://{}", self.dir.join("sock").display())
    }

    fn docker(&self) -> Docker {
        Docker::connect_with_unix(&self.address(), 60, API_DEFAULT_VERSION).unwrap()
    }

    fn gateway(&self, rig: &Rig) -> Backend {
        let mut options = rig.options();
        options.engine = Engine::Podman;
        options.env = BTreeMap::from([("CONTAINER_HOST".to_owned(), self.address())]);
        Backend::new(options)
    }

    async fn inspect(&self, name: &str) -> ContainerInspectResponse {
        self.docker().inspect_container(name, None).await.unwrap()
    }
}

impl Drop for Service {
    /// Nothing runs on, nothing is mounted, nothing is left.
    fn drop(&mut self) {
        let quiet = |command: &mut Command| {
            command.stdout(Stdio::null()).stderr(Stdio::null()).status().ok();
        };
        quiet(podman(&self.dir).args(["rm", "--all", "--force", "-t", "0"]));
        quiet(as_root("kill").arg(self.process.id().to_string()));
        self.process.wait().ok();
        let dir = self.dir.display();
        let line = format!(
            "grep -o ' {dir}[^ ]*' /proc/mounts | sort -r | xargs -r umount -l; rm -rf {dir}"
        );
        quiet(as_root("sh").args(["-c", &line]));
    }
}

/// Podman with places of its own.
fn podman(dir: &Path) -> Command {
    let place = |name: &str| dir.join(name).display().to_string();
    let mut command = as_root("env");
    command.arg(format!("CONTAINERS_CONF={}", place("containers.conf"))).arg("podman");
    command.args(["--root", &place("data"), "--runroot", &place("run")]);
    command.args(["--tmpdir", &place("tmp")]);
    command
}

#[tokio::test]
async fn podman_makes_the_wall_that_was_asked_for_or_nothing_runs() {
    let rig = Rig::new().await;
    let podman = Service::start(&rig).await;
    let gateway = podman.gateway(&rig);
    let mut settings = rig.settings("wall");
    settings.container.user = Some("1000:1000".to_owned());
    settings.container.memory = Some("256m".to_owned());
    settings.container.memory_swap = Some("-1".to_owned());
    settings.container.pids_limit = Some(64);
    settings.container.cpus = Some(0.5);
    settings.container.runtime = Some("runc".to_owned());

    let sandbox = gateway.ensure(&settings).await.unwrap();

    let look = "cat /sys/fs/cgroup/memory.swap.max 2>/dev/null || \
                cat /sys/fs/cgroup/memory/memory.memsw.limit_in_bytes";
    let swap = out(&*sandbox, look).await;
    assert!(swap == "max" || swap.parse::<u64>().unwrap() > 1 << 60, "{swap}");
    assert_eq!(out(&*sandbox, "touch /run/x /tmp/x /var/tmp/x && echo made").await, "made");
    let rows = gateway.wall(&settings).await;
    assert!(rows.iter().all(|row| row.verdict == Verdict::Holds), "{rows:?}");
    gateway.remove(&gateway.name_of(&settings)).await.unwrap();

    for runtime in ["runsc", "crun", "/usr/bin/kata-runtime"] {
        settings.container.runtime = Some(runtime.to_owned());
        settings.container.setup_command = Some("touch /workspace/ran".to_owned());
        let refused = gateway.ensure(&settings).await.err().expect("nothing runs").to_string();
        let expected =
            format!("`sandbox.docker.runtime` asks for `{runtime}`, found: `runc`, as Podman's");
        assert!(refused.contains(&expected), "{refused}");
        assert!(!settings.sandbox_dir.join("ran").exists());
        assert_eq!(gateway.list().await.unwrap().len(), 0);
    }
}

#[tokio::test]
async fn podman_walls_in_commands_and_files_as_docker_does_and_its_containers_are_taken_up_again() {
    let rig = Rig::new().await;
    let podman = Service::start(&rig).await;
    let mut settings = rig.settings("podman");
    settings.container.pids_limit = Some(64);
    settings.container.memory = Some("256m".to_owned());

    let gateway = podman.gateway(&rig);
    assert_eq!(gateway.reach(&settings).await, Some(Reach::Servant));
    let (sandbox, reach) = gateway.open(&settings).await.unwrap();

    assert_eq!(reach, Reach::Servant);
    assert_eq!(out(&*sandbox, "pwd; echo $LANG").await, "/workspace\nC.UTF-8");
    assert_eq!(run(&*sandbox, "exit 7").await.exit, Exit::Code(7));
    sandbox.write("a/b", b"text").await.unwrap();
    assert_eq!(sandbox.read("a/b", 10).await.unwrap(), b"text");
    assert_eq!(text(&settings.sandbox_dir.join("a/b")), "text");
    let refused = sandbox.read("a/none", 3).await;
    assert!(matches!(refused, Err(SandboxError::NotFound { .. })), "{refused:?}");
    let said = run(&*sandbox, "touch /usr/x; cat /sys/class/net/*/operstate | wc -l").await;
    assert!(said.out.contains("Read-only file system") && said.out.ends_with('1'), "{said:?}");
    let caps = out(&*sandbox, "grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status");
    let none = "0000000000000000";
    let expected = format!("CapEff:\t{none}\nCapBnd:\t{none}\nNoNewPrivs:\t1\nSeccomp:\t2");
    assert_eq!(caps.await, expected);
    let seen = podman.inspect(&rig.name_of(&settings)).await;
    let host = seen.host_config.unwrap();
    assert_eq!((host.pids_limit, host.memory), (Some(64), Some(256 << 20)));

    // Another life of the gateway goes on with it, and has a spare ready.
    let id = podman.inspect(&rig.name_of(&settings)).await.id;
    drop((sandbox, gateway));
    settings.spares = 1;
    let next = podman.gateway(&rig);
    let sandbox = next.ensure(&settings).await.unwrap();
    assert_eq!(out(&*sandbox, "cat a/b").await, "text");
    assert_eq!(podman.inspect(&rig.name_of(&settings)).await.id, id);
    until("a spare is ready", || async { !next.spares().is_empty() }).await;
    let spare = podman.inspect(&next.spares()[0]).await.id;
    let mut second = rig.settings("second");
    (second.container, second.spares) = (settings.container.clone(), 1);
    let sandbox = next.ensure(&second).await.unwrap();
    assert_eq!(out(&*sandbox, "echo mine >here; cat here").await, "mine");
    assert_eq!(podman.inspect(&rig.name_of(&second)).await.id, spare);

    let kept = settings.scope.key.clone();
    rig.clock.advance(Duration::from_hours(25));
    let tended = next.prune(|entry| Prune {
        idle_hours: if entry.session_key == kept { 0 } else { 24 },
        max_age_days: 0,
    });
    assert!(tended.await.removed.contains(&rig.name_of(&second)));
    next.remove(&rig.name_of(&settings)).await.unwrap();
    assert_eq!(next.list().await.unwrap().len(), 0);
    next.close().await;
}
