//! The keyboard of a terminal: raw for as long as the wizard lasts, so that nothing that is typed
//! or pasted is echoed, and keys as people know them.

use std::{collections::VecDeque, io, os::fd::AsFd as _, time::Duration};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    termios::{OptionalActions, OutputModes, Termios, tcgetattr, tcsetattr},
};

/// After Escape alone nothing follows; after that of an arrow key its rest does within this time.
const ESCAPE_WAIT: Duration = Duration::from_millis(60);

/// A key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Enter,
    Escape,
    Up,
    Down,
    Left,
    Right,
    Home,
    End,
    Backspace,
    Delete,
    /// Ctrl-U: takes all away.
    Clear,
    /// Ctrl-C, or the end of input.
    Leave,
    Char(char),
    Other,
}

/// The keyboard; the terminal is as it was when this is dropped.
pub(super) struct Keyboard {
    before: Termios,
    pending: VecDeque<u8>,
}

impl Keyboard {
    pub(super) fn open() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        // Line breaks that are written still begin a new line.
        raw.output_modes |= before.output_modes & (OutputModes::OPOST | OutputModes::ONLCR);
        tcsetattr(io::stdin(), OptionalActions::Now, &raw)?;
        Ok(Self { before, pending: VecDeque::new() })
    }

    /// Waits for a key.
    pub(super) fn read(&mut self) -> io::Result<Key> {
        let Some(byte) = self.byte()? else { return Ok(Key::Leave) };
        Ok(match byte {
            b'\r' | b'\n' => Key::Enter,
            0x03 | 0x04 => Key::Leave,
            0x01 => Key::Home,
            0x05 => Key::End,
            0x15 => Key::Clear,
            0x10 => Key::Up,
            0x0e => Key::Down,
            0x08 | 0x7f => Key::Backspace,
            0x1b => self.escape()?,
            0x20..0x7f => Key::Char(char::from(byte)),
            0xc0.. => self.wide(byte)?,
            _ => Key::Other,
        })
    }

    /// Whether the person wants to stop what is going on; does not wait.
    pub(super) fn wants_stop(&mut self) -> io::Result<bool> {
        while self.pending.is_empty() && is_ready(Duration::ZERO)? {
            if !self.fill()? {
                return Ok(true);
            }
        }
        let stops = self.pending.contains(&0x03) || self.pending == [0x1b];
        if stops {
            self.pending.clear();
        }
        Ok(stops)
    }

    /// What follows Escape: the name of a key, or nothing.
    fn escape(&mut self) -> io::Result<Key> {
        if self.pending.is_empty() && !is_ready(ESCAPE_WAIT)? {
            return Ok(Key::Escape);
        }
        if !matches!(self.byte()?, Some(b'[' | b'O')) {
            return Ok(Key::Other);
        }
        let mut number = 0;
        while let Some(byte) = self.byte()? {
            match byte {
                b'0'..=b'9' => number = number * 10 % 1000 + u16::from(byte - b'0'),
                b';' => {}
                b'A' => return Ok(Key::Up),
                b'B' => return Ok(Key::Down),
                b'C' => return Ok(Key::Right),
                b'D' => return Ok(Key::Left),
                b'H' => return Ok(Key::Home),
                b'F' => return Ok(Key::End),
                b'~' => {
                    return Ok(match number {
                        1 | 7 => Key::Home,
                        4 | 8 => Key::End,
                        3 => Key::Delete,
                        _ => Key::Other,
                    });
                }
                _ => return Ok(Key::Other),
            }
        }
        Ok(Key::Leave)
    }

    /// A character of several bytes, the first of which is `first`.
    fn wide(&mut self, first: u8) -> io::Result<Key> {
        let more = match first {
            0xc0..0xe0 => 1,
            0xe0..0xf0 => 2,
            _ => 3,
        };
        let mut bytes = vec![first];
        for _ in 0..more {
            bytes.extend(self.byte()?);
        }
        let text = str::from_utf8(&bytes).ok().and_then(|text| text.chars().next());
        Ok(text.map_or(Key::Other, Key::Char))
    }

    /// The next byte; `None` at the end of input.
    fn byte(&mut self) -> io::Result<Option<u8>> {
        if self.pending.is_empty() && !self.fill()? {
            return Ok(None);
        }
        Ok(self.pending.pop_front())
    }

    fn fill(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 256];
        let count = loop {
            match rustix::io::read(io::stdin(), &mut buffer) {
                Ok(count) => break count,
                Err(rustix::io::Errno::INTR) => {}
                // The terminal went away.
                Err(rustix::io::Errno::IO) => break 0,
                Err(errno) => return Err(errno.into()),
            }
        };
        self.pending.extend(&buffer[..count]);
        Ok(count > 0)
    }
}

impl Drop for Keyboard {
    fn drop(&mut self) {
        tcsetattr(io::stdin(), OptionalActions::Now, &self.before).ok();
    }
}

fn is_ready(wait: Duration) -> io::Result<bool> {
    let stdin = io::stdin();
    let mut fds = [PollFd::from_borrowed_fd(stdin.as_fd(), PollFlags::IN)];
    let wait = Timespec::try_from(wait).unwrap_or(Timespec { tv_sec: 0, tv_nsec: 0 });
    match poll(&mut fds, Some(&wait)) {
        Ok(count) => Ok(count > 0),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}
