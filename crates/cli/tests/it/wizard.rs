//! `onboard` and `configure` as a person meets them: the real program on a real terminal.

use std::{
    io::{Read as _, Write as _},
    process::{Child, Command},
    sync::{Arc, Mutex},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use serde_json::json;
use testkit::{
    home::TempHome,
    llm::{Llm, fails, says},
};

use crate::program::{openclaw, quiet, start};

const PATIENCE: Duration = Duration::from_secs(30);
const DOWN: &str = "\x1b[B";
const ENTER: &str = "\r";
const ESCAPE: &str = "\x1b";
const CTRL_C: &str = "\x03";

/// A terminal in which the program runs.
struct Terminal {
    child: Child,
    pty: pty_process::blocking::Pty,
    output: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
    /// How much of the output was looked at.
    seen: usize,
}

impl Terminal {
    fn run(home: &TempHome, args: &[&str], vars: &[(&str, &str)]) -> Self {
        let (pty, pts) = pty_process::blocking::open().unwrap();
        pty.resize(pty_process::Size::new(50, 140)).unwrap();
        let mut plain = Command::new(openclaw());
        plain
            .args(args)
            .env_clear()
            .env("HOME", home.path())
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("TERM", "xterm-256color")
            .env("LANG", "C.UTF-8")
            .env("NO_COLOR", "1")
            .env("OPENCLAW_IN_CONTAINER", "0")
            .envs(vars.iter().copied())
            .current_dir(home.path());
        let child = pty_process::blocking::Command::from(plain).spawn(pts).unwrap();
        let output = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&output);
        let mut source = std::fs::File::from(rustix::io::dup(&pty).unwrap());
        let reader = std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            // The end of a terminal is an error on Linux.
            while let Ok(count @ 1..) = source.read(&mut buffer) {
                sink.lock().unwrap().extend_from_slice(&buffer[..count]);
            }
        });
        Self { child, pty, output, reader: Some(reader), seen: 0 }
    }

    /// Waits until `text` comes after what was looked at before.
    fn expect(&mut self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let all = self.text();
            let fresh = all.get(self.seen..).unwrap_or_default();
            if let Some(at) = fresh.find(text) {
                self.seen += at + text.len();
                return;
            }
            std::thread::yield_now();
        }
        panic!("no `{text}` after byte {} of:\n{}", self.seen, self.text());
    }

    /// Types `keys` when `question` stands there.
    fn answer(&mut self, question: &str, keys: &str) {
        self.expect(question);
        self.pty.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until `text` stands on a screen that is drawn in parts.
    fn see(&self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        let size = |count| std::num::NonZeroU16::new(count).unwrap();
        let mut shown = String::new();
        while Instant::now() < deadline {
            let mut parser = vt100::Parser::new(size(50), size(140), 0);
            parser.process(&self.output.lock().unwrap());
            shown = parser.screen().contents();
            if shown.contains(text) {
                return;
            }
            std::thread::yield_now();
        }
        panic!("no `{text}` in:\n{shown}");
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.output.lock().unwrap()).into_owned()
    }

    /// Waits for the end; exit code and all that was on the screen.
    fn end(mut self) -> (Option<i32>, String) {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().unwrap() {
                self.reader.take().unwrap().join().unwrap();
                return (status.code(), self.text());
            }
            std::thread::yield_now();
        }
        panic!("the program did not end:\n{}", self.text());
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A home in which Anthropic is the scripted model.
fn home_with(llm: &Llm) -> TempHome {
    let home = TempHome::new().unwrap();
    let provider = json!({"baseUrl": llm.base_url(), "models": []});
    home.merge_config(&json!({"models": {"providers": {"anthropic": provider}}})).unwrap();
    home
}

