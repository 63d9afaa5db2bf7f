//! What was asked for and is not answered yet, and which answers the rules allow.
//!
//! ```text
//!  command   starting ──Started──► running ──Output, StdinRoom, StdinClosed──► Exit
//!               └─────Failed                  within credit and room, then nothing more
//!  read      Data…, at most as asked for, then Done │ Failed
//!  list      Entry…, at most as asked for, then Done │ Failed
//!  others    their one answer │ Failed
//! ```
//!
//! Owns no stream and waits for nothing. An answer for which there is nothing asked, or one of
//! the wrong sort, size or number, is an error, and errors are final.

use std::{collections::HashMap, sync::Arc};

use boxd::{Ended, Failure, INPUT_BYTES_MAX, PIECE_COST_BYTES, Reply, Stat, Stream};
use bytes::Bytes;
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::{WINDOW_BYTES, error::LinkError};
use crate::backend::{Chunk, Exit};

/// Words about a command that may wait for its pump: as many pieces as credit allows, what we
/// say of its end, and its exit. More cannot come without breaking the rules, so it is never
/// full.
pub(super) const WORDS_MAX: usize = (WINDOW_BYTES / PIECE_COST_BYTES) as usize + 3;

/// What is put behind a command's output when the kernel killed in its sandbox.
const OUT_OF_MEMORY: &[u8] = b"\nthe sandbox ran out of memory, and processes in it were killed \
    (its limit is `sandbox.docker.memory`)\n";

/// The answer to one request.
pub(super) type Answer<T> = oneshot::Sender<Result<T, Failure>>;

/// An entry of a directory.
pub(super) type Entry = (Vec<u8>, Stat);

/// Something asked for.
#[derive(Debug)]
pub(super) enum Call {
    Starting { started: Answer<u32>, command: Command },
    Running(Command),
    Read { answer: Answer<Vec<u8>>, bytes: Vec<u8>, bytes_max: u64 },
    List { answer: Answer<Vec<Entry>>, entries: Vec<Entry>, entries_max: u32 },
    Done(Answer<()>),
    Stat(Answer<Stat>),
    Path(Answer<Vec<u8>>),
}

/// A command's account.
#[derive(Debug)]
pub(super) struct Command {
    /// What happens to it; a pump that is gone hears nothing more.
    pub(super) words: mpsc::Sender<Word>,
    /// What it may still put out.
    credit: u64,
    /// Room for input, in bytes.
    pub(super) room: Arc<Semaphore>,
}

/// What happens to a command.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// It put something out, at this cost.
    Output { chunk: Chunk, cost: u32 },
    /// It ended.
    Ended(Exit),
}

impl Command {
    pub(super) fn new(words: mpsc::Sender<Word>) -> Self {
        let room = Arc::new(Semaphore::new(INPUT_BYTES_MAX));
        Self { words, credit: u64::from(WINDOW_BYTES), room }
    }

    fn output(&mut self, stream: Stream, bytes: &[u8]) -> Result<(), LinkError> {
        let cost = u32::try_from(bytes.len()).unwrap_or(u32::MAX).saturating_add(PIECE_COST_BYTES);
        let Some(credit) = self.credit.checked_sub(u64::from(cost)) else {
            return rule("more output than allowed");
        };
        self.credit = credit;
        let bytes = Bytes::copy_from_slice(bytes);
        let chunk = match stream {
            Stream::Out => Chunk::Out(bytes),
            Stream::Err => Chunk::Err(bytes),
        };
        self.say(Word::Output { chunk, cost })
    }

    fn make_room(&self, bytes: u32) -> Result<(), LinkError> {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        let is_sound = bytes > 0
            && self.room.available_permits().saturating_add(bytes) <= INPUT_BYTES_MAX
            && !self.room.is_closed();
        if !is_sound {
            return rule("more input taken than was sent");
        }
        self.room.add_permits(bytes);
        Ok(())
    }

    fn say(&self, word: Word) -> Result<(), LinkError> {
        match self.words.try_send(word) {
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => Ok(()),
            Err(mpsc::error::TrySendError::Full(_)) => rule("more pieces than allowed"),
        }
    }
}

/// All that was asked for.
#[derive(Debug, Default)]
pub(super) struct Table {
    calls: HashMap<u32, Call>,
}

