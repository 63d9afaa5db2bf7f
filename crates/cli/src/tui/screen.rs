//! The terminal: taken over for a while, and given back whatever happens.
//!
//! Rows are made of filtered text already. Each picture passes the filter once more on its way to the
//! terminal, so that a widget which forgot it shows a blank.

#![expect(clippy::disallowed_methods, reason = "the screen is drawn here, behind the filter")]

use std::{
    io::{self, Stdout, stdout},
    panic,
};

use crossterm::{
    event::{DisableBracketedPaste, EnableBracketedPaste},
    execute,
    terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode},
};
use domain::printable;
use ratatui::{Frame, Terminal, backend::CrosstermBackend, buffer::Buffer};

/// The terminal while the chat has it. It is given back when this is dropped, and before a panic
/// is told.
pub(crate) struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
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

    /// Draws one picture.
    pub(crate) fn draw(&mut self, picture: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        self.terminal.draw(|frame| {
            picture(frame);
            blank_hidden(frame.buffer_mut());
        })?;
        Ok(())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

fn blank_hidden(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        if cell.symbol().chars().any(|it| it.is_control() || printable::is_hidden(it)) {
            cell.set_symbol(" ");
        }
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

    use ratatui::{buffer::Cell, layout::Rect};

    use super::*;

    #[test]
    fn a_picture_holds_nothing_that_a_terminal_obeys() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 6, 1));
        for (at, symbol) in ["a", "\u{1b}[2J", "\u{9b}", "b\u{202e}", "\n", "你"].iter().enumerate()
        {
            buffer.content[at].set_symbol(symbol);
        }

        blank_hidden(&mut buffer);

        let shown: Vec<&str> = buffer.content.iter().map(Cell::symbol).collect();
        assert_eq!(shown, ["a", " ", " ", " ", " ", "你"]);
    }

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