#[test]
fn a_newcomer_mistypes_the_key_and_still_ends_with_a_working_setup() {
    let llm = Llm::script([fails(401, None), says("ready")]);
    let home = home_with(&llm);
    let mut terminal = Terminal::run(&home, &["onboard"], &[]);

    terminal.answer("I know this. Go on?", "y\r");
    terminal.answer("How much do you want to decide?", ENTER);
    terminal.answer("Which model provider?", ENTER);
    terminal.answer("Key: Anthropic (API key)", "sk-wrong\r");
    terminal.answer("Which model?", ENTER);
    terminal.expect("The model did not answer: Anthropic (API key)");
    terminal.expect("The provider does not accept this key.");
    terminal.answer("● Another key", ENTER);
    terminal.answer("Key: Anthropic (API key)", "sk-right\r");
    terminal.expect("The model answers: anthropic/claude-opus-4-6");
    terminal.answer("Where do you want to write", &format!(" {ENTER}"));
    terminal.answer("Token of the Telegram bot", "12345:secret\r");
    terminal.expect("Model: anthropic/claude-opus-4-6");
    terminal.answer("Write these settings", ENTER);
    terminal.answer("How do you want to begin?", &format!("{DOWN}{ENTER}"));
    let (code, screen) = terminal.end();

    assert_eq!(code, Some(0), "{screen}");
    assert!(screen.contains("Start it:      openclaw gateway run"), "{screen}");
    assert!(screen.contains("http://127.0.0.1:18789/#token="), "{screen}");
    for secret in ["sk-wrong", "sk-right", "12345:secret"] {
        assert!(!screen.contains(secret), "{secret} is on the screen");
    }
    let config = home.config().unwrap();
    assert_eq!(config["agents"]["defaults"]["model"]["primary"], "anthropic/claude-opus-4-6");
    assert_eq!(config["channels"]["telegram"]["botToken"], "12345:secret");
    assert_eq!(config["wizard"]["lastRunMode"], "local");
    let profiles = home.state_dir().join("agents/main/agent/auth-profiles.json");
    let profiles = std::fs::read_to_string(profiles).unwrap();
    assert!(profiles.contains("sk-right") && !profiles.contains("sk-wrong"), "{profiles}");
    assert_eq!(llm.request(1).headers["x-api-key"], "sk-right");
}

#[test]
fn ctrl_c_leaves_without_a_trace_and_the_terminal_as_it_was() {
    let home = TempHome::new().unwrap();
    let mut terminal = Terminal::run(&home, &["onboard", "--accept-risk"], &[]);

    terminal.answer("How much do you want to decide?", CTRL_C);
    terminal.expect("Nothing was written.");
    let pty = rustix::io::dup(&terminal.pty).unwrap();
    let (code, _) = terminal.end();
    let echo = rustix::termios::tcgetattr(&pty).unwrap().local_modes;

    assert_eq!(code, Some(0));
    assert!(echo.contains(rustix::termios::LocalModes::ECHO));
    assert!(!home.config_path().exists());
}

#[test]
fn a_chinese_locale_is_asked_in_chinese_and_no_to_the_risk_ends_it() {
    let home = TempHome::new().unwrap();
    let mut terminal = Terminal::run(&home, &["onboard"], &[("LC_ALL", "zh_CN.UTF-8")]);

    terminal.answer("我已了解，继续？", ENTER);
    let (code, screen) = terminal.end();

    assert_eq!(code, Some(0), "{screen}");
    assert!(screen.contains("没有写入任何内容。"), "{screen}");
    assert!(!home.config_path().exists());
}

#[test]
fn escape_goes_back_and_a_wrong_answer_can_be_mended() {
    let home = TempHome::new().unwrap();
    let args =
        ["onboard", "--accept-risk", "--auth-choice", "skip", "--skip-channels", "--skip-skills"];
    let mut terminal = Terminal::run(&home, &args, &[]);

    terminal.answer("How much do you want to decide?", &format!("{DOWN}{ENTER}"));
    terminal.answer("Where does the gateway run?", ESCAPE);
    // What was said before is proposed.
    terminal.answer("● Advanced", ENTER);
    terminal.answer("Where does the gateway run?", ENTER);
    terminal.answer("The directory in which", ENTER);
    terminal.answer("Port of the gateway", "x\r");
    terminal.answer("a port is a number from 1 to 65535", "\x7f\x7f\x7f\x7f\x7f\x7f4711\r");
    terminal.answer("Who can reach the gateway?", &format!("{DOWN}{ENTER}"));
    terminal.answer("How do clients prove themselves?", ENTER);
    terminal.answer("Token of the gateway", "my-token\r");
    terminal.expect("Gateway: lan, 4711, token");
    terminal.answer("Write these settings", ENTER);
    terminal.answer("How do you want to begin?", &format!("{DOWN}{ENTER}"));
    let (code, screen) = terminal.end();

    assert_eq!(code, Some(0), "{screen}");
    let gateway = home.config().unwrap()["gateway"].clone();
    assert_eq!((&gateway["port"], &gateway["bind"]), (&json!(4711), &json!("lan")));
    assert_eq!(gateway["auth"]["token"], "my-token");
}