impl Table {
    pub(super) fn ask(&mut self, id: u32, call: Call) {
        self.calls.insert(id, call);
    }

    /// Whether the request is not answered yet.
    pub(super) fn is_open(&self, id: u32) -> bool {
        self.calls.contains_key(&id)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// Allows a command to put out more.
    pub(super) fn grant(&mut self, id: u32, bytes: u32) {
        if let Some(Call::Running(command)) = self.calls.get_mut(&id) {
            command.credit += u64::from(bytes);
        }
    }

    /// Takes an answer, or says which rule it breaks.
    pub(super) fn take(&mut self, id: u32, reply: &Reply<'_>) -> Result<(), LinkError> {
        match (self.calls.get_mut(&id), reply) {
            (None, _) => return rule("an answer to nothing that was asked"),
            (Some(Call::Running(command)), Reply::Output { stream, bytes }) => {
                return command.output(*stream, bytes);
            }
            (Some(Call::Running(command)), Reply::StdinRoom(bytes)) => {
                return command.make_room(*bytes);
            }
            (Some(Call::Running(command)), Reply::StdinClosed) if !command.room.is_closed() => {
                command.room.close();
                return Ok(());
            }
            (Some(Call::Read { bytes, bytes_max, .. }), Reply::Data(data)) => {
                if bytes.len() as u64 + data.len() as u64 > *bytes_max {
                    return rule("more of a file than asked for");
                }
                bytes.extend_from_slice(data);
                return Ok(());
            }
            (Some(Call::List { entries, entries_max, .. }), Reply::Entry { name, stat }) => {
                if entries.len() as u64 >= u64::from(*entries_max) {
                    return rule("more entries than asked for");
                }
                entries.push((name.to_vec(), *stat));
                return Ok(());
            }
            (Some(_), _) => {}
        }
        self.calls.remove(&id).map_or(Ok(()), |call| self.last(id, call, reply))
    }

    /// Takes the answer that ends a call, or that turns it into another.
    fn last(&mut self, id: u32, call: Call, reply: &Reply<'_>) -> Result<(), LinkError> {
        match (call, reply) {
            (Call::Starting { started, command }, Reply::Started { pid }) => {
                answer(started, Ok(*pid));
                self.calls.insert(id, Call::Running(command));
            }
            (Call::Running(_), Reply::Exit { survivors: count @ 1.., .. }) => {
                return Err(LinkError::Survivors { count: *count });
            }
            (Call::Running(command), Reply::Exit { ended, ran_short, .. }) => {
                if *ran_short {
                    let chunk = Chunk::Err(Bytes::from_static(OUT_OF_MEMORY));
                    command.say(Word::Output { chunk, cost: 0 })?;
                }
                let exit = match ended {
                    Ended::Code(code) => Exit::Code(*code),
                    Ended::Signal(signal) => Exit::Signal(*signal),
                };
                command.room.close();
                command.say(Word::Ended(exit))?;
            }
            (Call::Read { answer: to, bytes, .. }, Reply::Done) => answer(to, Ok(bytes)),
            (Call::List { answer: to, entries, .. }, Reply::Done) => answer(to, Ok(entries)),
            (Call::Done(to), Reply::Done) => answer(to, Ok(())),
            (Call::Stat(to), Reply::Stat(stat)) => answer(to, Ok(*stat)),
            (Call::Path(to), Reply::Path(path)) => answer(to, Ok(path.to_vec())),
            (Call::Starting { started: to, .. }, Reply::Failed(why)) => answer(to, Err(*why)),
            (Call::Read { answer: to, .. } | Call::Path(to), Reply::Failed(why)) => {
                answer(to, Err(*why));
            }
            (Call::List { answer: to, .. }, Reply::Failed(why)) => answer(to, Err(*why)),
            (Call::Done(to), Reply::Failed(why)) => answer(to, Err(*why)),
            (Call::Stat(to), Reply::Failed(why)) => answer(to, Err(*why)),
            _ => return rule("an answer of the wrong sort"),
        }
        Ok(())
    }
}

fn answer<T>(to: Answer<T>, outcome: Result<T, Failure>) {
    // Whoever asked may have lost interest.
    let _unheard = to.send(outcome);
}

fn rule(rule: &'static str) -> Result<(), LinkError> {
    Err(LinkError::Rule { rule })
}

#[cfg(test)]
mod tests;
