//! A sandbox without a servant: each deed is an exec of the engine.
//!
//! Slower, and used only where the servant cannot run. The engine cannot kill what it
//! started, so each command carries a marker in its environment by which all its processes
//! are found and killed inside the container.

use std::{collections::BTreeMap, fmt::Write, io, sync::Arc, time::Duration};

use async_trait::async_trait;
use bollard::{
    container::LogOutput,
    exec::{CreateExecOptions, ResizeExecOptions, StartExecOptions, StartExecResults},
};
use boxd::message::FACTS;
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::{
    io::AsyncWriteExt,
    sync::{mpsc, oneshot},
    time::timeout,
};
use tokio_util::task::TaskTracker;

use super::{
    client::Client,
    error::{Fault, fault},
};
use crate::backend::{
    Chunk, Command, Exit, FileKind, Killer, Running, Sandbox, SandboxError, Stat, Stdin,
};

/// Output that waits for its reader; when it is full the command waits, too.
const CHUNKS_MAX: usize = 32;
/// How long the killing of a command may take.
const KILL_PATIENCE: Duration = Duration::from_millis(4_500);
const MARKER: &str = "OPENCLAW_EXEC_MARKER";
/// Puts the wanted directories before those that a login shell's profile sets.
const PREPEND: &str = "if [ -n \"${OPENCLAW_PREPEND_PATH:-}\" ]; then export \
    PATH=\"$OPENCLAW_PREPEND_PATH:$PATH\"; unset OPENCLAW_PREPEND_PATH; fi; ";

/// Finds every process with the marker `$1`; TERM, a second's patience, KILL, and 3 if one is left.
const KILL: &str = r#"marked() {
  for dir in /proc/[0-9]*; do
    if tr '\0' '\n' <"$dir/environ" 2>/dev/null | grep -qxF "$1"; then echo "${dir#/proc/}"; fi
  done
}
for signal in TERM KILL; do
  tries=0
  while [ "$tries" -lt 10 ]; do
    pids=$(marked "$1")
    [ -n "$pids" ] || exit 0
    if [ "$tries" -eq 0 ] || [ "$signal" = KILL ]; then kill -s "$signal" $pids 2>/dev/null; fi
    tries=$((tries + 1))
    sleep 0.1
  done
done
exit 3"#;
const READ: &str = r#"[ -e "$1" ] || exit 44
[ -d "$1" ] && exit 45
size=$(stat -L -c %s -- "$1") || exit 46
if [ "$size" -gt "$2" ]; then echo "$size"; exit 47; fi
exec cat -- "$1""#;
const WRITE: &str = r#"set -e
dir=$(dirname -- "$1")
mkdir -p -- "$dir"
temp=$(mktemp "$dir/.openclaw-XXXXXX")
trap 'rm -f -- "$temp"' EXIT
cat >"$temp"
if [ -e "$1" ]; then chmod --reference="$1" -- "$temp"; else chmod 0644 -- "$temp"; fi
mv -fT -- "$temp" "$1""#;
const REMOVE: &str = r#"[ -e "$1" ] || [ -L "$1" ] || exit 44
exec rm -f -- "$1""#;
const STAT: &str = r#"[ -e "$1" ] || [ -L "$1" ] || exit 44
LC_ALL=C exec stat -L -c '%s %F' -- "$1""#;

/// Tells the files in `$@` that are there, each after its name, and the mounts that can be
/// written.
const LOOK: &str = r#"for file; do
  if text=$(cat -- "$file" 2>/dev/null); then printf '\001%s\002%s' "$file" "$text"; fi
done
printf '\001writable\002'
while read -r id parent device root place rest; do
  if [ -w "$place" ]; then printf '%s\n' "$place"; fi
done </proc/self/mountinfo"#;

/// A running container that is reached by the engine's exec.
#[derive(Clone, Debug)]
pub(crate) struct EngineExec {
    pub(crate) client: Arc<Client>,
    pub(crate) id: String,
    pub(crate) workdir: String,
    /// The `PATH` of the settings, if they have one.
    pub(crate) path: Option<String>,
    pub(crate) tasks: TaskTracker,
}

