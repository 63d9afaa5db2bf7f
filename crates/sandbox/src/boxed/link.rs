//! The handle of a link.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use boxd::{Failure, Request, Stat};
use bytes::Bytes;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{mpsc, oneshot},
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    WINDOW_BYTES,
    error::{CallError, LinkError},
    handshake::{Options, greet},
    owner::{MAIL_MAX, Mail, Owner},
    pump::Pump,
    table::{Answer, Call, Command, Entry, WORDS_MAX},
};
use crate::backend::{Killer, Running, Size, Stdin};

/// Chunks of output that may wait for a reader. When full, the process blocks on its pipe once
/// its credit is used up too.
const OUTPUT_QUEUE_MAX: usize = 8;

/// Pieces of input that may wait for a process. When full, the sender waits.
const INPUT_QUEUE_MAX: usize = 16;

/// Most bytes of a marker file that are looked at.
const MARKER_BYTES_MAX: u64 = 4096;

/// A command to start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// Its environment. `PATH` and `HOME` are the sandbox's own unless named here.
    pub env: BTreeMap<String, String>,
    /// Absolute.
    pub workdir: String,
    /// What its standard input is.
    pub stdin: Stdin,
    /// A pseudo-terminal of this size instead of pipes.
    pub pty: Option<Size>,
    /// Whether what it left in the background lives on when it ends by itself.
    pub keeps_leftovers: bool,
}

/// A started command.
#[derive(Debug)]
pub struct Process {
    /// Its streams and its end. Dropping it kills the command with all that descends from it.
    pub running: Running,
    /// Steers it.
    pub control: Control,
}

/// Steers a command. What it says about one that has ended is not heard.
#[derive(Clone, Debug)]
pub struct Control {
    id: u32,
    mail: mpsc::Sender<Mail>,
}

impl Control {
    /// Sets the size of the command's terminal.
    pub async fn resize(&self, size: Size) {
        let Size { columns, rows } = size;
        self.tell(&Request::Resize(boxd::Size { columns, rows })).await;
    }

    /// Sends a signal, by its number, to the command's process group.
    pub async fn signal(&self, signal: u8) {
        self.tell(&Request::Signal(signal)).await;
    }

    async fn tell(&self, request: &Request<'_>) {
        let mut frame = Vec::new();
        if request.append(self.id, &mut frame).is_ok() {
            let _dead = self.mail.send(Mail::Tell { id: self.id, frame }).await;
        }
    }
}

/// What all parts of a link share.
#[derive(Debug)]
pub(super) struct Shared {
    why: OnceLock<LinkError>,
    ended: CancellationToken,
}

impl Shared {
    /// Ends the link; the first reason stays.
    pub(super) fn end(&self, why: LinkError) {
        // A later reason follows from the first.
        let _later = self.why.set(why);
        self.ended.cancel();
    }

    /// Waits until somebody has ended the link.
    pub(super) async fn stopped(&self) {
        self.ended.cancelled().await;
    }

    fn why(&self) -> LinkError {
        self.why.get().cloned().unwrap_or(LinkError::Closed)
    }
}

/// A link to the servant of one sandbox.
///
/// Clones are the same link. It ends when the last one is dropped and no command runs, when
/// [`Link::close`] is called, or when the servant breaks a rule; [`Link::closed`] says why.
#[derive(Clone, Debug)]
pub struct Link {
    mail: mpsc::Sender<Mail>,
    shared: Arc<Shared>,
    next_id: Arc<AtomicU32>,
    tasks: TaskTracker,
    answer_max: Duration,
    uid: u32,
    is_pid1: bool,
    facts: Arc<BTreeMap<String, String>>,
}

