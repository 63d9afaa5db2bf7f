//! The program on a terminal of its own, and what it did to that terminal.

use std::{fs::File, io::Read as _, num::NonZeroU16, os::fd::OwnedFd};

use testkit::home::TempHome;

use crate::program::openclaw;

const COLUMNS: u16 = 200;
const LINES: u16 = 100;

/// What one run left on its terminal.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) code: Option<i32>,
    pub(crate) screen: String,
    pub(crate) bytes: Vec<u8>,
    /// What was done to the terminal besides showing text in colours.
    pub(crate) deeds: Vec<String>,
}

/// Runs `openclaw` with `args` on a terminal that has colours, to its end.
pub(crate) fn on_terminal(home: &TempHome, args: &[&str]) -> Shown {
    let (pty, inner) = pty_process::blocking::open().unwrap();
    pty.resize(pty_process::Size::new(LINES, COLUMNS)).unwrap();
    let envs = home.command(openclaw());
    let envs = envs.get_envs().filter_map(|(name, value)| Some((name, value?)));
    let mut child = pty_process::blocking::Command::new(openclaw())
        .args(args)
        .env_clear()
        .envs(envs)
        .env("TERM", "xterm-256color")
        .env("COLORTERM", "truecolor")
        .env_remove("NO_COLOR")
        .current_dir(home.path())
        .spawn(inner)
        .unwrap();
    let mut output = File::from(OwnedFd::from(pty));
    let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
    // Reading fails once the program has ended.
    while let Ok(count @ 1..) = output.read(&mut buffer) {
        bytes.extend_from_slice(&buffer[..count]);
    }
    let code = child.wait().unwrap().code();
    let (screen, deeds) = played(&bytes);
    Shown { code, screen, bytes, deeds }
}

/// What a terminal shows of `bytes`, and what it does besides.
pub(crate) fn played(bytes: &[u8]) -> (String, Vec<String>) {
    let size = |count| NonZeroU16::new(count).unwrap();
    let mut parser =
        vt100::Parser::new_with_callbacks(size(LINES), size(COLUMNS), 0, Deeds::default());
    parser.process(bytes);
    let mut deeds = parser.callbacks().0.clone();
    let screen = parser.screen();
    let modes = [
        ("alternate screen", screen.alternate_screen()),
        ("hidden cursor", screen.hide_cursor()),
        ("bracketed paste", screen.bracketed_paste()),
        ("application keypad", screen.application_keypad()),
        ("application cursor", screen.application_cursor()),
        ("colours left on", screen.fgcolor() != vt100::Color::Default || screen.inverse()),
    ];
    deeds.extend(modes.iter().filter(|(_, is_on)| *is_on).map(|(name, _)| (*name).to_owned()));
    (screen.contents(), deeds)
}

#[derive(Default)]
struct Deeds(Vec<String>);

impl vt100::Callbacks for Deeds {
    fn audible_bell(&mut self, _: &mut vt100::Screen) {
        self.0.push("bell".to_owned());
    }

    fn set_window_title(&mut self, _: &mut vt100::Screen, title: &[u8]) {
        self.0.push(format!("title {}", String::from_utf8_lossy(title)));
    }

    fn set_window_icon_name(&mut self, _: &mut vt100::Screen, name: &[u8]) {
        self.0.push(format!("icon {}", String::from_utf8_lossy(name)));
    }

    fn copy_to_clipboard(&mut self, _: &mut vt100::Screen, _: &[u8], _: &[u8]) {
        self.0.push("clipboard".to_owned());
    }

    fn resize(&mut self, _: &mut vt100::Screen, _: (u16, u16)) {
        self.0.push("resize".to_owned());
    }
}
