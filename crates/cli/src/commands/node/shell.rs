//! Runs one command of `system.run` to its end and gathers what it wrote.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use sandbox::{
    Backend as _, Chunk, Command, Exit, Spec, Stdin,
    host::{Config, Confinement, Host as Machine},
};
use serde_json::{Value, json};
use tokio::{sync::mpsc, time::timeout};
use tokio_util::task::TaskTracker;

/// Most bytes kept of each stream; the end stays.
const BYTES_MAX: usize = 200_000;
/// Pieces that wait to be told, and the largest one: a third of what the wire takes, as a byte
/// that is no text becomes three.
const PIECES_MAX: usize = 4;
const PIECE_BYTES_MAX: usize = 5_000;
/// When a command is killed that brings no limit of its own.
const TIMEOUT: Duration = Duration::from_mins(30);

/// The machine, for commands.
pub(super) struct Shell {
    tasks: TaskTracker,
    spec: Spec,
}

/// What is to be run.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Job {
    /// The command line that does it.
    line: String,
    /// The command line to judge: what a shell among the arguments will see.
    pub(super) judged: String,
    pub(super) cwd: Option<String>,
    pub(super) env: BTreeMap<String, String>,
    timeout: Duration,
}

impl Job {
    /// Reads the params of `system.run`.
    pub(super) fn read(params: &Value) -> Result<Self, String> {
        let argv: Vec<String> = match &params["command"] {
            Value::String(line) => vec!["/bin/sh".to_owned(), "-c".to_owned(), line.clone()],
            Value::Array(words) => words
                .iter()
                .map(|word| word.as_str().map(str::to_owned).ok_or("command must be texts"))
                .collect::<Result<_, _>>()?,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
                return Err("command required".to_owned());
            }
        };
        if argv.first().is_none_or(|program| program.trim().is_empty()) {
            return Err("command required".to_owned());
        }
        let judged = match argv.as_slice() {
            [shell, flag, line]
                if matches!(&**shell, "/bin/sh" | "sh") && matches!(&**flag, "-c" | "-lc") =>
            {
                line.clone()
            }
            words => joined(words),
        };
        // What a person was shown must be what runs.
        let raw = params["rawCommand"].as_str().map(str::trim).filter(|raw| !raw.is_empty());
        if raw.is_some_and(|raw| raw != judged.trim() && raw != argv.join(" ")) {
            return Err("rawCommand does not match command".to_owned());
        }
        let env = params["env"].as_object().into_iter().flatten();
        let millis = params["timeoutMs"].as_u64().filter(|ms| *ms > 0);
        Ok(Self {
            line: format!("exec {}", joined(&argv)),
            judged,
            cwd: params["cwd"]
                .as_str()
                .map(str::trim)
                .filter(|it| !it.is_empty())
                .map(str::to_owned),
            env: env
                .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
                .collect(),
            timeout: millis.map_or(TIMEOUT, Duration::from_millis),
        })
    }
}

/// The words, each quoted for a shell.
fn joined(words: &[String]) -> String {
    let quoted = words.iter().map(|word| format!("'{}'", word.replace('\'', r"'\''")));
    quoted.collect::<Vec<_>>().join(" ")
}

impl Shell {
    pub(super) fn new(home: PathBuf, mut env: BTreeMap<String, String>) -> Self {
        // The line is ours and plain, so that the plainest shell does.
        env.insert("SHELL".to_owned(), "/bin/sh".to_owned());
        let spec = Spec { workspace: home.clone(), home, env };
        Self { tasks: TaskTracker::new(), spec }
    }

    /// Runs `job`; dropping the future kills it.
    pub(super) async fn run(&self, job: Job, mut feed: Feed) -> Result<Value, String> {
        let machine = Machine::new(self.tasks.clone(), Config { confinement: Confinement::None });
        let machine = machine.open(&self.spec).await.map_err(|error| error.to_string())?;
        let command = Command {
            line: job.line,
            workdir: job.cwd,
            env: job.env,
            stdin: Stdin::Null,
            pty: None,
        };
        let mut running = machine.exec(command).await.map_err(|error| error.to_string())?;
        let (mut out, mut err) = (Tail::default(), Tail::default());
        let read = async {
            while let Some(chunk) = running.output.recv().await {
                let (tail, bytes) = match chunk {
                    Chunk::Out(bytes) => (&mut out, bytes),
                    Chunk::Err(bytes) => (&mut err, bytes),
                };
                tail.push(&bytes);
                feed.push(&bytes);
            }
        };
        let timed_out = timeout(job.timeout, read).await.is_err();
        if timed_out {
            running.killer.kill();
        }
        let exit = running.exit.await.ok();
        let (code, error) = match exit {
            Some(Exit::Code(code)) => (Some(code), None),
            Some(Exit::Signal(number)) => (None, Some(format!("killed by signal {number}"))),
            None => (None, Some("ended without an exit status".to_owned())),
        };
        Ok(json!({
            "exitCode": code,
            "timedOut": timed_out,
            "success": code == Some(0) && !timed_out,
            "stdout": out.text(),
            "stderr": err.text(),
            "error": error,
        }))
    }
}

