//! The one loop: waits for the link, the processes and the clock, and serves them in turn.
//!
//! Nothing is read from a process, a file or the link while the link's output is full, and
//! nothing from a process without credit, so memory is bounded by the number of commands.

mod requests;

use std::{collections::BTreeMap, mem};

use boxd::{
    FrameError, PREAMBLE, Reply, Request, Stream,
    frame::{parse, whole},
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::{Errno, Result},
    process::{Pid, Signal, WaitOptions, getpid, kill_process_group, wait},
    time::{ClockId, clock_gettime},
};

use crate::{
    exec::{Broken, Running},
    facts::Facts,
    limits::Limits,
    list::List,
    memory::Memory,
    signals::Signals,
    transfer::{Read, Write},
    tree::{Whose, kill},
    wire::Wire,
};

/// How often PID 1 looks for a new gateway after the last one's input has ended.
const LOOK_FOR_GATEWAY_MS: u64 = 250;

/// How long it may take to kill everything.
const KILL_ALL_MS: u64 = 4500;

/// How things were before anything else ran.
#[derive(Debug)]
pub(crate) struct Start {
    pub(crate) memory: Memory,
    pub(crate) limits: Limits,
    pub(crate) facts: Facts,
}

/// The servant.
#[derive(Debug)]
pub(crate) struct Server {
    wire: Wire,
    signals: Signals,
    memory: Memory,
    limits: Limits,
    facts: Facts,
    is_pid1: bool,
    phase: Phase,
    commands: BTreeMap<u32, Running>,
    transfers: BTreeMap<u32, Transfer>,
    /// Whether a command of this connection has left something that may live on.
    has_leftovers: bool,
    /// The input has ended; there may be another gateway later.
    is_deserted: bool,
    scratch: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    /// For the preamble.
    Searching,
    /// The preamble was seen.
    Greeting,
    /// The nonce, in hexadecimal digits.
    Serving(String),
}

#[derive(Debug)]
enum Transfer {
    Read(Read),
    Write(Box<Write>),
    List(List),
}

/// What is ready.
#[derive(Clone, Copy, Debug)]
enum Ready {
    Input,
    Children,
    End,
    Output,
    Heard(u32, Stream),
    Feed(u32),
}

impl Server {
    pub(crate) fn new(wire: Wire, signals: Signals, start: Start) -> Self {
        let Start { memory, limits, facts } = start;
        Self {
            wire,
            signals,
            memory,
            limits,
            facts,
            is_pid1: getpid() == Pid::INIT,
            phase: Phase::Searching,
            commands: BTreeMap::new(),
            transfers: BTreeMap::new(),
            has_leftovers: false,
            is_deserted: false,
            scratch: Vec::new(),
        }
    }

    /// Serves until it is asked to end, or until there is nobody to serve.
    pub(crate) fn run(mut self) -> Result<()> {
        loop {
            for ready in self.wait()? {
                match ready {
                    Ready::Input if !self.fill() => return Ok(()),
                    Ready::Input | Ready::Output => {}
                    Ready::Children => self.reap(),
                    Ready::End => {
                        self.end();
                        return Ok(());
                    }
                    Ready::Heard(id, stream) => self.hear(id, stream),
                    Ready::Feed(id) => {
                        if let Some(command) = self.commands.get_mut(&id) {
                            command.feed(id, &mut self.wire);
                        }
                    }
                }
            }
            self.understand();
            self.carry();
            self.tick();
            if self.wire.flush().is_err() && !self.desert() {
                return Ok(());
            }
            if self.limits.were_changed && !self.wire.is_waiting() {
                self.end();
                return Ok(());
            }
        }
    }

