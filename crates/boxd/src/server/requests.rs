//! What each request does.

use std::{fmt::Write as _, os::unix::ffi::OsStrExt};

use boxd::{Exec, Failure, PREAMBLE, Reply, Request, VERSION};
use rustix::{
    io::Errno,
    process::getuid,
    time::{ClockId, clock_gettime},
};

use super::{Phase, Server, Transfer, now_ms};
use crate::{
    crowd,
    exec::{Broken, Running},
    failure::failure,
    files,
    list::List,
    spawn::spawn,
    transfer::{Read, Write},
    tree::{MARKER, Signs},
};

/// Commands that may run at once.
const COMMANDS_MAX: usize = 1024;

/// Ticks of `/proc` in a second, on all machines that we are built for.
const TICKS_PER_SECOND: u64 = 100;

/// What a request comes to: an answer at once, or one later.
type Begun = Result<Option<Reply<'static>>, Failure>;

impl Server {
    /// Serves a request, or says that it should not have come.
    pub(super) fn serve(&mut self, id: u32, request: Request<'_>) -> Result<(), Broken> {
        let nonce = match (&self.phase, &request) {
            (Phase::Greeting, Request::Hello { nonce, .. }) => {
                self.greet(*nonce);
                return Ok(());
            }
            (Phase::Serving(nonce), _) => nonce.clone(),
            (Phase::Searching | Phase::Greeting, _) => return Err(Broken),
        };
        let is_known = self.commands.contains_key(&id) || self.transfers.contains_key(&id);
        let begun = match request {
            Request::Hello { .. } => return Err(Broken),
            Request::Stdin(bytes) => {
                return self.commands.get_mut(&id).map_or(Ok(()), |it| it.take_input(bytes));
            }
            Request::StdinClose => self.steer(id, Running::end_input),
            Request::Resize(size) => self.steer(id, |it| it.resize(size)),
            Request::Signal(signal) => self.steer(id, |it| it.signal(signal)),
            Request::Kill => self.steer(id, |it| it.begin_killing(now_ms())),
            Request::Credit(bytes) => self.steer(id, |it| it.grant(bytes)),
            Request::Chunk(bytes) => return self.write_more(id, bytes),
            Request::Commit => return self.finish_write(id),
            _ if is_known => return Err(Broken),
            // Before anything is done, so that the request can be made again elsewhere.
            _ if self.is_altered() => Err(Failure::Altered),
            Request::Exec(exec) => self.exec(id, &exec, &nonce),
            Request::Read { offset, bytes_max, path } => {
                Read::begin(path, offset, bytes_max).map(|read| {
                    if read.is_large() {
                        self.wire.widen();
                    }
                    self.carry_later(id, Transfer::Read(read))
                })
            }
            Request::Write { path } => Write::begin(path, &format!("{nonce}-{id}"))
                .map(|write| self.carry_later(id, Transfer::Write(Box::new(write)))),
            Request::List { entries_max, path } => List::begin(path, entries_max)
                .map(|list| self.carry_later(id, Transfer::List(list))),
            Request::Remove { path } => files::remove(path).map(|()| Some(Reply::Done)),
            Request::Rename { from, to } => files::rename(from, to).map(|()| Some(Reply::Done)),
            Request::Stat { path } => files::stat(path).map(|stat| Some(Reply::Stat(stat))),
            Request::RealPath { path } => files::real_path(path).map(|path| {
                self.wire.say(id, &Reply::Path(path.as_os_str().as_bytes()));
                None
            }),
        };
        match begun {
            Ok(None) => {}
            Ok(Some(reply)) => {
                self.wire.say(id, &reply);
            }
            Err(failure) => self.say_failed(id, failure),
        }
        Ok(())
    }

    /// Says why nothing came of a request. What fails because our limits were changed after the
    /// look at them may be made again elsewhere too: no command was started, no file replaced.
    pub(super) fn say_failed(&mut self, id: u32, failure: Failure) {
        let failure = if self.is_altered() { Failure::Altered } else { failure };
        self.wire.say(id, &Reply::Failed(failure));
    }