/// Takes what a command writes, for whoever cannot wait for the end. When nobody takes it from
/// there, only the newest is kept: the answer has the whole.
pub(super) struct Feed {
    pieces: Option<mpsc::Sender<String>>,
    waiting: Vec<u8>,
}

impl Feed {
    /// What is pushed comes out of the receiver, in pieces of [`PIECE_BYTES_MAX`] at most.
    pub(super) fn new() -> (Self, mpsc::Receiver<String>) {
        let (sender, receiver) = mpsc::channel(PIECES_MAX);
        (Self { pieces: Some(sender), waiting: Vec::new() }, receiver)
    }

    /// One that nobody listens to.
    pub(super) fn unheard() -> Self {
        Self { pieces: None, waiting: Vec::new() }
    }

    fn push(&mut self, bytes: &[u8]) {
        let Some(pieces) = &self.pieces else { return };
        self.waiting.extend_from_slice(bytes);
        while let Ok(room) = pieces.try_reserve() {
            let piece = take_text(&mut self.waiting);
            if piece.is_empty() {
                return;
            }
            room.send(piece);
        }
        let surplus = self.waiting.len().saturating_sub(PIECES_MAX * PIECE_BYTES_MAX);
        self.waiting.drain(..surplus);
    }
}

/// Takes text from the front. A character that is only begun stays.
fn take_text(bytes: &mut Vec<u8>) -> String {
    let mut count = bytes.len().min(PIECE_BYTES_MAX);
    if let Some(Err(error)) = bytes.get(..count).map(str::from_utf8)
        && error.error_len().is_none()
    {
        count = error.valid_up_to();
    }
    String::from_utf8_lossy(&bytes.drain(..count).collect::<Vec<_>>()).into_owned()
}

/// The end of what a stream brought.
#[derive(Default)]
struct Tail(Vec<u8>);

impl Tail {
    fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
        // Cut seldom, so that a flood costs no more than it brings.
        if self.0.len() > 2 * BYTES_MAX {
            self.0.drain(..self.0.len() - BYTES_MAX);
        }
    }

    fn text(&self) -> String {
        let from = self.0.len().saturating_sub(BYTES_MAX);
        String::from_utf8_lossy(self.0.get(from..).unwrap_or_default()).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_judged_is_what_a_shell_will_see() {
        let judged = |params: Value| Job::read(&params).map(|job| job.judged);

        assert_eq!(judged(json!({"command": ["/bin/sh", "-lc", "ls -l"]})), Ok("ls -l".into()));
        assert_eq!(judged(json!({"command": "ls; rm x"})), Ok("ls; rm x".into()));
        assert_eq!(judged(json!({"command": ["rm", "a b"]})), Ok("'rm' 'a b'".into()));
        assert_eq!(judged(json!({"command": ["bash", "-c", "ls"]})), Ok("'bash' '-c' 'ls'".into()));
    }

    #[test]
    fn pieces_come_in_order_with_whole_characters_and_old_ones_give_way() {
        let (mut feed, mut pieces) = Feed::new();
        feed.push(b"caf\xc3");
        feed.push(b"\xa9");
        assert_eq!(
            (pieces.try_recv().unwrap(), pieces.try_recv().unwrap()),
            ("caf".into(), "é".into())
        );

        for _ in 0..100 {
            feed.push(&[b'x'; PIECE_BYTES_MAX]);
        }
        feed.push(b"end");

        let mut text = String::new();
        while let Ok(piece) = pieces.try_recv() {
            assert!(piece.len() <= PIECE_BYTES_MAX);
            text.push_str(&piece);
        }
        assert_eq!(text.len(), PIECES_MAX * PIECE_BYTES_MAX);
        feed.push(b"!");
        assert!(feed.waiting.len() <= PIECES_MAX * PIECE_BYTES_MAX);
    }

    #[test]
    fn a_command_that_is_not_the_one_shown_is_refused() {
        let read = |params: Value| Job::read(&params).map(drop);
        let shell = json!(["/bin/sh", "-lc", "rm -rf x"]);

        assert!(read(json!({"command": shell, "rawCommand": "rm -rf x"})).is_ok());
        assert!(read(json!({"command": shell, "rawCommand": "ls"})).is_err());
        assert!(read(json!({"command": ["rm", "x"], "rawCommand": "rm x"})).is_ok());
        for bad in [json!([]), json!([""]), json!([7]), json!(null)] {
            assert!(read(json!({"command": bad})).is_err());
        }
    }
}
