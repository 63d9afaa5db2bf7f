//! Processes on the host, through the sandbox's door.

use std::{collections::BTreeMap, path::Path, time::Duration};

use bytes::Bytes;
use rustix::{
    fs::{CWD, FileType, Mode, mknodat},
    process::{Pid, Signal, kill_process},
};
use sandbox::{
    Chunk, Command, Exit, Running, SandboxError, Stdin,
    host::{Confinement, TERMINAL_SIZE},
};
use tokio::{io::AsyncReadExt, net::unix::pipe, time::timeout};

use crate::Place;

/// Nothing here takes a second; a hang shall fail and not stall.
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn status_and_both_streams_arrive() {
    let place = Place::open(Confinement::None).await;

    let said = place.run(command("echo out; echo err >&2; exit 7")).await;

    assert_eq!(said, Said::new("out\n", "err\n", Exit::Code(7)));
}

#[tokio::test]
async fn a_signal_is_told_apart_from_a_status() {
    let place = Place::open(Confinement::None).await;

    let said = place.run(command("kill -TERM $$")).await;

    assert_eq!(said.exit, Exit::Signal(15));
}

#[tokio::test]
async fn a_flood_reaches_a_slow_reader_whole_and_in_small_pieces() {
    let place = Place::open(Confinement::None).await;
    let mut running = place.start(command("head -c 10485760 /dev/zero")).await;

    let mut total = 0;
    while let Some(chunk) = running.output.recv().await {
        let (Chunk::Out(bytes) | Chunk::Err(bytes)) = chunk;
        assert!(bytes.len() <= 8192);
        total += bytes.len();
        tokio::task::yield_now().await;
    }

    assert_eq!(total, 10 * 1024 * 1024);
    assert_eq!(running.exit.await, Ok(Exit::Code(0)));
}

#[tokio::test]
async fn a_flood_that_nobody_reads_can_be_killed() {
    let place = Place::open(Confinement::None).await;
    let mut running = place.start(command("yes")).await;
    assert!(running.output.recv().await.is_some());

    running.killer.kill();

    assert_eq!(finish(running).await.exit, Exit::Signal(9));
}

#[tokio::test]
async fn output_that_nobody_wants_does_not_hold_the_process() {
    let place = Place::open(Confinement::None).await;
    let Running { output, exit, killer: _killer, .. } =
        place.start(command("head -c 1048576 /dev/zero && exit 5")).await;

    drop(output);

    assert_eq!(timeout(PATIENCE, exit).await.unwrap(), Ok(Exit::Code(5)));
}

#[tokio::test]
async fn a_runtime_that_goes_down_takes_its_processes_along() {
    let place = Place::open(Confinement::None).await;
    let mut fifo = place.fifo();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let line = "exec 3>fifo; echo ready >&3; sleep 1000 & wait";
    let sandbox = place.sandbox.clone();
    let started = runtime.spawn(async move { sandbox.exec(command(line)).await.unwrap() });
    let _running = started.await.unwrap();
    read_line(&mut fifo).await;

    runtime.shutdown_background();

    assert_all_gone(&mut fifo).await;
}

#[tokio::test]
async fn a_kill_takes_the_grandchildren_along() {
    let place = Place::open(Confinement::None).await;
    let mut fifo = place.fifo();
    let line = "exec 3>fifo; echo ready >&3; sleep 1000 & sleep 1000 & wait";
    let mut running = place.start(command(line)).await;
    read_line(&mut fifo).await;

    running.killer.kill();

    assert_all_gone(&mut fifo).await;
    assert_eq!(finish(running).await.exit, Exit::Signal(9));
}

#[tokio::test]
async fn dropping_the_handle_kills_the_group() {
    let place = Place::open(Confinement::None).await;
    let mut fifo = place.fifo();
    let line = "exec 3>fifo; echo ready >&3; sleep 1000 & wait";
    let running = place.start(command(line)).await;
    read_line(&mut fifo).await;

    drop(running);

    assert_all_gone(&mut fifo).await;
}

#[tokio::test]
async fn a_kill_reaches_grandchildren_of_a_leader_that_has_exited() {
    let place = Place::open(Confinement::None).await;
    let mut fifo = place.fifo();
    let line = "exec 3>fifo; leader=$$; (
        until grep -q ') Z' /proc/$leader/stat; do :; done
        echo orphaned >&3; sleep 1000) &";
    let mut running = place.start(command(line)).await;
    read_line(&mut fifo).await;

    running.killer.kill();

    assert_all_gone(&mut fifo).await;
    assert_eq!(finish(running).await.exit, Exit::Code(0));
}

