//! The driver against the real servant, as an ordinary process and as PID 1.

mod files;
mod first;
mod hostile;
mod processes;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Stdio,
    sync::OnceLock,
    time::{Duration, SystemTime},
};

use sandbox::{
    Chunk, Command, Exit, Running, Sandbox, Stdin,
    boxed::{Attach, BoxedSandbox, Config, Link, Options},
};
use tempfile::TempDir;
use tokio::{process::Child, time::timeout};
use tokio_util::task::TaskTracker;

/// Longest time that anything here may take.
const DEADLINE: Duration = Duration::from_secs(30);

/// Makes what it starts PID 1 of a namespace that dies with it.
const NAMESPACE: [&str; 5] = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"];

/// A servant, the link to it and a directory that vanishes with it.
struct Boxed {
    dir: TempDir,
    servant: Child,
    sandbox: BoxedSandbox,
    tasks: TaskTracker,
}

impl Boxed {
    /// As PID 1 of a namespace, so that nothing outlives the test.
    async fn open() -> Self {
        Self::open_as(&NAMESPACE).await
    }

    /// As an ordinary process, which ends with its input.
    async fn open_ordinary() -> Self {
        Self::open_as(&[]).await
    }

    /// Opens a servant that `wrapper` starts.
    async fn open_as(wrapper: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut servant = start(wrapper, Stdio::piped(), Stdio::piped());
        let (reader, writer) = (servant.stdout.take().unwrap(), servant.stdin.take().unwrap());
        let tasks = TaskTracker::new();
        let options = Options::new(Attach::First);
        let link = Link::start(&tasks, reader, writer, options).await.unwrap();
        let sandbox = BoxedSandbox::new(link, config(dir.path(), false));
        Self { dir, servant, sandbox, tasks }
    }

    fn link(&self) -> &Link {
        self.sandbox.link()
    }

    fn path(&self, below: &str) -> String {
        self.dir.path().join(below).to_str().unwrap().to_owned()
    }

    /// Runs a line to its end: its output, its errors and its exit.
    async fn run(&self, line: &str) -> (String, String, Exit) {
        finish(self.sandbox.exec(command(line)).await.unwrap()).await
    }
}

fn config(workdir: &Path, keeps_leftovers: bool) -> Config {
    let workdir = workdir.to_str().unwrap().to_owned();
    Config { workdir, env: BTreeMap::new(), keeps_leftovers }
}

fn command(line: &str) -> Command {
    Command {
        line: line.to_owned(),
        workdir: None,
        env: BTreeMap::new(),
        stdin: Stdin::Null,
        pty: None,
    }
}

async fn finish(mut running: Running) -> (String, String, Exit) {
    let both = async {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        while let Some(chunk) = running.output.recv().await {
            match chunk {
                Chunk::Out(bytes) => out.extend_from_slice(&bytes),
                Chunk::Err(bytes) => err.extend_from_slice(&bytes),
            }
        }
        (out, err, running.exit.await.unwrap())
    };
    let (out, err, exit) = timeout(DEADLINE, both).await.unwrap();
    (String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap(), exit)
}

/// Waits for output that contains `text` and says all that came.
async fn hear(running: &mut Running, text: &str) -> String {
    let mut heard = String::new();
    while !heard.contains(text) {
        let (Chunk::Out(bytes) | Chunk::Err(bytes)) =
            timeout(DEADLINE, running.output.recv()).await.unwrap().unwrap();
        heard.push_str(str::from_utf8(&bytes).unwrap());
    }
    heard
}

#[expect(clippy::disallowed_methods, reason = "the servant is a process of the test's own")]
fn start(wrapper: &[&str], stdin: Stdio, stdout: Stdio) -> Child {
    let servant = servant().to_str().unwrap();
    let words: Vec<&str> = wrapper.iter().copied().chain([servant]).collect();
    let (program, arguments) = words.split_first().unwrap();
    tokio::process::Command::new(program)
        .args(arguments)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("SECRET", "of the servant")
        .stdin(stdin)
        .stdout(stdout)
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// The servant beside this test, made anew if its sources are newer.
#[expect(clippy::disallowed_methods, reason = "the test makes what it tests")]
fn servant() -> &'static Path {
    static SERVANT: OnceLock<PathBuf> = OnceLock::new();
    SERVANT.get_or_init(|| {
        let own = std::env::current_exe().unwrap();
        let place = own.parent().unwrap().parent().unwrap();
        let servant = place.join("openclaw-boxd");
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../boxd/src");
        if written(&servant).is_none_or(|made| newest(&sources) > made) {
            let status = std::process::Command::new(env!("CARGO"))
                .args(["build", "--quiet", "-p", "boxd", "--bin", "openclaw-boxd"])
                .env("CARGO_TARGET_DIR", place.parent().unwrap())
                .status()
                .unwrap();
            assert!(status.success());
        }
        servant
    })
}

fn written(path: &Path) -> Option<SystemTime> {
    path.metadata().and_then(|metadata| metadata.modified()).ok()
}

fn newest(dir: &Path) -> SystemTime {
    let entries = dir.read_dir().unwrap().map(|entry| entry.unwrap().path());
    let times =
        entries.map(|path| if path.is_dir() { newest(&path) } else { written(&path).unwrap() });
    times.max().unwrap()
}

/// Processes, as this test sees them, that have `word` among their arguments.
fn processes_with(word: &str) -> usize {
    Path::new("/proc")
        .read_dir()
        .unwrap()
        .filter_map(|entry| arguments(&entry.unwrap().path()))
        .filter(|arguments| arguments.split('\0').any(|argument| argument == word))
        .count()
}

#[expect(clippy::disallowed_methods, reason = "what `/proc` says is no file of ours")]
fn arguments(process: &Path) -> Option<String> {
    std::fs::read_to_string(process.join("cmdline")).ok()
}

/// A number of kibibytes that `/proc` tells about a process.
#[expect(clippy::disallowed_methods, reason = "what `/proc` says is no file of ours")]
fn status_kib(process: &Path, field: &str) -> usize {
    let status = std::fs::read_to_string(process.join("status")).unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_ascii_whitespace().nth(1).unwrap().parse().unwrap()
}