struct Script<'a> {
    text: &'a str,
    args: Vec<&'a str>,
    input: Option<&'a [u8]>,
}

#[async_trait]
impl Sandbox for EngineExec {
    fn workdir(&self) -> &str {
        &self.workdir
    }

    async fn exec(&self, command: Command) -> Result<Running, SandboxError> {
        let cwd = self.resolve(command.workdir.as_deref().unwrap_or_default());
        let spawn = |source: io::Error| SandboxError::Spawn {
            shell: "sh".to_owned(),
            workdir: cwd.clone(),
            source,
        };
        let mut seed = [0; 16];
        getrandom::fill(&mut seed).map_err(|error| spawn(io::Error::other(error)))?;
        let marker = format!("{MARKER}={}", hex::encode(seed));
        let env = self.env(&command, &cwd, &marker).map_err(spawn)?;
        let is_piped = command.stdin == Stdin::Piped;
        let options = CreateExecOptions {
            attach_stdin: Some(is_piped),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            tty: Some(command.pty.is_some()),
            env: Some(env),
            cmd: Some(vec![
                "sh".to_owned(),
                "-lc".to_owned(),
                format!("{PREPEND}{}", command.line),
            ]),
            working_dir: Some(cwd.clone()),
            ..CreateExecOptions::default()
        };
        let exec = self.start(options, command.pty.is_some()).await.map_err(&spawn)?;
        if let Some(size) = command.pty {
            let size = ResizeExecOptions { height: size.rows, width: size.columns };
            if let Err(error) = self.client.docker.resize_exec(&exec.id, size).await {
                tracing::debug!(%error, "terminal keeps its size");
            }
        }
        let (chunks, output) = mpsc::channel(CHUNKS_MAX);
        let (exited, exit) = oneshot::channel();
        let (kill, killed) = oneshot::channel();
        let (stdin, input) = mpsc::channel::<Bytes>(CHUNKS_MAX);
        let task = Task { sandbox: self.clone(), marker, exec, chunks, killed };
        self.tasks.spawn(async move { task.run(is_piped.then_some(input), exited).await });
        Ok(Running {
            pid: None,
            output,
            exit,
            stdin: is_piped.then_some(stdin),
            killer: Killer::new(kill),
        })
    }

    async fn read(&self, path: &str, bytes_max: u64) -> Result<Vec<u8>, SandboxError> {
        let max = bytes_max.to_string();
        let full = self.resolve(path);
        let ended = self.run(Script { text: READ, args: vec![&full, &max], input: None }).await;
        let ended = ended.map_err(|source| file("read", path, source))?;
        match ended.code {
            0 => Ok(ended.out),
            47 => Err(SandboxError::TooLarge {
                path: path.to_owned(),
                bytes: ended.text().trim().parse().unwrap_or(u64::MAX),
                bytes_max,
            }),
            _ => Err(ended.failure("read", path)),
        }
    }

    async fn write(&self, path: &str, bytes: &[u8]) -> Result<(), SandboxError> {
        let full = self.resolve(path);
        let script = Script { text: WRITE, args: vec![&full], input: Some(bytes) };
        let ended = self.run(script).await.map_err(|source| file("write", path, source))?;
        if ended.code == 0 { Ok(()) } else { Err(ended.failure("write", path)) }
    }

    async fn remove(&self, path: &str) -> Result<(), SandboxError> {
        let full = self.resolve(path);
        let ended = self.run(Script { text: REMOVE, args: vec![&full], input: None }).await;
        let ended = ended.map_err(|source| file("remove", path, source))?;
        if ended.code == 0 { Ok(()) } else { Err(ended.failure("remove", path)) }
    }

    async fn stat(&self, path: &str) -> Result<Option<Stat>, SandboxError> {
        let full = self.resolve(path);
        let ended = self.run(Script { text: STAT, args: vec![&full], input: None }).await;
        let ended = ended.map_err(|source| file("look at", path, source))?;
        match ended.code {
            0 => {}
            44 => return Ok(None),
            _ => return Err(ended.failure("look at", path)),
        }
        let text = ended.text();
        let (bytes, kind) = text.trim().split_once(' ').unwrap_or(("0", ""));
        let kind = match kind {
            "regular file" | "regular empty file" => FileKind::File,
            "directory" => FileKind::Directory,
            _ => FileKind::Other,
        };
        Ok(Some(Stat { kind, bytes: bytes.parse().unwrap_or(0) }))
    }
}

