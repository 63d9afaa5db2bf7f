//! Processes of the host: started, fed, listened to, killed, reaped.
//!
//! One task owns each process from its start to its end:
//!
//! ```text
//!  running ──leader exits──► trailing ──pipes end, or 250 ms──► drained ──► reaped, exit sent
//!     └────────── kill: SIGKILL to the group ─┘
//! ```
//!
//! Invariant: the group is signalled only while its leader is not reaped. Until then the
//! leader's number cannot be given to anybody else, so the signal cannot hit a stranger.
//! What a command left behind in the background when it ended by itself lives on.

use std::{
    collections::BTreeMap,
    future::{self, Future},
    io,
    os::{fd::OwnedFd, unix::process::ExitStatusExt},
    path::Path,
    pin::pin,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use bytes::Bytes;
use rustix::{
    io::Errno,
    process::{
        Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, kill_process_group, pidfd_open, waitid,
    },
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, Interest, unix::AsyncFd},
    process::Child,
    sync::{mpsc, oneshot},
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::terminal::{CURSOR_AT_HOME, CursorQuestions};
use crate::backend::{Chunk, Command, Exit, Killer, Running, Size, Stdin, TRAILING_OUTPUT};

/// Most bytes of one chunk of output.
const CHUNK_BYTES_MAX: usize = 8 * 1024;

/// Chunks that may wait for a reader. When full, the process blocks on its pipe.
const OUTPUT_QUEUE_MAX: usize = 32;

/// Pieces of input that may wait for the process. When full, the sender waits.
const INPUT_QUEUE_MAX: usize = 16;

/// Cursor questions that may wait for an answer. When full, further ones stay unanswered:
/// the program asks without reading.
const QUESTIONS_MAX: usize = 64;

/// Most bytes that a pipe holds (the kernel's limit for ordinary users): what is read at most
/// once the time for trailing output is over, so that a chatty grandchild cannot hold us.
const LEFTOVER_BYTES_MAX: usize = 1024 * 1024;

/// How often an old kernel is asked whether a process has exited.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// What a terminal sends for "end of input".
const END_OF_TRANSMISSION: &[u8] = b"\x04";

/// What to start.
pub(super) struct Plan<'a> {
    pub(super) shell: &'a Path,
    pub(super) cwd: &'a Path,
    /// The whole environment.
    pub(super) env: BTreeMap<String, String>,
    pub(super) command: &'a Command,
}

/// Starts a process and the task that owns it.
pub(super) fn start(plan: &Plan<'_>, tasks: &TaskTracker) -> io::Result<Running> {
    let (stdin, input) = match plan.command.stdin {
        Stdin::Null => (None, None),
        Stdin::Piped => {
            let (sender, receiver) = mpsc::channel(INPUT_QUEUE_MAX);
            (Some(sender), Some(receiver))
        }
    };
    let (chunks, output) = mpsc::channel(OUTPUT_QUEUE_MAX);
    let (killer, kill) = oneshot::channel();
    let (exit_sender, exit) = oneshot::channel();
    let last_call = CancellationToken::new();
    let ends = Ends { kill, exit: exit_sender, last_call: last_call.clone() };
    let listener = |wrap| Listener { chunks: chunks.clone(), last_call: last_call.clone(), wrap };
    let pid = match plan.command.pty {
        None => {
            let mut child = spawn_on_pipes(plan)?;
            let out = child.stdout.take().map(|pipe| listener(Chunk::Out).hear(pipe));
            let err = child.stderr.take().map(|pipe| listener(Chunk::Err).hear(pipe));
            let heard = async {
                tokio::join!(maybe(out), maybe(err));
            };
            let fed = maybe(child.stdin.take().zip(input).map(|(pipe, input)| feed(pipe, input)));
            let owned = Owned::new(child);
            let pid = owned.group.0;
            tasks.spawn(owned.run(ends, heard, fed));
            pid
        }
        Some(size) => {
            let (child, terminal) = spawn_on_terminal(plan, size)?;
            let (reader, writer) = terminal.into_split();
            let (asked, questions) = mpsc::channel(QUESTIONS_MAX);
            let heard = listener(Chunk::Out).hear_terminal(reader, asked);
            let owned = Owned::new(child);
            let pid = owned.group.0;
            tasks.spawn(owned.run(ends, heard, feed_terminal(writer, input, questions)));
            pid
        }
    };
    let pid = pid.and_then(|pid| u32::try_from(pid.as_raw_nonzero().get()).ok());
    Ok(Running { pid, output, exit, stdin, killer: Killer::new(killer) })
}

