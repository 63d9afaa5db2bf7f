//! `tui`: the chat on a real terminal, through a real gateway.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    num::NonZeroU16,
    process::Child,
    sync::{Arc, Condvar, Mutex},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use testkit::{
    gateway::Gateway,
    home::TempHome,
    llm::{Llm, calls, hangs_after, says, slow},
};

use crate::program::{openclaw, quiet, run, run_with};

const PATIENCE: Duration = Duration::from_secs(30);
const COLUMNS: u16 = 90;
const LINES: u16 = 30;

fn home(llm: &Llm) -> TempHome {
    quiet(TempHome::with_model(&format!("{}/v1", llm.base_url())).unwrap())
}

#[test]
fn a_message_is_answered_on_the_screen_and_the_terminal_is_given_back() {
    let llm = Llm::script([says("# Hello\n- from `the` model")]);
    let home = home(&llm);
    let gateway = gateway(&home);
    let mut chat = Chat::start(&home, &gateway, &[]);
    chat.wait_for("● connected");

    chat.write("Hi there");
    chat.wait_for("> Hi there");
    chat.press("\r");
    let screen = chat.wait_for("• from the model");
    chat.wait_for("idle");
    chat.press("\u{3}");
    chat.wait_for("Ctrl+C again leaves");
    chat.press("\u{3}");
    let after = chat.ends();

    assert!(screen.contains("› Hi there"), "{screen}");
    assert!(screen.contains("mock-1"), "{screen}");
    assert_eq!(after, Given { code: Some(0), is_plain: true });
    assert_eq!(llm.violations(), Vec::<String>::new());
}

#[test]
fn what_models_and_tools_write_never_commands_the_terminal() {
    let evil = "\u{1b}]0;evil\u{7}\u{1b}[?1049l\u{1b}[?25l";
    let command = json!({ "command": "printf 'one\\033[?1049l\\ntwo\\n'" });
    let llm = Llm::script([calls("exec", command), says(&format!("Do{evil}ne."))]);
    let home = home(&llm);
    let gateway = gateway(&home);
    let mut chat = Chat::start(&home, &gateway, &["--message", "go"]);

    chat.wait_for("Done.");
    chat.press("\u{f}");
    let screen = chat.wait_for("  two");

    let seen = chat.seen();
    let has = |wanted: &[u8]| seen.windows(wanted.len()).any(|bytes| bytes == wanted);
    assert!(!has(b"\x1b]0;") && !has(b"\x1b[?1049l"), "{screen}");
    assert!(screen.contains("✓ exec"), "{screen}");
}

#[test]
fn a_command_that_waits_for_a_word_is_asked_for_and_runs_after_it() {
    let llm = Llm::script([calls("exec", json!({"command": "touch out"})), says("Done.")]);
    let home = home(&llm);
    home.merge_config(&json!({"tools": {"exec": {"security": "allowlist", "ask": "on-miss"}}}))
        .unwrap();
    let gateway = gateway(&home);
    let mut chat = Chat::start(&home, &gateway, &["--message", "go"]);

    let asked = chat.wait_for("May this run?");
    // A key that comes at once is taken for one that was on its way, so it is pressed again.
    let screen = chat.press_until("y", "Done.");

    assert!(asked.contains("touch out"), "{asked}");
    assert!(home.state_dir().join("workspace/out").exists(), "{screen}");
}

#[test]
fn escape_stops_a_turn_that_hangs() {
    let llm = Llm::script([hangs_after("Thinking about")]);
    let home = home(&llm);
    let gateway = gateway(&home);
    let mut chat = Chat::start(&home, &gateway, &["--message", "go"]);
    chat.wait_for("Thinking about");

    chat.press("\u{1b}");

    let screen = chat.wait_for("· stopped");
    assert!(screen.contains("Thinking about"), "{screen}");
}

#[test]
fn a_lost_gateway_leaves_the_typed_text_and_a_new_one_takes_it() {
    let llm = Llm::script([says("One."), says("Two.")]);
    let home = home(&llm);
    let gateway = gateway(&home);
    let port = gateway.port();
    let mut chat = Chat::start(&home, &gateway, &["--message", "first"]);
    chat.wait_for("One.");
    // They are known once the turn is over and stored.
    chat.wait_for("· tokens ");
    gateway.kill().unwrap();
    chat.wait_for("no connection");

    chat.write("second");
    chat.press("\r");
    let kept = chat.wait_for("the text stays here");
    let _gateway = Gateway::spawn(openclaw(), &home, port, &[]).unwrap();
    chat.wait_for("● connected");
    chat.press("\r");
    let screen = chat.wait_for("Two.");

    assert!(kept.contains("> second"), "{kept}");
    assert!(screen.contains("› first") && screen.contains("  One."), "{screen}");
}