    fn wait(&self) -> Result<Vec<Ready>> {
        let has_room = self.wire.has_room();
        let mut whats = vec![Ready::Children, Ready::End];
        let mut fds = vec![
            PollFd::from_borrowed_fd(self.signals.child(), PollFlags::IN),
            PollFd::from_borrowed_fd(self.signals.end(), PollFlags::IN),
        ];
        if has_room && !self.is_deserted {
            whats.push(Ready::Input);
            fds.push(PollFd::from_borrowed_fd(self.wire.input(), PollFlags::IN));
        }
        if self.wire.is_waiting() {
            whats.push(Ready::Output);
            fds.push(PollFd::from_borrowed_fd(self.wire.output(), PollFlags::OUT));
        }
        for (id, command) in &self.commands {
            for stream in [Stream::Out, Stream::Err] {
                if let Some(fd) = command.readable(stream).filter(|_| has_room) {
                    whats.push(Ready::Heard(*id, stream));
                    fds.push(PollFd::new(fd, PollFlags::IN));
                }
            }
            if let Some(fd) = command.writable() {
                whats.push(Ready::Feed(*id));
                fds.push(PollFd::new(fd, PollFlags::OUT));
            }
        }
        let timeout = self.timeout_ms().map(|ms| Timespec {
            tv_sec: i64::try_from(ms / 1000).unwrap_or(i64::MAX),
            tv_nsec: i64::try_from(ms % 1000 * 1_000_000).unwrap_or(0),
        });
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
        let is_late = |ready: &Ready| match ready {
            Ready::Heard(id, _) => self.commands.get(id).is_some_and(Running::is_late),
            Ready::Input | Ready::Children | Ready::End | Ready::Output | Ready::Feed(_) => false,
        };
        let mut ready: Vec<Ready> = whats
            .into_iter()
            .zip(&fds)
            .filter(|(what, fd)| !fd.revents().is_empty() || is_late(what))
            .map(|(what, _)| what)
            .collect();
        if self.is_deserted {
            ready.push(Ready::Input);
        }
        Ok(ready)
    }

    fn timeout_ms(&self) -> Option<u64> {
        let has_work = self.transfers.values().any(|it| !matches!(it, Transfer::Write(_)))
            || self.has_whole_frame()
            || self.commands.values().any(Running::is_late);
        if has_work && self.wire.has_room() {
            return Some(0);
        }
        let now = now_ms();
        let due = self.commands.values().filter_map(Running::due).min();
        let due = due.map(|due| due.saturating_sub(now));
        let look = self.is_deserted.then_some(LOOK_FOR_GATEWAY_MS);
        due.into_iter().chain(look).min()
    }

    /// Whether a request waits that there was no room to answer.
    fn has_whole_frame(&self) -> bool {
        let whole = whole(&self.wire.inbox).unwrap_or(Some(0));
        self.phase != Phase::Searching && whole.is_some_and(|it| self.wire.inbox.len() >= it)
    }

    /// Reads from the link; `false` when there is nobody to serve any more.
    fn fill(&mut self) -> bool {
        match self.wire.fill() {
            Ok(true) => {
                self.is_deserted = self.is_deserted && self.wire.inbox.is_empty();
                true
            }
            Ok(false) | Err(_) => self.desert(),
        }
    }

    /// The gateway is gone. PID 1 stays; `false` for others.
    fn desert(&mut self) -> bool {
        if !self.is_deserted {
            self.reset();
            self.wire.inbox = Vec::new();
            self.is_deserted = true;
        }
        self.is_pid1
    }

    /// Kills everything and forgets the connection.
    fn reset(&mut self) {
        if self.phase != Phase::Searching {
            self.phase = Phase::Searching;
            self.transfers.clear();
            self.kill_all();
            self.commands.clear();
            self.has_leftovers = false;
            self.wire.forget_out();
        }
    }

    fn kill_all(&mut self) {
        let end = now_ms() + KILL_ALL_MS;
        while !kill(Whose::Everybodys).is_empty() && now_ms() < end {
            let mut fds = [PollFd::from_borrowed_fd(self.signals.child(), PollFlags::IN)];
            let pause = Timespec { tv_sec: 0, tv_nsec: 1_000_000 };
            // Either way, look again.
            let _woken = poll(&mut fds, Some(&pause));
            self.reap();
        }
        self.reap();
    }