#[expect(clippy::disallowed_methods, reason = "this is the place where processes are started")]
fn spawn_on_pipes(plan: &Plan<'_>) -> io::Result<Child> {
    let stdin = match plan.command.stdin {
        Stdin::Null => Stdio::null(),
        Stdin::Piped => Stdio::piped(),
    };
    tokio::process::Command::new(plan.shell)
        .arg("-c")
        .arg(&plan.command.line)
        .current_dir(plan.cwd)
        .env_clear()
        .envs(&plan.env)
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // No closure before the exec: that keeps `posix_spawn`, which copies no page tables.
        .process_group(0)
        .spawn()
}

fn spawn_on_terminal(plan: &Plan<'_>, size: Size) -> io::Result<(Child, pty_process::Pty)> {
    let (terminal, inner) = pty_process::open().map_err(io::Error::other)?;
    terminal.resize(pty_process::Size::new(size.rows, size.columns)).map_err(io::Error::other)?;
    let mut command = pty_process::Command::new(plan.shell)
        .arg("-c")
        .arg(&plan.command.line)
        .current_dir(plan.cwd)
        .env_clear()
        .envs(&plan.env);
    if plan.command.stdin == Stdin::Null {
        command = command.stdin(Stdio::null());
    }
    // The child leads a session of its own, and with it a group of its own.
    let child = command.spawn(inner).map_err(|error| {
        if let pty_process::Error::Io(error) = error { error } else { io::Error::other(error) }
    })?;
    Ok((child, terminal))
}

/// The owner's ends of what [`Running`] holds.
struct Ends {
    kill: oneshot::Receiver<()>,
    exit: oneshot::Sender<Exit>,
    /// Tells the listeners to take what is there and stop.
    last_call: CancellationToken,
}

/// A process that this side has yet to reap.
struct Owned {
    /// First, so that an owner that is dropped kills before it lets the child be reaped.
    group: Group,
    child: Child,
    /// Readable once the leader has exited; does not reap it.
    leader: Option<AsyncFd<OwnedFd>>,
}

impl Owned {
    fn new(child: Child) -> Self {
        let pid = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        let leader = pid.and_then(watch);
        Self { child, group: Group(pid), leader }
    }

    async fn run(self, ends: Ends, heard: impl Future<Output = ()>, fed: impl Future<Output = ()>) {
        // In this order, so that the group is dropped before the child here too.
        let Self { mut child, mut group, leader } = self;
        let Ends { mut kill, exit, last_call } = ends;
        {
            let mut ended = pin!(end(group.0, leader.as_ref(), heard, last_call));
            let mut fed = pin!(fed);
            let (mut is_killed, mut is_fed) = (false, false);
            loop {
                tokio::select! {
                    biased;
                    _ = &mut kill, if !is_killed => {
                        is_killed = true;
                        group.kill();
                    }
                    () = &mut ended => break,
                    () = &mut fed, if !is_fed => is_fed = true,
                }
            }
        }
        // From here on the number may be somebody else's.
        group.0 = None;
        // Without a status nothing is sent, which the other side reads as "lost".
        if let Some(how) = child.wait().await.ok().and_then(how_it_ended) {
            let _unheard = exit.send(how);
        }
    }
}

/// A descriptor that is readable once process `pid` has exited; `None` on old kernels.
#[expect(
    deprecated,
    reason = "the successor is an unsafe function; what it asks for, a descriptor that stays \
              open, an `OwnedFd` is by itself"
)]
fn watch(pid: Pid) -> Option<AsyncFd<OwnedFd>> {
    let fd = pidfd_open(pid, PidfdFlags::NONBLOCK).ok()?;
    AsyncFd::with_interest(fd, Interest::READABLE).ok()
}

/// Waits until the leader has exited and its output is heard.
async fn end(
    pid: Option<Pid>,
    leader: Option<&AsyncFd<OwnedFd>>,
    heard: impl Future<Output = ()>,
    last_call: CancellationToken,
) {
    let mut heard = pin!(heard);
    let mut exited = pin!(exit_of(pid, leader));
    tokio::select! {
        () = &mut heard => return exited.await,
        () = &mut exited => {}
    }
    if timeout(TRAILING_OUTPUT, &mut heard).await.is_err() {
        last_call.cancel();
        heard.await;
    }
}