#[test]
fn conversations_are_chosen_and_commands_of_the_gateway_answered() {
    let llm = Llm::script([says("In work."), says("In main.")]);
    let home = home(&llm);
    let gateway = gateway(&home);
    let mut chat = Chat::start(&home, &gateway, &["--session", "work", "--message", "one"]);
    chat.wait_for("In work.");
    chat.write("/session main\r");
    chat.wait_for("agent:main:main");
    chat.write("two\r");
    chat.wait_for("In main.");

    chat.press("\u{10}");
    chat.wait_for("Conversations:");
    chat.write("work\r");
    let back = chat.wait_for("In work.");
    chat.write("/status\r");
    let status = chat.wait_for("mock/mock-1");

    assert!(!back.contains("In main."), "{back}");
    assert!(status.contains("› /status"), "{status}");
}

#[test]
fn a_signal_ends_it_in_the_middle_of_a_turn_and_gives_the_terminal_back() {
    let llm = Llm::script([slow(&"word ".repeat(2000), Duration::from_millis(20))]);
    let home = home(&llm);
    let gateway = gateway(&home);
    let mut chat = Chat::start(&home, &gateway, &["--message", "go"]);
    chat.wait_for("writing");

    chat.signal(Signal::TERM);

    assert_eq!(chat.ends(), Given { code: Some(0), is_plain: true });
}

#[test]
fn a_command_of_the_person_runs_here_after_one_yes() {
    let llm = Llm::script([]);
    let home = home(&llm);
    let gateway = gateway(&home);
    let mut chat = Chat::start(&home, &gateway, &[]);
    chat.wait_for("● connected");

    chat.write("!echo $((6 * 7)); exit 3\r");
    let asked = chat.wait_for("Run commands on this machine, as you?");
    chat.press("\u{1b}[B\r");
    let screen = chat.wait_for("✗ ! echo");
    chat.write("!echo again > said\r");
    chat.wait_for("✓ ! echo again");
    chat.write("!sleep 1000\r");
    chat.wait_for("your command runs");
    chat.press("\u{1b}");
    chat.wait_for("  ended");

    assert!(!asked.contains("  42"), "{asked}");
    assert!(screen.contains("✗ ! echo $((6 * 7)); exit 3\n  42"), "{screen}");
    assert_eq!(std::fs::read_to_string(home.path().join("said")).unwrap(), "again\n");
    assert!(llm.requests().is_empty());
}

#[test]
fn older_messages_come_when_the_beginning_is_scrolled_to() {
    let llm = Llm::respond_with(|request| says(&format!("Reply {}.", request.last_user())));
    let home = home(&llm);
    let gateway = gateway(&home);
    let url = gateway.ws_url();
    for n in 0..4 {
        let word = format!("word-{n}");
        let args = ["agent", "--agent", "main", "-m", &word];
        run_with(&home, &args, &[("OPENCLAW_GATEWAY_URL", &url)]).answer();
    }
    let mut chat = Chat::start(&home, &gateway, &["--history-limit", "2"]);
    let newest = chat.wait_for("word-3");

    chat.write("!seq 60\r");
    chat.wait_for("Run commands on this machine");
    chat.press("\u{1b}[B\r");
    chat.wait_for("\n  60");
    // The screen stays where it is when older messages come, so the key is pressed again.
    let screen = chat.press_until("\u{1b}[1;5H", "word-0");

    assert!(!newest.contains("word-2"), "{newest}");
    assert!(screen.contains("more below"), "{screen}");
}

#[test]
fn how_hard_it_thinks_and_how_the_chat_is_set_are_changed_by_commands() {
    let llm = Llm::script([]);
    let home = home(&llm);
    let gateway = gateway(&home);
    let mut chat = Chat::start(&home, &gateway, &[]);
    chat.wait_for("● connected");

    chat.write("/think low\r");
    chat.wait_for("think low");
    chat.write("/model mock/mock-1\r");
    chat.wait_for("› /model mock/mock-1");
    chat.write("/settings\r");
    chat.wait_for("tool output: folded");
    chat.press("\r");
    let settings = chat.wait_for("tool output: shown");
    chat.press("\u{1b}");
    chat.write("/agent main\r");
    let screen = chat.wait_for("agent:main:main");

    assert!(settings.contains("Settings:"), "{settings}");
    assert!(screen.contains("mock-1"), "{screen}");
}

#[test]
fn a_hangup_ends_it_and_gives_the_terminal_back() {
    let llm = Llm::script([]);
    let home = home(&llm);
    let gateway = gateway(&home);
    let mut chat = Chat::start(&home, &gateway, &[]);
    chat.wait_for("● connected");

    chat.signal(Signal::HUP);

    assert_eq!(chat.ends(), Given { code: Some(0), is_plain: true });
}

