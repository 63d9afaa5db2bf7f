//! A copy of the project in a folder of its own, set up for real, and taken down at the end.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, TcpListener, UdpSocket},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value;

/// Containers of a test carry this, so that a sweep finds what a killed test left.
const LABEL: &str = "openclaw.test";

/// What is copied of the project.
const FILES: [&str; 7] = [
    ".dockerignore",
    "docker-setup.sh",
    "docker-compose.yml",
    "scripts/sandbox-setup.sh",
    "Dockerfile",
    "Dockerfile.sandbox",
    "scripts/docker/setup.sh",
];

/// What makes `docker-setup.sh` build around the program of [`Rig::add_program`].
pub(crate) const BUILD: [(&str, &str); 2] =
    [("OPENCLAW_IMAGE", "openclaw:local"), ("OPENCLAW_BUILD_ARGS", "OPENCLAW_BINARY=bin")];

pub(crate) struct Rig {
    dir: tempfile::TempDir,
    pub(crate) image: String,
    /// The Compose project, and so the start of the names of all that is made.
    name: String,
    pub(crate) port: u16,
    bridge_port: u16,
}

pub(crate) struct Ran {
    pub(crate) is_done: bool,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn assert_done(&self) {
        assert!(self.is_done, "{}\n--- and on stderr:\n{}", self.out, self.err);
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            is_done: output.status.success(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Rig {
    /// A project in a folder with spaces and letters beyond ASCII, and a home like it.
    pub(crate) fn new(name: &str) -> Self {
        let rig = Self {
            dir: tempfile::Builder::new().prefix("openclaw-setup-").tempdir().unwrap(),
            image: image(),
            name: format!("openclaw-test-{name}-{}", std::process::id()),
            port: free_port(),
            bridge_port: free_port(),
        };
        fs::create_dir_all(rig.project().join("scripts/docker/setup")).unwrap();
        fs::create_dir_all(rig.home()).unwrap();
        let mut files: Vec<String> = FILES.map(str::to_owned).into();
        for entry in fs::read_dir(root().join("scripts/docker/setup")).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            files.push(format!("scripts/docker/setup/{name}"));
        }
        for file in files {
            fs::copy(root().join(&file), rig.project().join(&file)).unwrap();
        }
        let labels = format!(
            "services:\n  openclaw-gateway: &labels\n    labels: {{{LABEL}: setup}}\n  \
             openclaw-cli: *labels\n"
        );
        fs::write(rig.project().join("docker-compose.override.yml"), labels).unwrap();
        rig
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn project(&self) -> PathBuf {
        self.path("Projekt für Docker")
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.path("Heim von Zoë")
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.home().join(".openclaw")
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().stdin(Stdio::null()).current_dir(self.project());
        // The engine, and where the plugins of its command line are.
        for name in ["PATH", "DOCKER_HOST", "TMPDIR"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        let plugins = std::env::var("DOCKER_CONFIG")
            .unwrap_or_else(|_| format!("{}/.docker", std::env::var("HOME").unwrap()));
        command.env("DOCKER_CONFIG", plugins);
        command.env("HOME", self.home()).env("LANG", "C.UTF-8");
        command.env("COMPOSE_PROJECT_NAME", &self.name);
        command
    }

    /// Runs `docker-setup.sh` on the image of the tests, from another directory.
    pub(crate) fn set_up(&self, vars: &[(&str, &str)], args: &[&str]) -> Ran {
        self.run(vars, &[&["--offline"], args].concat())
    }

    /// Runs `docker-setup.sh` as it is, from another directory: it builds or pulls.
    pub(crate) fn run(&self, vars: &[(&str, &str)], args: &[&str]) -> Ran {
        let mut command = self.with_settings(self.project().join("docker-setup.sh"));
        command.envs(vars.iter().copied()).args(args).output().unwrap().into()
    }

    /// Adds what a build around a program from outside needs: with [`BUILD`] among the variables,
    /// `docker-setup.sh` then builds the shipped Dockerfile, and nothing is compiled.
    pub(crate) fn add_program(&self) {
        let bin = self.project().join("bin");
        fs::create_dir(&bin).unwrap();
        let target = target();
        fs::copy(target.join("boxd/openclaw-boxd"), bin.join("openclaw-boxd")).unwrap();
        // What tells a debugger about it is most of a debug build.
        let strip = Command::new("strip")
            .arg("-o")
            .arg(bin.join("openclaw"))
            .arg(target.join("debug/openclaw"))
            .status();
        if !strip.is_ok_and(|status| status.success()) {
            fs::copy(target.join("debug/openclaw"), bin.join("openclaw")).unwrap();
        }
        let copied =
            Command::new("cp").arg("-r").arg(root().join("docker")).arg(self.project()).status();
        assert!(copied.unwrap().success());
    }

    /// Runs it in a terminal; `answers` is what [`terminal.sh`](scripts/e2e) types and when.
    pub(crate) fn set_up_in_a_terminal(&self, args: &str, answers: &str) -> Ran {
        let program = self.project().join("docker-setup.sh");
        self.in_a_terminal(&format!("'{}' --offline {args}", program.display()), answers)
    }

    /// Runs a shell's words in a terminal, in the project and with its settings.
    pub(crate) fn in_a_terminal(&self, words: &str, answers: &str) -> Ran {
        let terminal = root().join("scripts/e2e/terminal.sh");
        let script = format!(
            "set -eu\nfail() {{ echo \"$1\" >&2; cat \"$screen\" >&2; exit 1; }}\n. '{}'\n\
             TERMINAL_PATIENCE_TENTHS=600\nin_terminal {words}\n{answers}\n\
             wait_for_end\ncat \"$screen\"\n",
            terminal.display(),
        );
        let mut command = self.with_settings("bash");
        command.current_dir(self.project()).env("TERM", "xterm").args(["-c", &script]);
        command.output().unwrap().into()
    }

    fn with_settings(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = self.command(program);
        command
            .current_dir("/")
            .env("OPENCLAW_IMAGE", &self.image)
            .env("OPENCLAW_GATEWAY_PORT", self.port.to_string())
            .env("OPENCLAW_BRIDGE_PORT", self.bridge_port.to_string());
        command
    }

    /// Plain `docker compose` in the project, as a person types it.
    pub(crate) fn compose(&self, args: &[&str]) -> Ran {
        self.command("docker").arg("compose").args(args).output().unwrap().into()
    }

    /// Runs a shell command in the gateway's container.
    pub(crate) fn inside(&self, script: &str) -> Ran {
        self.compose(&["exec", "-T", "openclaw-gateway", "sh", "-c", script])
    }

    /// The value of a key in `.env`.
    pub(crate) fn env(&self, key: &str) -> String {
        let start = format!("{key}=");
        let text = fs::read_to_string(self.project().join(".env")).unwrap();
        let found = text.lines().find_map(|line| line.strip_prefix(&start).map(str::to_owned));
        found.unwrap_or_default()
    }

    /// Where the gateway's container has something of this machine mounted.
    pub(crate) fn mount_targets(&self) -> Vec<String> {
        let id = self.compose(&["ps", "-q", "openclaw-gateway"]).out;
        let format = "{{range .Mounts}}{{println .Destination}}{{end}}";
        let ran: Ran = self
            .command("docker")
            .args(["inspect", "-f", format, id.trim()])
            .output()
            .unwrap()
            .into();
        ran.assert_done();
        ran.out.lines().filter(|it| !it.is_empty()).map(str::to_owned).collect()
    }

    /// Removes sandboxes that the gateway of this test made.
    fn remove_sandboxes(&self) {
        let removed = self.inside("openclaw sandbox recreate --all --force");
        drop(removed);
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.remove_sandboxes();
        drop(self.compose(&["down", "--volumes", "--remove-orphans", "--timeout", "5"]));
    }
}

/// The image of the gateway, around the program that cargo built.
pub(crate) fn image() -> String {
    let target = target();
    let ran: Ran = Command::new(root().join("scripts/test-image.sh"))
        .arg(target.join("debug/openclaw"))
        .arg(target.join("boxd/openclaw-boxd"))
        .output()
        .unwrap()
        .into();
    ran.assert_done();
    ran.out.trim().to_owned()
}

/// Cargo's target directory, with the program in it.
pub(crate) fn target() -> PathBuf {
    let exe = std::env::current_exe().unwrap();
    let target = exe.ancestors().find(|it| it.join("debug/openclaw").is_file());
    target.unwrap_or_else(|| panic!("no program: run cargo build -p cli")).to_owned()
}

/// Runs `docker <args>`.
pub(crate) fn docker(args: &[&str]) -> Ran {
    Command::new("docker").args(args).output().unwrap().into()
}

/// The address of this machine on the engine's own bridge.
pub(crate) fn bridge() -> Ipv4Addr {
    let ran = docker(&["network", "inspect", "bridge", "-f", "{{json .IPAM.Config}}"]);
    ran.assert_done();
    address_in(&ran.out)
}

/// The address from which this machine sends into a network that the engine describes.
///
/// Only the subnet is read: an engine that starts for the first time names no gateway until its
/// first restart. The kernel knows the rest.
pub(crate) fn address_in(ipam_config: &str) -> Ipv4Addr {
    let entries: Vec<Value> = serde_json::from_str(ipam_config).unwrap();
    let subnets = entries.iter().filter_map(|entry| entry["Subnet"].as_str());
    let mut bases = subnets.filter_map(|it| it.split('/').next()?.parse::<Ipv4Addr>().ok());
    let base = bases.next().unwrap_or_else(|| panic!("no IPv4 subnet in {ipam_config}"));
    let neighbour = Ipv4Addr::from_bits(base.to_bits() + 1);
    // Nothing is sent: a connected UDP socket has only chosen its own address.
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    socket.connect((neighbour, 9)).unwrap();
    match socket.local_addr().unwrap().ip() {
        IpAddr::V4(address) => address,
        IpAddr::V6(address) => panic!("{address} is no IPv4 address"),
    }
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap().local_addr().unwrap().port()
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The name that `docker-setup.sh` builds, borrowed: a person's own image has it again at the end.
pub(crate) struct LocalImage {
    kept: Option<String>,
}

impl LocalImage {
    const NAME: &'static str = "openclaw:local";

    pub(crate) fn borrow() -> Self {
        let kept = format!("openclaw-kept:{}", std::process::id());
        let is_there = docker(&["tag", Self::NAME, &kept]).is_done;
        Self { kept: is_there.then_some(kept) }
    }
}

impl Drop for LocalImage {
    fn drop(&mut self) {
        drop(docker(&["rmi", Self::NAME]));
        if let Some(kept) = &self.kept {
            drop(docker(&["tag", kept, Self::NAME]));
            drop(docker(&["rmi", kept]));
        }
    }
}