#[tokio::test]
async fn a_grandchild_that_holds_the_pipe_delays_the_exit_only_briefly() {
    let place = Place::open(Confinement::None).await;
    let running = place.start(command("echo begun; sleep 1000 & echo $!")).await;

    let said = finish(running).await;

    assert_eq!(said.exit, Exit::Code(0));
    let pid = said.out.strip_prefix("begun\n").unwrap().trim().parse().unwrap();
    // It was left in the background on purpose, so it must still be there to be signalled.
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
}

#[tokio::test]
async fn a_grandchild_that_never_stops_writing_cannot_hold_the_exit() {
    let place = Place::open(Confinement::None).await;
    let running = place.start(command("yes & echo $! >pid")).await;

    let said = finish(running).await;

    assert_eq!(said.exit, Exit::Code(0));
    let pid = String::from_utf8(place.sandbox.read("pid", 64).await.unwrap()).unwrap();
    // The closed pipe ends it; if not yet, we do.
    let _gone = kill_process(Pid::from_raw(pid.trim().parse().unwrap()).unwrap(), Signal::KILL);
}

#[tokio::test]
async fn nothing_remains_of_processes_that_ended() {
    let place = Place::open(Confinement::None).await;
    let mut pids = Vec::new();
    for line in ["true", "exit 3", "kill -9 $$", "sleep 1000"] {
        let mut running = place.start(command(line)).await;
        pids.push(running.pid.unwrap());
        if line.starts_with("sleep") {
            running.killer.kill();
        }
        finish(running).await;
    }
    drop(place.start(command("sleep 1000")).await);

    place.tasks.close();
    timeout(PATIENCE, place.tasks.wait()).await.unwrap();

    for pid in pids {
        assert!(!Path::new(&format!("/proc/{pid}")).exists(), "{pid}");
    }
}

#[tokio::test]
async fn a_piped_stdin_ends_when_its_sender_is_dropped() {
    let place = Place::open(Confinement::None).await;
    let mut running =
        place.start(Command { stdin: Stdin::Piped, ..command("cat; echo end") }).await;
    let stdin = running.stdin.take().unwrap();
    stdin.send(Bytes::from_static(b"one ")).await.unwrap();
    stdin.send(Bytes::from_static(b"two ")).await.unwrap();

    drop(stdin);

    assert_eq!(finish(running).await, Said::new("one two end\n", "", Exit::Code(0)));
}

#[tokio::test]
async fn no_stdin_is_empty() {
    let place = Place::open(Confinement::None).await;

    assert_eq!(place.run(command("cat")).await, Said::new("", "", Exit::Code(0)));
}

#[tokio::test]
async fn the_environment_is_what_was_given_and_nothing_else() {
    let place = Place::open(Confinement::None).await;
    let env = [("COLOUR", "call"), ("OPENCLAW_SHELL", "forged")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));

    let line = "echo $COLOUR $OPENCLAW_SHELL $OPENCLAW_CLI ${CARGO_MANIFEST_DIR:-clean}";
    let said = place.run(Command { env: BTreeMap::from(env), ..command(line) }).await;

    assert_eq!(said.out, "call exec 1 clean\n");
}

#[tokio::test]
async fn the_working_directory_is_the_workspace_or_what_was_asked() {
    let place = Place::open(Confinement::None).await;
    let real = place.dir.path().canonicalize().unwrap();
    let cases = [
        (None, real.join("workspace")),
        (Some("~"), real.join("home")),
        (Some("../home"), real.join("home")),
        (Some("/"), "/".into()),
    ];

    for (workdir, expected) in cases {
        let workdir = workdir.map(str::to_owned);
        let said = place.run(Command { workdir, ..command("pwd -P") }).await;
        assert_eq!(said.out.trim_end(), expected.to_str().unwrap());
    }
}

#[tokio::test]
async fn what_cannot_be_started_is_an_error() {
    let place = Place::open(Confinement::None).await;
    let nowhere = Command { workdir: Some("nowhere".to_owned()), ..command("true") };
    let misnamed =
        Command { env: BTreeMap::from([("A=B".to_owned(), String::new())]), ..command("true") };

    for command in [nowhere, misnamed, command("nul \0 byte")] {
        let started = place.sandbox.exec(command).await;
        assert!(matches!(started, Err(SandboxError::Spawn { .. })), "{started:?}");
    }
}