    /// Kills everything for good.
    fn end(&mut self) {
        self.transfers.clear();
        self.kill_all();
        if self.is_pid1 {
            // All but ourselves, also what is not our offspring.
            let _none = kill_process_group(Pid::INIT, Signal::KILL);
        }
    }

    fn reap(&mut self) {
        self.signals.take_children();
        let now = now_ms();
        let mut ended = Vec::new();
        let has_children = loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) => {
                    let pid = pid.as_raw_nonzero().get();
                    let mut commands = self.commands.iter_mut();
                    if let Some((id, command)) = commands.find(|(_, it)| it.signs.leader == pid) {
                        let has_failed = status.exit_status() != Some(0);
                        let is_short = has_failed && self.memory.has_killed();
                        command.end(status, is_short, now);
                        ended.push(*id);
                    }
                }
                Ok(None) => break true,
                Err(Errno::INTR) => {}
                Err(_) => break false,
            }
        };
        for id in ended {
            let Some(command) = self.commands.get_mut(&id) else { continue };
            if command.keeps_leftovers {
                self.has_leftovers |= has_children;
            } else if has_children {
                command.begin_killing(now);
            }
        }
    }

    fn hear(&mut self, id: u32, stream: Stream) {
        if self.wire.has_room()
            && let Some(command) = self.commands.get_mut(&id)
        {
            command.hear(id, stream, &mut self.scratch, &mut self.wire);
        }
    }

    /// Goes on with files and directories, one piece each.
    fn carry(&mut self) {
        let mut over = Vec::new();
        for (id, transfer) in &mut self.transfers {
            if !self.wire.has_room() {
                break;
            }
            let step = match transfer {
                Transfer::Read(read) => read.step(*id, &mut self.scratch, &mut self.wire),
                Transfer::List(list) => list.step(*id, &mut self.wire),
                Transfer::Write(_) => continue,
            };
            match step {
                Ok(true) => {}
                Ok(false) => over.push((*id, Ok(()))),
                Err(failure) => over.push((*id, Err(failure))),
            }
        }
        for (id, last) in over {
            self.transfers.remove(&id);
            match last {
                Ok(()) => {
                    self.wire.say(id, &Reply::Done);
                }
                Err(failure) => self.say_failed(id, failure),
            }
        }
    }

    fn tick(&mut self) {
        let now = now_ms();
        let is_alone = self.commands.len() == 1 && !self.has_leftovers;
        let mut over = Vec::new();
        for (id, command) in &mut self.commands {
            command.tick(now, is_alone);
            if let Some(last) = command.last_word() {
                over.push((*id, last));
            }
        }
        for (id, last) in over {
            self.commands.remove(&id);
            self.wire.say(id, &last);
        }
        if self.commands.is_empty() && self.transfers.is_empty() {
            self.scratch = Vec::new();
            self.wire.narrow();
        }
    }

    /// Serves the requests that have come, as long as there is room for answers.
    fn understand(&mut self) {
        let inbox = mem::take(&mut self.wire.inbox);
        let mut used = 0;
        while let Some(rest) = inbox.get(used..).filter(|rest| !rest.is_empty())
            && self.wire.has_room()
        {
            if self.phase == Phase::Searching {
                let found = rest.windows(PREAMBLE.len()).position(|window| window == PREAMBLE);
                if let Some(at) = found {
                    used += at + PREAMBLE.len();
                    self.phase = Phase::Greeting;
                    continue;
                }
                used += rest.len().saturating_sub(PREAMBLE.len() - 1);
                break;
            }
            match parse(rest) {
                Ok(None) => break,
                Ok(Some((frame, whole))) => {
                    used += whole;
                    let request = Request::parse(frame).map_err(|_| Broken);
                    if request.and_then(|request| self.serve(frame.id, request)).is_err() {
                        self.reset();
                    }
                }
                Err(error) => {
                    if error == FrameError::Cut {
                        used += whole(rest).ok().flatten().unwrap_or(0);
                    }
                    self.reset();
                }
            }
        }
        self.wire.put_back(inbox, used);
    }
}

fn now_ms() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    seconds * 1000 + u64::try_from(now.tv_nsec).unwrap_or(0) / 1_000_000
}