#[test]
fn a_container_setup_asks_little_and_shows_no_token() {
    let home = TempHome::new().unwrap();
    let args = [
        "onboard",
        "--mode",
        "local",
        "--no-install-daemon",
        "--gateway-auth",
        "token",
        "--gateway-token-ref-env",
        "OPENCLAW_GATEWAY_TOKEN",
        "--skip-ui",
        "--suppress-gateway-token-output",
    ];
    let vars = [("OPENCLAW_IN_CONTAINER", "1"), ("OPENCLAW_GATEWAY_TOKEN", "deadbeef")];
    let mut terminal = Terminal::run(&home, &args, &vars);

    terminal.answer("I know this. Go on?", "y\r");
    terminal.answer("How much do you want to decide?", ENTER);
    // The last of the list, one up from the first.
    terminal.answer("Which model provider?", "\x1b[A\r");
    terminal.answer("Where do you want to write", ENTER);
    terminal.answer("Write these settings", ENTER);
    let (code, screen) = terminal.end();

    assert_eq!(code, Some(0), "{screen}");
    assert!(!screen.contains("deadbeef") && !screen.contains("Control UI:"), "{screen}");
    let token = home.config().unwrap()["gateway"]["auth"]["token"].clone();
    assert_eq!(token, "${OPENCLAW_GATEWAY_TOKEN}");
}

#[test]
fn an_existing_setup_is_kept_and_completed() {
    let home = TempHome::minimal().unwrap();
    let mut terminal = Terminal::run(&home, &["onboard", "--accept-risk"], &[]);

    terminal.answer("This machine is already set up", ENTER);
    // What is missing is asked for; the last choice is none.
    terminal.answer("Which model provider?", "\x1b[A\r");
    terminal.answer("Write these settings", ENTER);
    terminal.answer("How do you want to begin?", &format!("{DOWN}{ENTER}"));
    let (code, screen) = terminal.end();

    assert_eq!(code, Some(0), "{screen}");
    let config = home.config().unwrap();
    assert_eq!(config["gateway"]["auth"]["token"], "test-token");
    assert_eq!(config["wizard"]["lastRunCommand"], "onboard");
}

#[test]
fn completion_is_offered_once_for_the_shell_of_the_person() {
    let home = TempHome::new().unwrap();
    let args = ["onboard", "--accept-risk", "--flow", "quickstart", "--auth-choice", "skip"];
    let args = [&args[..], &["--skip-channels"]].concat();
    let shell = [("SHELL", "/usr/bin/bash")];
    let mut terminal = Terminal::run(&home, &args, &shell);

    terminal.answer("Write these settings", ENTER);
    terminal.expect("Complete commands by the Tab key?");
    terminal.answer("This adds one line to ~/.bashrc", ENTER);
    terminal.answer("How do you want to begin?", CTRL_C);
    let (code, screen) = terminal.end();
    let mut again = Terminal::run(&home, &args, &shell);
    again.answer("This machine is already set up", ENTER);
    again.answer("Write these settings", ENTER);
    again.answer("How do you want to begin?", ESCAPE);
    let (code_again, screen_again) = again.end();

    assert_eq!((code, code_again), (Some(0), Some(0)), "{screen}");
    assert!(!screen_again.contains("Tab key"), "{screen_again}");
    let script = home.state_dir().join("completions/openclaw.bash");
    let start_file = std::fs::read_to_string(home.path().join(".bashrc")).unwrap();
    assert_eq!(start_file, format!("source '{}'\n", script.display()));
    let source = format!("source '{}' && complete -p openclaw", script.display());
    let bash = Command::new("bash").args(["-c", &source]).output().unwrap();
    assert!(String::from_utf8_lossy(&bash.stdout).contains("-F _openclaw"), "{bash:?}");
}