impl EngineExec {
    /// What the kernel tells inside; see [`FACTS`].
    pub(crate) async fn facts(&self) -> io::Result<BTreeMap<String, String>> {
        let script = Script { text: LOOK, args: FACTS.to_vec(), input: None };
        let told = self.run(script).await?.text();
        let parts = told.split('\x01').filter_map(|part| part.split_once('\x02'));
        Ok(parts.map(|(path, text)| (path.to_owned(), text.to_owned())).collect())
    }

    fn resolve(&self, path: &str) -> String {
        match path.strip_prefix('~') {
            _ if path.is_empty() => self.workdir.clone(),
            _ if path.starts_with('/') => path.to_owned(),
            Some("") => self.workdir.clone(),
            Some(rest) if rest.starts_with('/') => format!("{}{rest}", self.workdir),
            Some(_) | None => format!("{}/{path}", self.workdir),
        }
    }

    fn env(&self, command: &Command, cwd: &str, marker: &str) -> io::Result<Vec<String>> {
        let mut env = vec![marker.to_owned(), format!("HOME={cwd}"), "OPENCLAW_SHELL=exec".into()];
        if command.pty.is_some() && !command.env.contains_key("TERM") {
            env.push("TERM=xterm-256color".to_owned());
        }
        let mut path = self.path.clone();
        for (name, value) in &command.env {
            if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
                let text = format!("`{}` is no environment variable", name.escape_debug());
                return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
            }
            if name == "PATH" {
                path = Some(value.clone());
            } else {
                env.push(format!("{name}={value}"));
            }
        }
        env.extend(path.map(|path| format!("OPENCLAW_PREPEND_PATH={path}")));
        Ok(env)
    }

    async fn start(&self, options: CreateExecOptions<String>, tty: bool) -> io::Result<Started> {
        let fail = |error| io::Error::other(self.client.fail("run a command in", &self.id, &error));
        let docker = &self.client.docker;
        let made = match docker.create_exec(&self.id, options.clone()).await {
            Err(error) if fault(&error) == Fault::Conflict && self.thaw().await => {
                docker.create_exec(&self.id, options).await
            }
            outcome => outcome,
        };
        let made = made.map_err(fail)?;
        let start = StartExecOptions { detach: false, tty, output_capacity: Some(64 * 1024) };
        match docker.start_exec(&made.id, Some(start)).await.map_err(fail)? {
            StartExecResults::Attached { output, input } => {
                Ok(Started { id: made.id, output, input })
            }
            StartExecResults::Detached => Err(io::Error::other("the engine detached a command")),
        }
    }

    /// Lets the container go on if somebody has frozen it.
    async fn thaw(&self) -> bool {
        match self.client.inspect(&self.id).await {
            Ok(Some(found)) => self.client.thaw(&found).await.unwrap_or(false),
            Ok(None) | Err(_) => false,
        }
    }

    async fn run(&self, script: Script<'_>) -> io::Result<Ended> {
        let mut cmd: Vec<_> = ["sh", "-c", script.text, "sh"].map(str::to_owned).to_vec();
        cmd.extend(script.args.iter().map(|arg| (*arg).to_owned()));
        let options = CreateExecOptions {
            attach_stdin: Some(script.input.is_some()),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            cmd: Some(cmd),
            ..CreateExecOptions::default()
        };
        let mut started = self.start(options, false).await?;
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let give = async {
            if let Some(bytes) = script.input {
                started.input.write_all(bytes).await?;
            }
            started.input.shutdown().await
        };
        let collect = async {
            while let Some(piece) = started.output.next().await {
                match piece {
                    Ok(LogOutput::StdErr { message }) => err.extend_from_slice(&message),
                    Ok(other) => out.extend_from_slice(&other.into_bytes()),
                    Err(error) => return Err(io::Error::other(error)),
                }
            }
            Ok(())
        };
        let (given, drained) = tokio::join!(give, collect);
        drained?;
        let code = self.exit_code(&started.id).await?;
        // A script that refuses early closes its input; its own words say more than that.
        if code == 0 {
            given?;
        }
        Ok(Ended { code, out, err })
    }

    async fn exit_code(&self, exec: &str) -> io::Result<i64> {
        let state = self.client.docker.inspect_exec(exec).await.map_err(io::Error::other)?;
        state.exit_code.ok_or_else(|| io::Error::other("the engine knows no exit code"))
    }
}