#[tokio::test]
async fn a_terminal_has_its_size_its_name_and_an_echo() {
    let place = Place::open(Confinement::None).await;
    let line = "stty size; echo $TERM; test -t 0 && test -t 1 && read word && echo got $word";
    let mut running = place.start(on_terminal(line)).await;
    let stdin = running.stdin.take().unwrap();

    stdin.send(Bytes::from_static(b"hello\n")).await.unwrap();
    let said = finish(running).await;

    assert_eq!(said.exit, Exit::Code(0));
    for expected in ["30 120\r\n", "xterm-256color\r\n", "hello\r\n", "got hello\r\n"] {
        assert!(said.out.contains(expected), "{expected:?} in {:?}", said.out);
    }
}

#[tokio::test]
async fn a_terminal_tells_where_its_cursor_is() {
    let place = Place::open(Confinement::None).await;
    let line = r"stty raw -echo; printf 'a\033[6nb'; dd bs=1 count=6 2>/dev/null | od -An -c";
    let mut running = place.start(on_terminal(line)).await;
    let _held_open = running.stdin.take();

    let said = finish(running).await;

    assert_eq!(
        said.out.split_whitespace().collect::<Vec<_>>(),
        ["ab", "033", "[", "1", ";", "1", "R"]
    );
}

#[tokio::test]
async fn a_terminals_input_ends_when_its_sender_is_dropped() {
    let place = Place::open(Confinement::None).await;
    let mut running = place.start(on_terminal("cat; echo end")).await;

    drop(running.stdin.take());

    let said = finish(running).await;
    assert_eq!(said.exit, Exit::Code(0));
    assert!(said.out.contains("end"), "{:?}", said.out);
}

#[tokio::test]
async fn dropping_the_handle_kills_what_runs_on_a_terminal() {
    let place = Place::open(Confinement::None).await;
    let mut fifo = place.fifo();
    let line = "trap '' HUP; exec 3>fifo; echo ready >&3; sleep 1000 & wait";
    let running = place.start(on_terminal(line)).await;
    read_line(&mut fifo).await;

    drop(running);

    assert_all_gone(&mut fifo).await;
}

#[derive(Debug, PartialEq, Eq)]
struct Said {
    out: String,
    err: String,
    exit: Exit,
}

impl Said {
    fn new(out: &str, err: &str, exit: Exit) -> Self {
        Self { out: out.to_owned(), err: err.to_owned(), exit }
    }
}

impl Place {
    async fn start(&self, command: Command) -> Running {
        self.sandbox.exec(command).await.unwrap()
    }

    async fn run(&self, command: Command) -> Said {
        finish(self.start(command).await).await
    }

    /// A pipe named `fifo` in the workspace. Its end of input is the end of all its holders.
    fn fifo(&self) -> pipe::Receiver {
        let path = self.path("workspace/fifo");
        mknodat(CWD, &path, FileType::Fifo, Mode::RWXU, 0).unwrap();
        pipe::OpenOptions::new().open_receiver(path).unwrap()
    }
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

fn on_terminal(line: &str) -> Command {
    Command { stdin: Stdin::Piped, pty: Some(TERMINAL_SIZE), ..command(line) }
}

async fn finish(running: Running) -> Said {
    let Running { mut output, exit, stdin: _stdin, killer: _killer, .. } = running;
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let all = async {
        while let Some(chunk) = output.recv().await {
            match chunk {
                Chunk::Out(bytes) => out.extend_from_slice(&bytes),
                Chunk::Err(bytes) => err.extend_from_slice(&bytes),
            }
        }
        exit.await.unwrap()
    };
    let exit = timeout(PATIENCE, all).await.unwrap();
    Said { out: String::from_utf8(out).unwrap(), err: String::from_utf8(err).unwrap(), exit }
}

async fn read_line(fifo: &mut pipe::Receiver) {
    let mut byte = [0];
    while byte != *b"\n" {
        // Before anybody has opened the pipe it reads as ended.
        fifo.readable().await.unwrap();
        if timeout(PATIENCE, fifo.read(&mut byte)).await.unwrap().unwrap() == 0 {
            tokio::task::yield_now().await;
        }
    }
}

async fn assert_all_gone(fifo: &mut pipe::Receiver) {
    let mut rest = Vec::new();
    timeout(PATIENCE, fifo.read_to_end(&mut rest)).await.unwrap().unwrap();
}