#[test]
fn without_a_terminal_or_a_gateway_it_says_what_to_do() {
    let llm = Llm::script([]);
    let home = home(&llm);
    home.merge_config(&json!({"gateway": {"port": testkit::gateway::free_port().unwrap()}}))
        .unwrap();

    let (code, piped) = run(&home, &["tui"]).failure();
    let mut chat = Chat::spawn(&home, &[]);
    let alone = chat.wait_for("openclaw gateway run");

    assert_eq!(code, Some(1));
    assert!(piped.starts_with("error: the chat needs a terminal\nhint: openclaw agent"), "{piped}");
    assert!(alone.contains("connection refused"), "{alone}");
    assert_eq!(chat.ends(), Given { code: Some(1), is_plain: true });
}

fn gateway(home: &TempHome) -> Gateway {
    Gateway::start(openclaw(), home).unwrap()
}

/// The program on a terminal of its own.
struct Chat {
    child: Child,
    keys: File,
    screen: Arc<(Mutex<Screen>, Condvar)>,
    reader: Option<JoinHandle<()>>,
}

struct Screen {
    parser: vt100::Parser,
    seen: Vec<u8>,
}

/// How the terminal was given back.
#[derive(Debug, PartialEq, Eq)]
struct Given {
    code: Option<i32>,
    is_plain: bool,
}

impl Chat {
    fn start(home: &TempHome, gateway: &Gateway, args: &[&str]) -> Self {
        let url = gateway.ws_url();
        let place = ["--url", &url, "--token", gateway.token()];
        Self::spawn(home, &[&place[..], args].concat())
    }

    fn spawn(home: &TempHome, args: &[&str]) -> Self {
        let (pty, inner) = pty_process::blocking::open().unwrap();
        pty.resize(pty_process::Size::new(LINES, COLUMNS)).unwrap();
        let envs = home.command(openclaw());
        let envs = envs.get_envs().filter_map(|(name, value)| Some((name, value?)));
        let child = pty_process::blocking::Command::new(openclaw())
            .arg("tui")
            .args(args)
            .env_clear()
            .envs(envs)
            .env("TERM", "xterm-256color")
            .current_dir(home.path())
            .spawn(inner)
            .unwrap();
        let keys = File::from(std::os::fd::OwnedFd::from(pty));
        let output = keys.try_clone().unwrap();
        let parser = parser();
        let screen = Arc::new((Mutex::new(Screen { parser, seen: Vec::new() }), Condvar::new()));
        let shared = Arc::clone(&screen);
        let reader = Some(std::thread::spawn(move || read(output, &shared)));
        Self { child, keys, screen, reader }
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    fn write(&mut self, text: &str) {
        self.press(text);
    }

    /// Waits until the screen has `text`, and gives the screen.
    fn wait_for(&self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        self.wait_until(text, deadline).unwrap_or_else(|screen| panic!("no `{text}` in\n{screen}"))
    }

    /// Presses a key again and again until the screen has `text`.
    fn press_until(&mut self, key: &str, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            self.press(key);
            let soon = Instant::now() + Duration::from_millis(300);
            if let Ok(screen) = self.wait_until(text, soon) {
                return screen;
            }
        }
        self.wait_for(text)
    }

    fn wait_until(&self, text: &str, deadline: Instant) -> Result<String, String> {
        let (lock, changed) = &*self.screen;
        let mut screen = lock.lock().unwrap();
        loop {
            let contents = screen.parser.screen().contents();
            if contents.contains(text) {
                return Ok(contents);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(contents);
            }
            screen = changed.wait_timeout(screen, left).unwrap().0;
        }
    }

    fn seen(&self) -> Vec<u8> {
        self.screen.0.lock().unwrap().seen.clone()
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for the end of the program and of what it writes.
    fn ends(&mut self) -> Given {
        let code = self.child.wait().unwrap().code();
        self.reader.take().unwrap().join().unwrap();
        let screen = self.screen.0.lock().unwrap();
        let terminal = screen.parser.screen();
        let is_plain =
            !terminal.alternate_screen() && !terminal.hide_cursor() && !terminal.bracketed_paste();
        Given { code, is_plain }
    }
}

impl Drop for Chat {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn parser() -> vt100::Parser {
    let size = |count| NonZeroU16::new(count).unwrap();
    vt100::Parser::new(size(LINES), size(COLUMNS), 0)
}

fn read(mut output: File, shared: &(Mutex<Screen>, Condvar)) {
    let mut buffer = [0; 4096];
    // Reading fails once the program has ended and nobody holds the other side.
    while let Ok(count @ 1..) = output.read(&mut buffer) {
        let mut screen = shared.0.lock().unwrap();
        screen.parser.process(&buffer[..count]);
        screen.seen.extend_from_slice(&buffer[..count]);
        drop(screen);
        shared.1.notify_all();
    }
}
