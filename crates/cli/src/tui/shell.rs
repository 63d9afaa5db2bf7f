//! Commands that the person runs on this machine, beside the chat: starts them, carries what
//! they say, and ends them with all that they started.
//!
//! Whether one may run at all is decided elsewhere.

use std::{
    io,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    process::Command,
    sync::mpsc,
    task::JoinSet,
    time::{Instant, sleep_until},
};

/// Pieces of output that wait for the screen; a full queue holds the command back.
const SAID_MAX: usize = 64;
/// Most of one piece, in bytes.
const PIECE_BYTES_MAX: usize = 8 * 1024;
/// How long output is read on after the command's end: what it started may keep the pipe.
const AFTER_END: Duration = Duration::from_millis(200);

/// What a command did.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// It wrote this.
    Output(String),
    /// It is over; `None` when it was ended.
    Ended(Option<i32>),
    /// It could not be started.
    NotStarted(String),
}

/// What runs, one command at a time.
pub(crate) struct Shell {
    said: mpsc::Receiver<(u64, Said)>,
    tell: mpsc::Sender<(u64, Said)>,
    running: JoinSet<()>,
    /// Numbers the commands; what an earlier one says late is not heard.
    number: u64,
}

/// Where a command tells what it does.
struct Told {
    number: u64,
    tell: mpsc::Sender<(u64, Said)>,
}

/// A command and its offspring, ended when this is dropped before its time.
struct Group(Option<Pid>);

impl Shell {
    pub(crate) fn new() -> Self {
        let (tell, said) = mpsc::channel(SAID_MAX);
        Self { said, tell, running: JoinSet::new(), number: 0 }
    }

    /// Waits for what the command does next. Loses nothing when it is dropped.
    pub(crate) async fn next(&mut self) -> Said {
        loop {
            match self.said.recv().await {
                Some((number, said)) if number == self.number => return said,
                Some(_) => {}
                // We hold a sender ourselves.
                None => std::future::pending().await,
            }
        }
    }

    /// Runs `command`; what it does is heard by [`Self::next`].
    pub(crate) fn run(&mut self, command: String) {
        while self.running.try_join_next().is_some() {}
        self.number += 1;
        let told = Told { number: self.number, tell: self.tell.clone() };
        self.running.spawn(async move {
            let last = match run(&command, &told).await {
                Ok(status) => Said::Ended(status.code()),
                Err(error) => Said::NotStarted(error.to_string()),
            };
            told.say(last).await;
        });
    }

    /// Ends what runs.
    pub(crate) fn stop(&mut self) {
        self.running.abort_all();
        // It is told here, since who was to tell it is gone. A full queue is being read.
        drop(self.tell.try_send((self.number, Said::Ended(None))));
    }
}

impl Told {
    async fn say(&self, said: Said) {
        // When nobody listens any more, the chat is over.
        drop(self.tell.send((self.number, said)).await);
    }
}

#[expect(clippy::disallowed_methods, reason = "the person's own command, and no tool of an agent")]
async fn run(command: &str, told: &Told) -> io::Result<ExitStatus> {
    let mut child = Command::new("sh")
        .args(["-c", command])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()?;
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    let mut group = Group(pid);
    let (mut out, mut err) = (Pipe::new(child.stdout.take()), Pipe::new(child.stderr.take()));
    let mut end: Option<(ExitStatus, Instant)> = None;
    loop {
        let until = end.map_or_else(Instant::now, |(_, until)| until);
        let piece = tokio::select! {
            biased;
            piece = out.next(), if out.is_open() => piece,
            piece = err.next(), if err.is_open() => piece,
            status = child.wait(), if end.is_none() => {
                end = Some((status?, Instant::now() + AFTER_END));
                // What it left in the background is meant to live on.
                group.0 = None;
                continue;
            }
            () = sleep_until(until), if end.is_some() => break,
            else => break,
        };
        if !piece.is_empty() {
            told.say(Said::Output(piece)).await;
        }
        if let (Some((status, _)), false, false) = (end, out.is_open(), err.is_open()) {
            return Ok(status);
        }
    }
    match end {
        Some((status, _)) => Ok(status),
        None => child.wait().await,
    }
}

/// One of a command's outputs. A character that is cut in the middle waits for its rest.
struct Pipe<R> {
    from: Option<R>,
    rest: Vec<u8>,
}

impl<R: AsyncRead + Unpin> Pipe<R> {
    fn new(from: Option<R>) -> Self {
        Self { from, rest: Vec::new() }
    }

    fn is_open(&self) -> bool {
        self.from.is_some()
    }

    /// The next piece; may be empty. Loses nothing when it is dropped.
    async fn next(&mut self) -> String {
        let Some(from) = &mut self.from else { return String::new() };
        let mut bytes = vec![0; PIECE_BYTES_MAX];
        let whole: Vec<u8> = if let Ok(count @ 1..) = from.read(&mut bytes).await {
            self.rest.extend_from_slice(&bytes[..count]);
            let end = whole_chars(&self.rest);
            self.rest.drain(..end).collect()
        } else {
            self.from = None;
            std::mem::take(&mut self.rest)
        };
        String::from_utf8_lossy(&whole).into_owned()
    }
}

/// Where the last character that is there in full ends.
fn whole_chars(bytes: &[u8]) -> usize {
    match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        // Something that is no text at all is shown as it comes.
        Ok(_) | Err(_) => bytes.len(),
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(pid) = self.0 {
            // It may be over by now.
            kill_process_group(pid, Signal::KILL).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn all(shell: &mut Shell) -> (String, Said) {
        let mut text = String::new();
        loop {
            match shell.next().await {
                Said::Output(piece) => text.push_str(&piece),
                last @ (Said::Ended(_) | Said::NotStarted(_)) => return (text, last),
            }
        }
    }

    #[tokio::test]
    async fn both_outputs_and_the_exit_code_are_told() {
        let mut shell = Shell::new();

        shell.run("printf 'grüße\\n'; printf 'oh\\n' >&2; exit 3".to_owned());
        let (text, last) = all(&mut shell).await;

        assert!(text.contains("grüße\n") && text.contains("oh\n"), "{text}");
        assert_eq!(last, Said::Ended(Some(3)));
    }

    #[tokio::test]
    async fn what_is_stopped_goes_with_all_that_it_started() {
        let mut shell = Shell::new();
        shell.run("sleep 1000 & echo $!; wait".to_owned());
        let Said::Output(pid) = shell.next().await else { panic!("it said nothing") };

        shell.stop();
        let (_, last) = all(&mut shell).await;

        assert_eq!(last, Said::Ended(None));
        let pid = Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
        let status = || std::fs::metadata(format!("/proc/{}", pid.as_raw_nonzero()));
        let deadline = Instant::now() + Duration::from_secs(10);
        while status().is_ok() && Instant::now() < deadline {
            tokio::task::yield_now().await;
        }
        assert!(status().is_err(), "process {pid:?} lives on");
    }

    #[tokio::test]
    async fn what_stays_in_the_background_does_not_hold_the_end_back() {
        let mut shell = Shell::new();

        shell.run("sleep 2 & echo done".to_owned());
        let (text, last) = all(&mut shell).await;

        assert_eq!((text.as_str(), last), ("done\n", Said::Ended(Some(0))));
    }

    #[test]
    fn a_character_that_is_cut_waits_for_its_rest() {
        let bytes = "grü".as_bytes();

        assert_eq!(whole_chars(bytes), 4);
        assert_eq!(whole_chars(&bytes[..3]), 2);
        assert_eq!(whole_chars(&[0xff, 0x41]), 2);
    }
}
