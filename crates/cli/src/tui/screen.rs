//! The terminal: taken over for a while, and given back whatever happens.

use std::{
    io::{self, Stdout, stdout},
    panic,
};

use crossterm::{
    event::{DisableBracketedPaste, EnableBracketedPaste},
    execute,
    terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode},
};
use ratatui::{Terminal, backend::CrosstermBackend};

/// The terminal while the chat has it. It is given back when this is dropped, and before a panic
/// is told.
pub(crate) struct Screen {
    pub(crate) terminal: Terminal<CrosstermBackend<Stdout>>,
}

impl Screen {
    pub(crate) fn take() -> io::Result<Self> {
        let told = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            give_back();
            told(panic);
        }));
        enable_raw_mode()?;
        // From here on whatever fails is made good by the drop.
        let screen = Self { terminal: Terminal::new(CrosstermBackend::new(stdout()))? };
        execute!(stdout(), EnterAlternateScreen, EnableBracketedPaste)?;
        Ok(screen)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

fn give_back() {
    // A terminal that is gone needs nothing back.
    execute!(stdout(), DisableBracketedPaste, LeaveAlternateScreen, crossterm::cursor::Show).ok();
    disable_raw_mode().ok();
}

#[cfg(test)]
mod tests {
    use std::{
        fs::File,
        io::{Read as _, Write as _},
        os::fd::OwnedFd,
    };

    use super::*;

    /// Says to this test, run again on a terminal of its own, that it shall panic.
    const PART: &str = "OPENCLAW_TEST_PANICS_ON_SCREEN";

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the test runs itself")]
    fn a_panic_gives_the_terminal_back_before_it_is_told() {
        if std::env::var_os(PART).is_some() {
            let _screen = Screen::take().unwrap();
            write!(stdout(), "[shown]").unwrap();
            panic!("[oh no]");
        }

        let (pty, inner) = pty_process::blocking::open().unwrap();
        pty.resize(pty_process::Size::new(24, 80)).unwrap();
        let name = "tui::screen::tests::a_panic_gives_the_terminal_back_before_it_is_told";
        let mut child = pty_process::blocking::Command::new(std::env::current_exe().unwrap())
            .args([name, "--exact", "--nocapture"])
            .env(PART, "1")
            .spawn(inner)
            .unwrap();
        let mut terminal = File::from(OwnedFd::from(pty));
        let mut seen = Vec::new();
        let mut bytes = [0; 4096];
        // Reading fails once the child has ended.
        while let Ok(count @ 1..) = terminal.read(&mut bytes) {
            seen.extend_from_slice(&bytes[..count]);
        }
        child.wait().unwrap();

        let text = String::from_utf8_lossy(&seen);
        let at = |part: &str| text.find(part).unwrap_or_else(|| panic!("no {part:?} in {text:?}"));
        assert!(at("\u{1b}[?1049h") < at("[shown]"), "{text:?}");
        assert!(at("[shown]") < at("\u{1b}[?1049l"), "{text:?}");
        assert!(at("\u{1b}[?1049l") < at("[oh no]"), "{text:?}");
        // A terminal that is no longer raw gets a carriage return with each line.
        assert!(text[at("[oh no]")..].contains("\r\n"), "{text:?}");
    }
}