impl Link {
    /// Greets the servant at the other end of a stream, and starts the task that owns the
    /// stream. Each running command has one more task on `tasks`.
    ///
    /// # Errors
    ///
    /// [`LinkError`]; the stream is then of no use any more.
    pub async fn start<R, W>(
        tasks: &TaskTracker,
        mut reader: R,
        mut writer: W,
        options: Options,
    ) -> Result<Self, LinkError>
    where
        R: AsyncRead + Send + Unpin + 'static,
        W: AsyncWrite + Send + Unpin + 'static,
    {
        let (hello, inbox) = greet(&mut reader, &mut writer, &options).await?;
        let (sender, mail) = mpsc::channel(MAIL_MAX);
        let shared = Arc::new(Shared { why: OnceLock::new(), ended: CancellationToken::new() });
        let owner = Owner { reader, writer, mail, inbox, shared: Arc::clone(&shared) };
        tasks.spawn(owner.run());
        let link = Self {
            mail: sender,
            shared,
            next_id: Arc::new(AtomicU32::new(1)),
            tasks: tasks.clone(),
            answer_max: options.answer_max,
            uid: hello.uid,
            is_pid1: hello.is_pid1,
            facts: hello.facts.into(),
        };
        if let Some(marker) = options.marker {
            let seen = link.read(&marker.path, MARKER_BYTES_MAX).await;
            if !seen.is_ok_and(|seen| seen == marker.contents) {
                let why = LinkError::Marker { path: marker.path };
                link.shared.end(why.clone());
                return Err(why);
            }
        }
        Ok(link)
    }

    /// The user that the servant says it runs as.
    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// Whether the servant says it is the sandbox's first process.
    pub fn is_pid1(&self) -> bool {
        self.is_pid1
    }

    /// What the servant found when it started, before anything else ran: the files of
    /// [`boxd::message::FACTS`] that were there, by path.
    pub fn facts(&self) -> &BTreeMap<String, String> {
        &self.facts
    }

    /// Why the link ended, if it has.
    pub fn failure(&self) -> Option<LinkError> {
        self.shared.why.get().cloned()
    }

    /// Waits until the link has ended, and says why.
    pub async fn closed(&self) -> LinkError {
        self.shared.stopped().await;
        self.shared.why()
    }

    /// Ends the link; the servant kills what runs.
    pub fn close(&self) {
        self.shared.end(LinkError::Stopped);
    }

    /// Starts a command.
    pub async fn exec(&self, start: &Start) -> Result<Process, CallError> {
        self.exec_if(start, &[]).await
    }

    /// Starts a command if these files are as they were when they had these stamps; 0 is a
    /// file that is not there. Otherwise it fails with [`Failure::Stale`].
    pub async fn exec_if(
        &self,
        start: &Start,
        stamps: &[(String, u64)],
    ) -> Result<Process, CallError> {
        let (words, heard) = mpsc::channel(WORDS_MAX);
        let command = Command::new(words);
        let room = Arc::clone(&command.room);
        let request = Request::Exec(boxd::Exec {
            argv: start.argv.iter().map(String::as_bytes).collect(),
            env: start.env.iter().map(|(name, it)| (name.as_bytes(), it.as_bytes())).collect(),
            cwd: start.workdir.as_bytes(),
            pty: start.pty.map(|Size { columns, rows }| boxd::Size { columns, rows }),
            has_stdin: start.stdin == Stdin::Piped,
            keeps_leftovers: start.keeps_leftovers,
            credit: WINDOW_BYTES,
            stamps: stamps.iter().map(|(path, stamp)| (path.as_bytes(), *stamp)).collect(),
        });
        let (stdin, input) = match start.stdin {
            Stdin::Null => (None, None),
            Stdin::Piped => {
                let (sender, receiver) = mpsc::channel(INPUT_QUEUE_MAX);
                (Some(sender), Some(receiver))
            }
        };
        let (sender, output) = mpsc::channel(OUTPUT_QUEUE_MAX);
        let (exit_sender, exit) = oneshot::channel();
        let (killer, kill) = oneshot::channel();
        let killer = Killer::new(killer);
        let (id, frame) = self.frame(&request)?;
        let pump = Pump {
            id,
            mail: self.mail.clone(),
            shared: Arc::clone(&self.shared),
            words: heard,
            output: sender,
            exit: exit_sender,
            input,
            room,
            kill,
            is_terminal: start.pty.is_some(),
        };
        let (started, answer) = oneshot::channel();
        let call = Call::Starting { started, command };
        self.send(Mail::Ask { id, frame, call }).await?;
        // From here on a caller that loses interest drops the killer, and the pump kills.
        self.tasks.spawn(pump.run());
        let pid = self.wait(answer).await?;
        let running = Running { pid: Some(pid), output, exit, stdin, killer };
        Ok(Process { running, control: Control { id, mail: self.mail.clone() } })
    }