#[test]
fn the_setup_ends_in_a_chat_when_a_gateway_runs() {
    let llm = Llm::script([says("Hello-to-you.")]);
    let home = quiet(TempHome::with_model(&format!("{}/v1", llm.base_url())).unwrap());
    let _gateway = start(&home);
    let mut terminal = Terminal::run(&home, &["onboard", "--accept-risk"], &[]);

    terminal.answer("This machine is already set up", ENTER);
    terminal.answer("Write these settings", ENTER);
    terminal.answer("Chat here in the terminal", ENTER);
    terminal.see("think off");
    terminal.pty.write_all(b"Hi\r").unwrap();
    terminal.see("Hello-to-you.");
    terminal.see("tokens");
    terminal.pty.write_all(b"\x04").unwrap();
    let (code, screen) = terminal.end();

    assert_eq!(code, Some(0), "{screen}");
}

#[test]
fn the_setup_ends_in_the_gateway_when_none_runs() {
    let home = quiet(TempHome::minimal().unwrap());
    let port = testkit::gateway::free_port().unwrap();
    home.merge_config(&json!({"gateway": {"port": port}})).unwrap();
    let args = ["onboard", "--accept-risk", "--auth-choice", "skip", "--lang", "zh"];
    let mut terminal = Terminal::run(&home, &args, &[]);

    terminal.answer("本机已有配置", ENTER);
    terminal.answer("写入这些设置", ENTER);
    terminal.answer("在此终端启动网关", ENTER);
    terminal.answer(&format!("listens on 127.0.0.1:{port}"), CTRL_C);
    let (code, screen) = terminal.end();

    assert_eq!(code, Some(0), "{screen}");
}

#[test]
fn configure_channels_without_a_choice_writes_no_channel() {
    let home = TempHome::minimal().unwrap();
    let mut terminal = Terminal::run(&home, &["configure", "--section", "channels"], &[]);

    terminal.answer("Where do you want to write", ENTER);
    terminal.answer("Write these settings", ENTER);
    let (code, screen) = terminal.end();

    assert_eq!(code, Some(0), "{screen}");
    let config = home.config().unwrap();
    assert_eq!(config.get("channels"), None);
    assert_eq!(config["wizard"]["lastRunCommand"], "configure");
    assert_eq!(config["wizard"]["lastRunMode"], "local");
}

#[test]
fn the_menu_of_configure_goes_on_until_that_is_all() {
    let home = TempHome::minimal().unwrap();
    let skills = json!({"allowBundled": ["git"], "install": {"nodeManager": "bun"}});
    home.merge_config(&json!({"skills": skills})).unwrap();
    let mut terminal = Terminal::run(&home, &["configure"], &[]);

    // From the model down to the skills.
    terminal.answer("What do you want to change?", &format!("{}{ENTER}", DOWN.repeat(5)));
    terminal.answer("Package manager for what skills need", ENTER);
    terminal.answer("Write these settings", ENTER);
    terminal.expect("Updated ~/.openclaw/openclaw.json");
    terminal.answer("● That is all", ENTER);
    let (code, screen) = terminal.end();

    assert_eq!(code, Some(0), "{screen}");
    assert_eq!(home.config().unwrap()["skills"], skills);
}

#[test]
fn leaving_configure_is_a_failure_and_writes_nothing() {
    let home = TempHome::minimal().unwrap();
    let before = home.config().unwrap();
    let mut terminal = Terminal::run(&home, &["configure", "--section", "gateway"], &[]);

    terminal.answer("Port of the gateway", CTRL_C);
    let (code, _) = terminal.end();

    assert_eq!(code, Some(1));
    assert_eq!(home.config().unwrap(), before);
}