/// Waits for the leader's exit and leaves it unreaped.
async fn exit_of(pid: Option<Pid>, leader: Option<&AsyncFd<OwnedFd>>) {
    if let Some(leader) = leader {
        drop(leader.readable().await);
        return;
    }
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    while let Some(pid) = pid {
        match waitid(WaitId::Pid(pid), options) {
            Ok(None) | Err(Errno::INTR) => sleep(LOOK_EVERY).await,
            Ok(Some(_)) | Err(_) => return,
        }
    }
}

fn how_it_ended(status: ExitStatus) -> Option<Exit> {
    status.code().map(Exit::Code).or_else(|| status.signal().map(Exit::Signal))
}

/// A process group that dies with its owner; `None` once its leader is reaped.
struct Group(Option<Pid>);

impl Group {
    fn kill(&self) {
        if let Some(pid) = self.0 {
            // An empty group is what we want.
            let _gone = kill_process_group(pid, Signal::KILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Carries output to [`Running::output`]. When nobody listens any more, output is read and
/// thrown away, so that the process does not hang.
struct Listener {
    chunks: mpsc::Sender<Chunk>,
    last_call: CancellationToken,
    wrap: fn(Bytes) -> Chunk,
}

impl Listener {
    async fn hear(self, mut pipe: impl AsyncRead + Unpin) {
        let mut source = Source::new(self.last_call.clone());
        while let Some(bytes) = source.next(&mut pipe).await {
            self.hand_over(bytes).await;
        }
    }

    async fn hear_terminal(self, mut pipe: impl AsyncRead + Unpin, asked: mpsc::Sender<()>) {
        let mut source = Source::new(self.last_call.clone());
        let mut questions = CursorQuestions::default();
        while let Some(bytes) = source.next(&mut pipe).await {
            let (left, count) = questions.take(bytes);
            for _ in 0..count {
                let _unanswered = asked.try_send(());
            }
            self.hand_over(&left).await;
        }
        self.hand_over(&questions.rest()).await;
    }

    async fn hand_over(&self, bytes: &[u8]) {
        if !bytes.is_empty() {
            let chunk = (self.wrap)(Bytes::copy_from_slice(bytes));
            let _unheard = self.chunks.send(chunk).await;
        }
    }
}

/// Reads a pipe to its end, or after the last call to what it holds.
struct Source {
    buffer: Box<[u8]>,
    last_call: CancellationToken,
    leftover_bytes: usize,
}

impl Source {
    fn new(last_call: CancellationToken) -> Self {
        let buffer = vec![0; CHUNK_BYTES_MAX].into_boxed_slice();
        Self { buffer, last_call, leftover_bytes: LEFTOVER_BYTES_MAX }
    }

    async fn next(&mut self, pipe: &mut (impl AsyncRead + Unpin)) -> Option<&[u8]> {
        if self.leftover_bytes == 0 {
            return None;
        }
        let count = tokio::select! {
            biased;
            // An error is the end too: that is how a terminal says that all have left.
            read = pipe.read(&mut self.buffer) => read.unwrap_or(0),
            () = self.last_call.cancelled() => 0,
        };
        if self.last_call.is_cancelled() {
            self.leftover_bytes = self.leftover_bytes.saturating_sub(count);
        }
        self.buffer.get(..count).filter(|bytes| !bytes.is_empty())
    }
}

/// Carries input to a pipe; closes it when the sender is gone or the process stops reading.
async fn feed(mut pipe: impl AsyncWrite + Unpin, mut input: mpsc::Receiver<Bytes>) {
    while let Some(bytes) = input.recv().await {
        if pipe.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

/// Carries input and answers to a terminal; types "end of input" when the sender is gone.
async fn feed_terminal(
    mut terminal: impl AsyncWrite + Unpin,
    mut input: Option<mpsc::Receiver<Bytes>>,
    mut questions: mpsc::Receiver<()>,
) {
    loop {
        let bytes = tokio::select! {
            Some(()) = questions.recv() => Bytes::from_static(CURSOR_AT_HOME),
            bytes = typed(&mut input) => bytes,
        };
        if terminal.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

async fn typed(input: &mut Option<mpsc::Receiver<Bytes>>) -> Bytes {
    let Some(receiver) = input else { return future::pending().await };
    if let Some(bytes) = receiver.recv().await {
        return bytes;
    }
    *input = None;
    Bytes::from_static(END_OF_TRANSMISSION)
}

async fn maybe(work: Option<impl Future<Output = ()>>) {
    if let Some(work) = work {
        work.await;
    }
}