    /// Reads a whole file of at most `bytes_max` bytes.
    pub async fn read(&self, path: &str, bytes_max: u64) -> Result<Vec<u8>, CallError> {
        self.read_from(path, None, bytes_max).await
    }

    /// Reads at most `bytes_max` bytes of a file from `offset` on.
    pub async fn read_part(
        &self,
        path: &str,
        offset: u64,
        bytes_max: u64,
    ) -> Result<Vec<u8>, CallError> {
        self.read_from(path, Some(offset), bytes_max).await
    }

    /// Writes a whole file, making its parent directories, in one step that readers see.
    pub async fn write(&self, path: &str, bytes: Bytes) -> Result<(), CallError> {
        let (id, frame) = self.frame(&Request::Write { path: path.as_bytes() })?;
        let (sender, answer) = oneshot::channel();
        self.send(Mail::Write { id, frame, call: Call::Done(sender), bytes }).await?;
        self.wait(answer).await
    }

    /// Removes a file.
    pub async fn remove(&self, path: &str) -> Result<(), CallError> {
        self.ask(&Request::Remove { path: path.as_bytes() }, Call::Done).await
    }

    /// Renames a file, making the directories of its new name.
    pub async fn rename(&self, from: &str, to: &str) -> Result<(), CallError> {
        let request = Request::Rename { from: from.as_bytes(), to: to.as_bytes() };
        self.ask(&request, Call::Done).await
    }

    /// Says what is at `path`; `None` when nothing is.
    pub async fn stat(&self, path: &str) -> Result<Option<Stat>, CallError> {
        match self.ask(&Request::Stat { path: path.as_bytes() }, Call::Stat).await {
            Ok(stat) => Ok(Some(stat)),
            Err(CallError::Failed(Failure::NotFound)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Lists at most `entries_max` entries of a directory: names, and what they are without
    /// following links.
    pub async fn list(&self, path: &str, entries_max: u32) -> Result<Vec<Entry>, CallError> {
        let request = Request::List { entries_max, path: path.as_bytes() };
        let entries = Vec::new();
        self.ask(&request, |answer| Call::List { answer, entries, entries_max }).await
    }

    /// Resolves all links of a path.
    pub async fn real_path(&self, path: &str) -> Result<Vec<u8>, CallError> {
        self.ask(&Request::RealPath { path: path.as_bytes() }, Call::Path).await
    }

    async fn read_from(
        &self,
        path: &str,
        offset: Option<u64>,
        bytes_max: u64,
    ) -> Result<Vec<u8>, CallError> {
        let request = Request::Read { offset, bytes_max, path: path.as_bytes() };
        self.ask(&request, |answer| Call::Read { answer, bytes: Vec::new(), bytes_max }).await
    }

    async fn ask<T>(
        &self,
        request: &Request<'_>,
        call: impl FnOnce(Answer<T>) -> Call,
    ) -> Result<T, CallError> {
        let (id, frame) = self.frame(request)?;
        let (sender, answer) = oneshot::channel();
        self.send(Mail::Ask { id, frame, call: call(sender) }).await?;
        self.wait(answer).await
    }

    fn frame(&self, request: &Request<'_>) -> Result<(u32, Vec<u8>), CallError> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let mut frame = Vec::new();
        request.append(id, &mut frame).map_err(|_| CallError::TooLong)?;
        Ok((id, frame))
    }

    async fn send(&self, mail: Mail) -> Result<(), CallError> {
        let sent = tokio::select! {
            biased;
            () = self.shared.stopped() => false,
            sent = timeout(self.answer_max, self.mail.send(mail)) => match sent {
                Ok(sent) => sent.is_ok(),
                Err(_) => return Err(self.silent()),
            },
        };
        if sent {
            return Ok(());
        }
        Err(self.closed().await.into())
    }

    async fn wait<T>(&self, answer: oneshot::Receiver<Result<T, Failure>>) -> Result<T, CallError> {
        match timeout(self.answer_max, answer).await {
            Ok(Ok(outcome)) => outcome.map_err(CallError::Failed),
            Ok(Err(_)) => Err(self.closed().await.into()),
            Err(_) => Err(self.silent()),
        }
    }

    /// A servant that does not answer one call will not answer the next.
    fn silent(&self) -> CallError {
        let why = LinkError::Silent { within: self.answer_max };
        self.shared.end(why.clone());
        why.into()
    }
}
