//! The image under test, containers of it, and folders for their state. All goes with the test.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::OnceLock,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use testkit::llm::{Dialect, Llm, MODEL};

/// The token that clients of these gateways show.
pub(crate) const TOKEN: &str = "token-of-the-test";

/// How long anything may take. A loaded machine must pass.
const PATIENCE: Duration = Duration::from_mins(1);

const LABEL: &str = "openclaw.test=image";

/// The image with the program under test in it.
pub(crate) fn image() -> &'static str {
    static IMAGE: OnceLock<String> = OnceLock::new();
    IMAGE.get_or_init(|| std::env::var("OPENCLAW_TEST_IMAGE").unwrap_or_else(|_| build(&[])))
}

/// The same with more options of `docker build`.
pub(crate) fn build(options: &[&str]) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_openclaw"));
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let servants = program.ancestors().map(|it| it.join("boxd/openclaw-boxd"));
    let servant = servants.into_iter().find(|it| it.is_file());
    let servant = servant.expect("no servant: run scripts/build-boxd.sh");
    let mut command = Command::new(root.join("scripts/test-image.sh"));
    let ran = Ran::of(&command.arg(program).arg(servant).args(options).output().unwrap());
    assert_eq!(ran.code, Some(0), "no image (run scripts/test-setup.sh): {}", ran.stderr);
    ran.stdout.trim().to_owned()
}

/// What a command did.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) code: Option<i32>,
}

impl Ran {
    pub(crate) fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
            code: output.status.code(),
        }
    }

    /// The answer of a command that went well.
    pub(crate) fn answer(self) -> String {
        assert_eq!(self.code, Some(0), "{}{}", self.stdout, self.stderr);
        self.stdout.trim_end().to_owned()
    }
}

/// Runs `docker <args>`.
pub(crate) fn docker<S: AsRef<str>>(args: &[S]) -> Ran {
    let args = args.iter().map(AsRef::as_ref);
    Ran::of(&Command::new("docker").args(args).output().unwrap())
}

/// Runs one command in a container of its own; `options` come before the image.
pub(crate) fn run_once(options: &[&str], args: &[&str]) -> Ran {
    let start = ["run", "--rm", "--label", LABEL];
    docker(&[&start[..], options, &[image()], args].concat())
}

/// A container that runs on.
pub(crate) struct Container {
    pub(crate) id: String,
}

impl Container {
    pub(crate) fn start(options: &[&str], args: &[&str]) -> Self {
        let start = ["run", "-d", "--label", LABEL];
        let id = docker(&[&start[..], options, &[image()], args].concat()).answer();
        Self { id }
    }

    pub(crate) fn exec(&self, args: &[&str]) -> Ran {
        docker(&[&["exec", &self.id][..], args].concat())
    }

    /// All that it has said.
    pub(crate) fn log(&self) -> String {
        let ran = docker(&["logs", &self.id]);
        ran.stdout + &ran.stderr
    }

    /// A value of `docker inspect`.
    pub(crate) fn inspect(&self, format: &str) -> String {
        docker(&["inspect", "-f", format, &self.id]).answer()
    }

    /// Waits until the gateway in it takes work.
    pub(crate) fn until_ready(&self) {
        until(|| self.exec(&["openclaw", "healthz", "--ready"]).code == Some(0), || self.log());
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        docker(&["rm", "-fv", &self.id]);
    }
}

/// Waits for a condition; says `why` when it does not come.
pub(crate) fn until(condition: impl Fn() -> bool, why: impl Fn() -> String) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "{}", why());
        std::thread::yield_now();
    }
}

/// A folder on this machine that a container gets as its state.
pub(crate) struct State {
    dir: tempfile::TempDir,
}

impl State {
    /// With a workspace, and without a config.
    pub(crate) fn empty() -> Self {
        let dir = tempfile::Builder::new().prefix("openclaw-image-").tempdir().unwrap();
        for name in ["state/workspace", "secrets"] {
            fs::create_dir_all(dir.path().join(name)).unwrap();
        }
        let state = Self { dir };
        state.give_to(1000);
        state
    }

    /// With a config that lets a gateway start on `port`.
    pub(crate) fn with_config(port: u16) -> Self {
        let state = Self::empty();
        state.write(&json!({
            "gateway": {"mode": "local", "port": port, "auth": {"mode": "token", "token": TOKEN}},
            "agents": {"defaults": {"heartbeat": {"every": "0m"}}},
        }));
        state
    }

    /// The same, with a scripted model as the only one.
    pub(crate) fn with_model(port: u16, llm: &Llm) -> Self {
        let state = Self::with_config(port);
        let mut config: Value = serde_json::from_slice(&fs::read(state.config()).unwrap()).unwrap();
        config["models"] = json!({"providers": {"mock": llm.provider_config(Dialect::Chat)}});
        config["agents"]["defaults"]["model"] = json!({"primary": format!("mock/{MODEL}")});
        state.write(&config);
        state
    }

    /// The same, with sandboxes for everybody, which `sandbox` may say more of.
    pub(crate) fn with_sandboxes(port: u16, llm: &Llm, sandbox: &Value) -> Self {
        let state = Self::with_model(port, llm);
        let mut config: Value = serde_json::from_slice(&fs::read(state.config()).unwrap()).unwrap();
        config["agents"]["defaults"]["sandbox"] = sandbox.clone();
        state.write(&config);
        state
    }

    fn write(&self, config: &Value) {
        fs::write(self.config(), config.to_string()).unwrap();
        self.give_to(1000);
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.path().join("openclaw.json")
    }

    /// What is mounted.
    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    /// What is mounted for secrets.
    pub(crate) fn secrets(&self) -> PathBuf {
        self.dir.path().join("secrets")
    }

    /// The option that mounts it.
    pub(crate) fn mount(&self) -> String {
        format!("{}:/home/node/.openclaw", self.path().display())
    }

    /// Makes another user the owner of all of it. Needs root, as the engine does.
    pub(crate) fn give_to(&self, uid: u32) {
        let mut waiting = vec![self.dir.path().to_owned()];
        while let Some(path) = waiting.pop() {
            chown(&path, Some(uid), Some(uid)).expect("these tests need root");
            if path.is_dir() {
                waiting.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            }
        }
    }
}

/// A port of this machine that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
