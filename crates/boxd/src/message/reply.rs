//! What the servant answers, and how it lies in a frame.

use crate::{
    fields::{Fields, append_bytes, append_count},
    frame::{Frame, FrameError, append},
};

/// What the servant answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply<'a> {
    /// Answers a hello; its id is 0.
    Hello {
        /// The servant's [`crate::VERSION`].
        version: u16,
        /// Whom it runs as.
        uid: u32,
        /// Whether it is the sandbox's first process.
        is_pid1: bool,
        /// What it found when it started: files of [`crate::message::FACTS`] with their
        /// contents, and [`crate::message::FACT_WRITABLE`].
        facts: Vec<(&'a [u8], &'a [u8])>,
    },
    /// The command runs.
    Started {
        /// As the sandbox sees it.
        pid: u32,
    },
    /// A command's output.
    Output {
        /// Which.
        stream: Stream,
        /// Never empty.
        bytes: &'a [u8],
    },
    /// So many more bytes of input are welcome.
    StdinRoom(u32),
    /// The command takes no more input.
    StdinClosed,
    /// The command has ended and all its output was sent.
    Exit {
        /// How.
        ended: Ended,
        /// How many processes that it left were killed.
        killed: u32,
        /// How many of them did not die in time.
        survivors: u32,
        /// Whether the kernel killed something in the sandbox for lack of memory.
        ran_short: bool,
    },
    /// The request failed.
    Failed(Failure),
    /// Bytes of a file, never empty.
    Data(&'a [u8]),
    /// The request is done.
    Done,
    /// What is at a path.
    Stat(Stat),
    /// An entry of a directory.
    Entry {
        /// Its name.
        name: &'a [u8],
        /// What it is, not following it.
        stat: Stat,
    },
    /// A resolved path.
    Path(&'a [u8]),
}

/// Where output comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output, or a terminal.
    Out,
    /// Standard error.
    Err,
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It returned this status.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
}

/// What is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// What sort of thing.
    pub kind: Kind,
    /// Its size in bytes.
    pub bytes: u64,
    /// Permission bits.
    pub mode: u32,
    /// Another number whenever the file was changed or replaced; never 0.
    pub stamp: u64,
}

/// What sort of thing is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// Anything else.
    Other,
}

/// Why a request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Nothing is there.
    #[error("no such file")]
    NotFound,
    /// The file is larger than asked for.
    #[error("it has {bytes} bytes")]
    TooLarge {
        /// At least so many.
        bytes: u64,
    },
    /// It is no regular file.
    #[error("not a regular file")]
    NotAFile,
    /// The working directory cannot be used.
    #[error("no usable working directory")]
    NoWorkdir,
    /// Permission is missing.
    #[error("permission denied")]
    Denied,
    /// The file system is read-only.
    #[error("read-only file system")]
    ReadOnly,
    /// The disk, or what this user may have of it, is full.
    #[error("no space left on device")]
    NoSpace,
    /// The request makes no sense.
    #[error("invalid request")]
    Invalid,
    /// A file is not as it was.
    #[error("a file has changed")]
    Stale,
    /// Nothing was done: something in the sandbox has changed the servant's own limits or its
    /// scheduling. The servant ends after this answer.
    #[error("a process in the sandbox has changed the limits of the sandbox's servant")]
    Altered,
    /// Anything else.
    #[error("system error {errno}")]
    Other {
        /// The system's number.
        errno: i32,
    },
}

impl<'a> Reply<'a> {
    /// Appends the frame of this reply to `out`.
    ///
    /// # Errors
    ///
    /// [`FrameError::TooLong`], and then `out` is as it was.
    pub fn append(&self, id: u32, out: &mut Vec<u8>) -> Result<(), FrameError> {
        append(out, self.kind(), id, |out| match self {
            Self::Hello { version, uid, is_pid1, facts } => {
                out.extend_from_slice(&version.to_le_bytes());
                out.extend_from_slice(&uid.to_le_bytes());
                out.push(u8::from(*is_pid1));
                append_count(out, facts.len());
                for (name, text) in facts {
                    append_bytes(out, name);
                    append_bytes(out, text);
                }
            }
            Self::Started { pid: number } | Self::StdinRoom(number) => {
                out.extend_from_slice(&number.to_le_bytes());
            }
            Self::Output { stream, bytes } => {
                out.push(match stream {
                    Stream::Out => 1,
                    Stream::Err => 2,
                });
                out.extend_from_slice(bytes);
            }
            Self::StdinClosed | Self::Done => {}
            Self::Exit { ended, killed, survivors, ran_short } => {
                let (how, number) = match ended {
                    Ended::Code(code) => (0, code),
                    Ended::Signal(signal) => (1, signal),
                };
                out.push(how);
                out.extend_from_slice(&number.to_le_bytes());
                out.extend_from_slice(&killed.to_le_bytes());
                out.extend_from_slice(&survivors.to_le_bytes());
                out.push(u8::from(*ran_short));
            }
            Self::Failed(failure) => failure.append(out),
            Self::Data(bytes) | Self::Path(bytes) => out.extend_from_slice(bytes),
            Self::Stat(stat) => stat.append(out),
            Self::Entry { name, stat } => {
                stat.append(out);
                out.extend_from_slice(name);
            }
        })
    }

