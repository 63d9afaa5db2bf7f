//! One command, from its start to the last byte of its output.
//!
//! ```text
//!  running ──leader reaped──► ended ──streams closed, or drained after 250 ms──► finished
//!     │                         ▲ │
//!     └─── asked to kill ──► killing, in rounds, until none is found or 4.5 s are over
//! ```
//!
//! A command that keeps no leftovers goes through *killing* when it has ended by itself too.

use std::{collections::BTreeSet, os::fd::OwnedFd};

use boxd::{CHUNK_BYTES_MAX, Ended, Exec, INPUT_BYTES_MAX, PIECE_COST_BYTES, Reply, Size, Stream};
use rustix::{
    io::{Errno, read, write},
    process::{Pid, Signal, WaitStatus, kill_process_group},
};

use crate::{
    spawn::{Spawned, resize},
    tree::{Signs, Whose, kill},
    wire::Wire,
};

/// How long output may trail behind the end when a process that lives on holds the pipe.
const TRAILING_MS: u64 = 250;

/// Most bytes that a pipe holds for ordinary users: what is read at most after that time.
const LEFTOVER_BYTES_MAX: usize = 1024 * 1024;

/// How long it may take to kill a command's processes.
const KILL_MS: u64 = 4500;

/// Longest time between two looks for processes that were killed.
const LOOK_MS_MAX: u64 = 32;

/// What a terminal sends for "end of input".
const END_OF_TRANSMISSION: u8 = 4;

/// A command that has been started.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) signs: Signs,
    pub(crate) keeps_leftovers: bool,
    is_terminal: bool,
    terminal: Option<OwnedFd>,
    out: Option<OwnedFd>,
    err: Option<OwnedFd>,
    input: Option<OwnedFd>,
    waiting: Vec<u8>,
    input_ends: bool,
    credit: u64,
    leftover_bytes: usize,
    ended: Option<End>,
    killing: Option<Killing>,
    killed: BTreeSet<(i32, u64)>,
    survivors: u32,
}

#[derive(Clone, Copy, Debug)]
struct End {
    how: Ended,
    /// Whether the kernel has killed for lack of memory meanwhile.
    ran_short: bool,
    /// How long output may trail behind.
    until: u64,
}

#[derive(Clone, Copy, Debug)]
struct Killing {
    next: u64,
    wait: u64,
    end: u64,
}

/// Breaking the rules of the link.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Broken;

impl Running {
    pub(crate) fn new(exec: &Exec<'_>, spawned: Spawned, signs: Signs) -> Self {
        Self {
            signs,
            keeps_leftovers: exec.keeps_leftovers,
            is_terminal: exec.pty.is_some(),
            terminal: spawned.terminal,
            out: spawned.out,
            err: spawned.err,
            input: spawned.input,
            waiting: Vec::new(),
            input_ends: false,
            credit: u64::from(exec.credit),
            leftover_bytes: LEFTOVER_BYTES_MAX,
            ended: None,
            killing: None,
            killed: BTreeSet::new(),
            survivors: 0,
        }
    }

    /// The stream's descriptor, if it may be read now.
    pub(crate) fn readable(&self, stream: Stream) -> Option<&OwnedFd> {
        let fd = match stream {
            Stream::Out => self.out.as_ref(),
            Stream::Err => self.err.as_ref(),
        };
        fd.filter(|_| self.sendable() > 0)
    }

    /// The input's descriptor, if something waits for it.
    pub(crate) fn writable(&self) -> Option<&OwnedFd> {
        self.input.as_ref().filter(|_| !self.waiting.is_empty())
    }

    pub(crate) fn grant(&mut self, bytes: u32) {
        self.credit = self.credit.saturating_add(u64::from(bytes));
    }

    /// Bytes that the next piece may have.
    fn sendable(&self) -> usize {
        let bytes = self.credit.saturating_sub(u64::from(PIECE_COST_BYTES));
        usize::try_from(bytes).unwrap_or(usize::MAX).min(CHUNK_BYTES_MAX)
    }

    /// Reads a stream once and passes on what came.
    pub(crate) fn hear(&mut self, id: u32, stream: Stream, scratch: &mut Vec<u8>, wire: &mut Wire) {
        let is_late = self.leftover_bytes < LEFTOVER_BYTES_MAX;
        let most = self.sendable();
        let end = match stream {
            Stream::Out => &mut self.out,
            Stream::Err => &mut self.err,
        };
        // The other stream may have used the credit up, and reading nothing looks like an end.
        let Some(fd) = end.as_ref().filter(|_| most > 0) else { return };
        scratch.clear();
        scratch.resize(most, 0);
        match read(fd, scratch.as_mut_slice()) {
            // An error is the end too: that is how a terminal says that all have left.
            Ok(0) => *end = None,
            Ok(count) => {
                let cost = count as u64 + u64::from(PIECE_COST_BYTES);
                self.credit = self.credit.saturating_sub(cost);
                let bytes = scratch.get(..count).unwrap_or_default();
                wire.say(id, &Reply::Output { stream, bytes });
                if is_late {
                    self.leftover_bytes = self.leftover_bytes.saturating_sub(count);
                    if self.leftover_bytes == 0 {
                        *end = None;
                    }
                }
            }
            Err(Errno::AGAIN) if is_late => *end = None,
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(_) => *end = None,
        }
    }