struct Started {
    id: String,
    output: std::pin::Pin<
        Box<dyn futures_util::Stream<Item = Result<LogOutput, bollard::errors::Error>> + Send>,
    >,
    input: std::pin::Pin<Box<dyn tokio::io::AsyncWrite + Send>>,
}

struct Ended {
    code: i64,
    out: Vec<u8>,
    err: Vec<u8>,
}

impl Ended {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.out).into_owned()
    }

    fn failure(&self, verb: &'static str, path: &str) -> SandboxError {
        if self.code == 44 {
            return SandboxError::NotFound { path: path.to_owned() };
        }
        let mut said = String::from_utf8_lossy(&self.err).trim().to_owned();
        if said.is_empty() {
            let why = if self.code == 45 { "it is a directory" } else { "the sandbox refused" };
            write!(said, "{why} (status {})", self.code).ok();
        }
        file(verb, path, io::Error::other(said))
    }
}

/// Watches over one command.
struct Task {
    sandbox: EngineExec,
    marker: String,
    exec: Started,
    chunks: mpsc::Sender<Chunk>,
    killed: oneshot::Receiver<()>,
}

impl Task {
    async fn run(self, input: Option<mpsc::Receiver<Bytes>>, exited: oneshot::Sender<Exit>) {
        let Self { sandbox, marker, exec, chunks, mut killed } = self;
        let Started { id, mut output, input: mut pipe } = exec;
        let feed = async {
            let Some(mut input) = input else {
                return std::future::pending::<()>().await;
            };
            while let Some(bytes) = input.recv().await {
                if pipe.write_all(&bytes).await.is_err() || pipe.flush().await.is_err() {
                    break;
                }
            }
            // Closing it is the end of input for the command.
            pipe.shutdown().await.ok();
            std::future::pending::<()>().await;
        };
        let forward = async {
            while let Some(Ok(piece)) = output.next().await {
                let chunk = match piece {
                    LogOutput::StdErr { message } => Chunk::Err(message),
                    LogOutput::StdOut { message }
                    | LogOutput::StdIn { message }
                    | LogOutput::Console { message } => Chunk::Out(message),
                };
                if chunks.send(chunk).await.is_err() {
                    break;
                }
            }
        };
        let is_killed = tokio::select! {
            biased;
            _ = &mut killed => true,
            () = feed => false,
            () = forward => false,
        };
        let exit = if is_killed {
            sandbox.kill(&marker).await;
            Exit::Signal(9)
        } else {
            let code = sandbox.exit_code(&id).await.ok().and_then(|code| i32::try_from(code).ok());
            Exit::Code(code.unwrap_or(-1))
        };
        drop(chunks);
        exited.send(exit).ok();
    }
}

impl EngineExec {
    async fn kill(&self, marker: &str) {
        let script = Script { text: KILL, args: vec![marker], input: None };
        match timeout(KILL_PATIENCE, self.run(script)).await {
            Ok(Ok(ended)) if ended.code == 0 => {}
            Ok(Ok(ended)) => tracing::warn!(code = ended.code, "a killed command left processes"),
            Ok(Err(error)) => tracing::warn!(%error, "a command could not be killed"),
            Err(_) => tracing::warn!("killing a command took too long"),
        }
    }
}

fn file(verb: &'static str, path: &str, source: io::Error) -> SandboxError {
    SandboxError::File { verb, path: path.to_owned(), source }
}