    /// Reads a frame's message.
    ///
    /// # Errors
    ///
    /// [`FrameError::Kind`] and [`FrameError::Payload`].
    pub fn parse(frame: Frame<'a>) -> Result<Self, FrameError> {
        let kind = frame.kind;
        if !(1..=12).contains(&kind) {
            return Err(FrameError::Kind { kind });
        }
        let mut fields = Fields(frame.payload);
        let reply = Self::take(kind, &mut fields);
        reply.filter(|_| fields.rest().is_empty()).ok_or(FrameError::Payload { kind })
    }

    fn take(kind: u8, fields: &mut Fields<'a>) -> Option<Self> {
        let some = |bytes: &'a [u8]| Some(bytes).filter(|bytes| !bytes.is_empty());
        Some(match kind {
            1 => Self::Hello {
                version: fields.u16()?,
                uid: fields.u32()?,
                is_pid1: fields.bool()?,
                facts: fields.list(|fields| Some((fields.bytes()?, fields.bytes()?)))?,
            },
            2 => Self::Started { pid: fields.u32()? },
            3 => {
                let stream = match fields.u8()? {
                    1 => Stream::Out,
                    2 => Stream::Err,
                    _ => return None,
                };
                Self::Output { stream, bytes: some(fields.rest())? }
            }
            4 => Self::StdinRoom(fields.u32()?),
            5 => Self::StdinClosed,
            6 => {
                let (how, number) = (fields.bool()?, fields.i32()?);
                let ended = if how { Ended::Signal(number) } else { Ended::Code(number) };
                let (killed, survivors) = (fields.u32()?, fields.u32()?);
                Self::Exit { ended, killed, survivors, ran_short: fields.bool()? }
            }
            7 => Self::Failed(Failure::take(fields)?),
            8 => Self::Data(some(fields.rest())?),
            9 => Self::Done,
            10 => Self::Stat(Stat::take(fields)?),
            11 => {
                let stat = Stat::take(fields)?;
                Self::Entry { name: some(fields.rest())?, stat }
            }
            12 => Self::Path(some(fields.rest())?),
            _ => return None,
        })
    }

    fn kind(&self) -> u8 {
        match self {
            Self::Hello { .. } => 1,
            Self::Started { .. } => 2,
            Self::Output { .. } => 3,
            Self::StdinRoom(_) => 4,
            Self::StdinClosed => 5,
            Self::Exit { .. } => 6,
            Self::Failed(_) => 7,
            Self::Data(_) => 8,
            Self::Done => 9,
            Self::Stat(_) => 10,
            Self::Entry { .. } => 11,
            Self::Path(_) => 12,
        }
    }
}

impl Stat {
    fn append(self, out: &mut Vec<u8>) {
        out.push(match self.kind {
            Kind::File => 1,
            Kind::Directory => 2,
            Kind::Link => 3,
            Kind::Other => 4,
        });
        out.extend_from_slice(&self.bytes.to_le_bytes());
        out.extend_from_slice(&self.mode.to_le_bytes());
        out.extend_from_slice(&self.stamp.to_le_bytes());
    }

    fn take(fields: &mut Fields<'_>) -> Option<Self> {
        let kind = match fields.u8()? {
            1 => Kind::File,
            2 => Kind::Directory,
            3 => Kind::Link,
            4 => Kind::Other,
            _ => return None,
        };
        Some(Self { kind, bytes: fields.u64()?, mode: fields.u32()?, stamp: fields.u64()? })
    }
}

impl Failure {
    fn append(self, out: &mut Vec<u8>) {
        let (kind, number) = match self {
            Self::NotFound => (1, 0),
            Self::TooLarge { bytes } => (2, bytes),
            Self::NotAFile => (3, 0),
            Self::NoWorkdir => (4, 0),
            Self::Denied => (5, 0),
            Self::ReadOnly => (6, 0),
            Self::NoSpace => (7, 0),
            Self::Invalid => (8, 0),
            Self::Stale => (10, 0),
            Self::Altered => (11, 0),
            Self::Other { errno } => (9, u64::try_from(errno).unwrap_or(0)),
        };
        out.push(kind);
        out.extend_from_slice(&number.to_le_bytes());
    }

    fn take(fields: &mut Fields<'_>) -> Option<Self> {
        let (kind, number) = (fields.u8()?, fields.u64()?);
        Some(match kind {
            1 => Self::NotFound,
            2 => Self::TooLarge { bytes: number },
            3 => Self::NotAFile,
            4 => Self::NoWorkdir,
            5 => Self::Denied,
            6 => Self::ReadOnly,
            7 => Self::NoSpace,
            8 => Self::Invalid,
            9 => Self::Other { errno: i32::try_from(number).ok()? },
            10 => Self::Stale,
            11 => Self::Altered,
            _ => return None,
        })
    }
}