    /// Takes input; more than there was room for breaks the rules.
    pub(crate) fn take_input(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        if self.waiting.len() + bytes.len() > INPUT_BYTES_MAX {
            return Err(Broken);
        }
        if self.input.is_some() && !self.input_ends {
            self.waiting.extend_from_slice(bytes);
        }
        Ok(())
    }

    /// Closes the input, or types "end of input" on a terminal, after what waits.
    pub(crate) fn end_input(&mut self) {
        if !self.input_ends {
            self.input_ends = true;
            if self.is_terminal {
                self.waiting.push(END_OF_TRANSMISSION);
            } else if self.waiting.is_empty() {
                self.input = None;
            }
        }
    }

    /// Writes what the command takes of its input.
    pub(crate) fn feed(&mut self, id: u32, wire: &mut Wire) {
        let Some(fd) = self.input.as_ref() else { return };
        match write(fd, &self.waiting) {
            Ok(count) => {
                self.waiting.drain(..count.min(self.waiting.len()));
                if self.waiting.is_empty() {
                    self.waiting = Vec::new();
                    if self.input_ends && !self.is_terminal {
                        self.input = None;
                    }
                }
                if !self.input_ends {
                    wire.say(id, &Reply::StdinRoom(u32::try_from(count).unwrap_or(0)));
                }
            }
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(_) => {
                self.input = None;
                self.waiting = Vec::new();
                wire.say(id, &Reply::StdinClosed);
            }
        }
    }

    pub(crate) fn resize(&self, size: Size) {
        if let Some(terminal) = &self.terminal {
            // A terminal that all have left has no size.
            let _left = resize(terminal, size);
        }
    }

    /// Signals the group, while its leader is not reaped and the number therefore its own.
    pub(crate) fn signal(&self, signal: u8) {
        let signal = Signal::from_named_raw(i32::from(signal));
        if let (None, Some(signal), Some(leader)) =
            (self.ended, signal, Pid::from_raw(self.signs.leader))
        {
            let _gone = kill_process_group(leader, signal);
        }
    }

    /// Notes that the leader was reaped, and whether the kernel has killed for lack of memory.
    pub(crate) fn end(&mut self, status: WaitStatus, ran_short: bool, now: u64) {
        let how = match (status.exit_status(), status.terminating_signal()) {
            (Some(code), _) => Ended::Code(code),
            (None, signal) => Ended::Signal(signal.unwrap_or_default()),
        };
        self.ended = Some(End { how, ran_short, until: now + TRAILING_MS });
        if let Some(killing) = &mut self.killing {
            killing.next = now;
        }
    }

    pub(crate) fn begin_killing(&mut self, now: u64) {
        if self.killing.is_none() {
            self.killing = Some(Killing { next: now, wait: 1, end: now + KILL_MS });
        }
    }

    /// Does what is due. `is_alone` says that strays can only be this command's.
    pub(crate) fn tick(&mut self, now: u64, is_alone: bool) {
        if let Some(killing) = self.killing.filter(|killing| killing.next <= now) {
            let whose = if is_alone {
                Whose::CommandsAndStrays(&self.signs)
            } else {
                Whose::Commands(&self.signs)
            };
            let found = kill(whose);
            let is_over = found.is_empty() || killing.end <= now;
            if is_over {
                self.survivors = u32::try_from(found.len()).unwrap_or(u32::MAX);
            }
            self.killed.extend(found);
            let next = Killing {
                next: now + killing.wait,
                wait: (killing.wait * 2).min(LOOK_MS_MAX),
                end: killing.end,
            };
            self.killing = if is_over { None } else { Some(next) };
            if is_over && self.ended.is_none() && self.survivors > 0 {
                // A process that even this does not end is not waited for.
                let how = Ended::Signal(Signal::KILL.as_raw());
                self.ended = Some(End { how, ran_short: false, until: now });
            }
        }
        let is_late = self.ended.is_some_and(|end| end.until <= now);
        if is_late && self.killing.is_none() && self.leftover_bytes == LEFTOVER_BYTES_MAX {
            // From here on only what is there already is heard.
            self.leftover_bytes -= 1;
        }
    }

    /// Whether its last output is due to be taken although no stream is ready.
    pub(crate) fn is_late(&self) -> bool {
        self.leftover_bytes < LEFTOVER_BYTES_MAX && self.sendable() > 0
    }

    /// When there is something due next.
    pub(crate) fn due(&self) -> Option<u64> {
        let killing = self.killing.map(|killing| killing.next);
        let trailing = self.ended.filter(|_| self.leftover_bytes == LEFTOVER_BYTES_MAX);
        killing.or(trailing.map(|end| end.until))
    }

    /// The last word, once all is said and nothing is left to kill.
    pub(crate) fn last_word(&self) -> Option<Reply<'static>> {
        let End { how: ended, ran_short, .. } = self.ended?;
        let is_finished = self.killing.is_none() && self.out.is_none() && self.err.is_none();
        let leader = self.signs.leader;
        let killed = self.killed.iter().filter(|(pid, _)| *pid != leader).count();
        let killed = u32::try_from(killed).unwrap_or(u32::MAX);
        let survivors = self.survivors;
        is_finished.then_some(Reply::Exit { ended, killed, survivors, ran_short })
    }
}