    /// Whether a process has changed what commands inherit from us, now or earlier.
    fn is_altered(&mut self) -> bool {
        let hold = self.limits.hold() && self.memory.holds();
        self.limits.were_changed |= !hold;
        self.limits.were_changed
    }

    /// Begins the answer with the preamble and the gateway's nonce, by which it is found in
    /// whatever was still on its way to an earlier gateway.
    fn greet(&mut self, nonce: [u8; 16]) {
        self.wire.say_bytes(&PREAMBLE);
        self.wire.say_bytes(&nonce);
        let (uid, is_pid1, facts) = (getuid().as_raw(), self.is_pid1, self.facts.pairs());
        self.wire.say(0, &Reply::Hello { version: VERSION, uid, is_pid1, facts });
        let mut digits = String::new();
        for byte in nonce {
            // Writing to a string cannot fail.
            let _written = write!(digits, "{byte:02x}");
        }
        self.phase = Phase::Serving(digits);
    }

    fn exec(&mut self, id: u32, exec: &Exec<'_>, nonce: &str) -> Begun {
        if self.commands.len() >= COMMANDS_MAX {
            return Err(failure(Errno::AGAIN));
        }
        if !exec.stamps.iter().all(|(path, stamp)| files::is_as_it_was(path, *stamp)) {
            return Err(Failure::Stale);
        }
        if self.commands.is_empty() && self.has_leftovers {
            self.has_leftovers = crowd::has_children();
            if self.has_leftovers && crowd::is_full() {
                self.kill_leftovers();
            }
        }
        let value = format!("{nonce}-{id}");
        let since = clock_gettime(ClockId::Boottime);
        let seconds = u64::try_from(since.tv_sec).unwrap_or(0);
        let ticks = u64::try_from(since.tv_nsec).unwrap_or(0) * TICKS_PER_SECOND / 1_000_000_000;
        let spawned = match spawn(exec, (MARKER, &value)) {
            Err(none_left) if none_left == failure(Errno::AGAIN) && self.commands.is_empty() => {
                self.kill_leftovers();
                spawn(exec, (MARKER, &value))?
            }
            outcome => outcome?,
        };
        self.memory.offer(spawned.pid);
        let signs = Signs {
            leader: spawned.pid,
            marker: format!("{MARKER}={value}").into_bytes(),
            since: seconds * TICKS_PER_SECOND + ticks,
        };
        let pid = spawned.pid.cast_unsigned();
        self.commands.insert(id, Running::new(exec, spawned, signs));
        Ok(Some(Reply::Started { pid }))
    }

    /// Makes room: what ended commands have left behind holds all processes that there may be.
    fn kill_leftovers(&mut self) {
        self.kill_all();
        self.has_leftovers = false;
    }

    fn carry_later(&mut self, id: u32, transfer: Transfer) -> Option<Reply<'static>> {
        self.transfers.insert(id, transfer);
        None
    }

    /// Serves a request about a running command; one that has just ended is not missed.
    #[expect(clippy::unnecessary_wraps, reason = "it stands where requests are begun")]
    fn steer(&mut self, id: u32, serve: impl FnOnce(&mut Running)) -> Begun {
        if let Some(command) = self.commands.get_mut(&id) {
            serve(command);
        }
        Ok(None)
    }

    /// Takes bytes for a file; one that could not be written is not missed.
    fn write_more(&mut self, id: u32, bytes: &[u8]) -> Result<(), Broken> {
        match self.transfers.get_mut(&id) {
            None => Ok(()),
            Some(Transfer::Write(write)) => {
                if let Err(failure) = write.chunk(bytes) {
                    self.transfers.remove(&id);
                    self.say_failed(id, failure);
                }
                Ok(())
            }
            Some(Transfer::Read(_) | Transfer::List(_)) => Err(Broken),
        }
    }

    fn finish_write(&mut self, id: u32) -> Result<(), Broken> {
        match self.transfers.remove(&id) {
            None => Ok(()),
            Some(Transfer::Write(write)) => {
                match write.commit() {
                    Ok(()) => {
                        self.wire.say(id, &Reply::Done);
                    }
                    Err(failure) => self.say_failed(id, failure),
                }
                Ok(())
            }
            Some(Transfer::Read(_) | Transfer::List(_)) => Err(Broken),
        }
    }
}
