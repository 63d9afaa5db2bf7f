//! What `/proc` tells about processes.

use std::{ffi::CStr, os::fd::OwnedFd, str::SplitAsciiWhitespace};

use rustix::{
    buffer::spare_capacity,
    fs::{Dir, Mode, OFlags, open, openat},
    io::{Errno, Result, read},
    process::Pid,
};

/// Most bytes of an environment that are looked at: what a gateway can give is shorter.
const ENVIRON_BYTES_MAX: usize = 256 * 1024;

/// A line of `/proc/<pid>/stat` is shorter.
const STAT_BYTES_MAX: usize = 2048;

/// A process that lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    pub(crate) parent: i32,
    pub(crate) group: i32,
    pub(crate) session: i32,
    /// In ticks since the machine started; with the number it names the process for ever.
    pub(crate) started: u64,
}

/// An open `/proc`.
#[derive(Debug)]
pub(crate) struct Proc(OwnedFd);

impl Proc {
    pub(crate) fn open() -> Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self(open("/proc", flags, Mode::empty())?))
    }

    /// All processes that live, in no order.
    pub(crate) fn processes(&self) -> Result<Vec<Process>> {
        let mut processes = Vec::new();
        for entry in Dir::read_from(&self.0)? {
            if let Some(process) = number(entry?.file_name()).and_then(|pid| self.process(pid)) {
                processes.push(process);
            }
        }
        Ok(processes)
    }

    /// The process of this number, if it lives.
    pub(crate) fn process(&self, pid: i32) -> Option<Process> {
        let text = self.contents(&format!("{pid}/stat"), STAT_BYTES_MAX).ok()?;
        parse(pid, &text)
    }

    /// The number of the process's scheduling policy.
    pub(crate) fn policy(&self, pid: i32) -> Option<u32> {
        let text = self.contents(&format!("{pid}/stat"), STAT_BYTES_MAX).ok()?;
        // The 41st field of all, and the 39th after the name.
        fields_after_name(&text)?.nth(38)?.parse().ok()
    }

    /// Whether the process was started with this variable, given as `NAME=value`. What it
    /// hides counts as not there.
    pub(crate) fn has_variable(&self, pid: i32, variable: &[u8]) -> bool {
        self.variables(pid).is_some_and(|text| text.split(|it| *it == 0).any(|it| it == variable))
    }

    /// Whether the process was started with a variable that begins so.
    pub(crate) fn has_variable_like(&self, pid: i32, beginning: &[u8]) -> bool {
        self.variables(pid)
            .is_some_and(|text| text.split(|it| *it == 0).any(|it| it.starts_with(beginning)))
    }

    fn variables(&self, pid: i32) -> Option<Vec<u8>> {
        self.contents(&format!("{pid}/environ"), ENVIRON_BYTES_MAX).ok()
    }

    fn contents(&self, path: &str, bytes_max: usize) -> Result<Vec<u8>> {
        let fd = openat(&self.0, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        let mut contents = Vec::with_capacity(STAT_BYTES_MAX);
        while contents.len() < bytes_max {
            contents.reserve(STAT_BYTES_MAX);
            match read(&fd, spare_capacity(&mut contents)) {
                Ok(0) => break,
                Ok(_) | Err(Errno::INTR) => {}
                Err(errno) => return Err(errno),
            }
        }
        Ok(contents)
    }
}

fn number(name: &CStr) -> Option<i32> {
    name.to_str().ok()?.parse().ok().filter(|pid| Pid::from_raw(*pid).is_some())
}

/// Reads a line of `/proc/<pid>/stat`. The name in parentheses may hold anything, also
/// parentheses; what follows the last one is numbers.
fn parse(pid: i32, text: &[u8]) -> Option<Process> {
    let mut fields = fields_after_name(text)?;
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    let mut next = || fields.next()?.parse().ok();
    let (parent, group, session) = (next()?, next()?, next()?);
    // The start is the 22nd field of all; seven of them are taken now.
    let started = fields.nth(15)?.parse().ok()?;
    Some(Process { pid, parent, group, session, started })
}

fn fields_after_name(text: &[u8]) -> Option<SplitAsciiWhitespace<'_>> {
    let after_name = text.iter().rposition(|byte| *byte == b')')? + 1;
    Some(str::from_utf8(text.get(after_name..)?).ok()?.split_ascii_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_cannot_lie_by_its_name() {
        let line = b"7 (a) R 1 1 (b)) S 3 4 5 0 -1 4194560 8 9 0 0 1 2 3 4 20 0 1 0 777 88 9\n";

        let process = parse(7, line);

        let expected = Process { pid: 7, parent: 3, group: 4, session: 5, started: 777 };
        assert_eq!(process, Some(expected));
    }

    #[test]
    fn the_dead_and_the_garbled_are_no_processes() {
        assert_eq!(parse(7, b"7 (a) Z 3 4 5 0 -1 4194560 8 9 0 0 1 2 3 4 20 0 1 0 777 88"), None);
        assert_eq!(parse(7, b"7 (a) S 3 4"), None);
        assert_eq!(parse(7, b"\xff"), None);
    }

    #[test]
    fn our_own_process_is_found() {
        let own = rustix::process::getpid().as_raw_nonzero().get();

        let processes = Proc::open().unwrap().processes().unwrap();

        assert!(processes.iter().any(|process| process.pid == own));
    }
}
