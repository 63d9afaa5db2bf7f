//! The task that owns one running process: reads its output, keeps its time, kills it.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use domain::{Clock, SessionKey};
use sandbox::{Chunk, Exit, Running};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{
    ExecEnded, Launch, Shared,
    record::{Ending, How, Process, Seen, State},
    scope::Scope,
};
use crate::output::{Decoder, Tail};

/// How long the end of a killed process is waited for.
const KILL_PATIENCE: Duration = Duration::from_secs(1);

/// A timer that is not set.
const NEVER: Duration = Duration::from_hours(365 * 24);

/// Characters of output that a notification carries.
const NOTICE_CHARS: usize = 400;

/// Characters of a process id that a notification carries.
const NOTICE_ID_CHARS: usize = 8;

pub(super) struct Driver {
    process: Arc<Process>,
    running: Running,
    session: SessionKey,
    started: Instant,
    timeout: Option<Duration>,
    finished_kept: Duration,
    notify_on_exit: bool,
    clock: Arc<dyn Clock>,
}

/// Makes the record of a process, and the driver that will feed it.
pub(super) fn prepare(
    id: String,
    mut launch: Launch,
    kill: CancellationToken,
) -> (Arc<Process>, Driver) {
    let state = State {
        output: Tail::new(launch.output_chars_max),
        read_total: 0,
        backgrounded: false,
        killed: false,
        ending: None,
        stdin: launch.running.stdin.take(),
    };
    let process = Arc::new(Process {
        id,
        scope: Scope::of(&launch.session, &launch.machine),
        session: launch.session.clone(),
        command: launch.command,
        cwd: launch.cwd,
        pid: launch.running.pid,
        on_terminal: launch.on_terminal,
        started_at: launch.clock.now(),
        kill,
        forgotten: CancellationToken::new(),
        state: Mutex::new(state),
        seen: watch::Sender::new(Seen::default()),
    });
    let driver = Driver {
        process: Arc::clone(&process),
        running: launch.running,
        session: launch.session,
        started: Instant::now(),
        timeout: launch.timeout,
        finished_kept: launch.finished_kept,
        notify_on_exit: launch.notify_on_exit,
        clock: launch.clock,
    };
    (process, driver)
}

impl Driver {
    /// Drives the process to its end, then keeps its record for as long as it should be kept.
    pub(super) async fn run(self, shared: Arc<Shared>) {
        let Self { process, running, session, started, clock, .. } = self;
        let how = drive(&process, running, self.timeout.map(|timeout| (started, timeout))).await;
        let (ending, backgrounded) = process.end(how, clock.now(), started.elapsed());
        if backgrounded && !process.forgotten.is_cancelled() && !shared.closed.is_cancelled() {
            if self.notify_on_exit {
                (shared.notify)(ExecEnded { session, text: notice(&process, ending) });
            }
            shared.evict();
            tokio::select! {
                () = shared.closed.cancelled() => {}
                () = process.forgotten.cancelled() => {}
                () = tokio::time::sleep(self.finished_kept) => {}
            }
        }
        shared.remove(&process.id);
    }
}

/// Reads output until the process has ended, killing it when told to or out of time.
async fn drive(process: &Process, running: Running, timeout: Option<(Instant, Duration)>) -> How {
    let Running { mut output, mut exit, mut killer, .. } = running;
    let mut reader = Reader::default();
    let mut is_open = true;
    let mut killed_for: Option<Option<Duration>> = None;
    let deadline = timeout
        .map_or_else(|| Instant::now() + NEVER, |(started, timeout)| started + timeout.min(NEVER));
    let timer = sleep_until(deadline);
    tokio::pin!(timer);
    loop {
        tokio::select! {
            biased;
            () = process.kill.cancelled(), if killed_for.is_none() => {
                killed_for = Some(None);
                killer.kill();
                timer.as_mut().reset(Instant::now() + KILL_PATIENCE);
            }
            () = &mut timer => match killed_for {
                None => {
                    killed_for = Some(timeout.map(|(_, timeout)| timeout));
                    killer.kill();
                    timer.as_mut().reset(Instant::now() + KILL_PATIENCE);
                }
                Some(timed_out) => break timed_out.map_or(How::Lost, How::TimedOut),
            },
            chunk = output.recv(), if is_open => {
                if let Some(chunk) = chunk {
                    reader.read(process, &chunk);
                } else {
                    is_open = false;
                    reader.finish(process);
                }
            }
            exit = &mut exit, if !is_open => break match (killed_for, exit) {
                (Some(Some(timeout)), _) => How::TimedOut(timeout),
                (_, Ok(Exit::Code(code))) => How::Code(code),
                (_, Ok(Exit::Signal(signal))) => How::Signal(signal),
                (_, Err(_)) => How::Lost,
            },
        }
    }
}

/// Both streams of a process, which become one text in order of arrival.
#[derive(Default)]
struct Reader {
    out: Decoder,
    err: Decoder,
    /// Kept between chunks for its memory.
    scratch: String,
}

impl Reader {
    fn read(&mut self, process: &Process, chunk: &Chunk) {
        self.scratch.clear();
        match chunk {
            Chunk::Out(bytes) => self.out.decode(bytes, &mut self.scratch),
            Chunk::Err(bytes) => self.err.decode(bytes, &mut self.scratch),
        }
        process.append(&self.scratch);
    }

    fn finish(&mut self, process: &Process) {
        self.scratch.clear();
        self.out.finish(&mut self.scratch);
        self.err.finish(&mut self.scratch);
        process.append(&self.scratch);
    }
}

fn notice(process: &Process, ending: Ending) -> String {
    let id: String = process.id.chars().take(NOTICE_ID_CHARS).collect();
    let head = format!("Exec {} ({id}, {})", ending.status(), ending.brief());
    let snapshot = process.snapshot();
    let words: Vec<&str> = snapshot.output.split_whitespace().collect();
    let collapsed = words.join(" ");
    let chars = collapsed.chars().count();
    let tail: String = collapsed.chars().skip(chars.saturating_sub(NOTICE_CHARS)).collect();
    if tail.is_empty() { head } else { format!("{head} :: {tail}") }
}
