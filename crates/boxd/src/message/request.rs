//! What a gateway asks for, and how it lies in a frame.

use crate::{
    fields::{Fields, append_bytes, append_count},
    frame::{Frame, FrameError, append},
};

/// What a gateway asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request<'a> {
    /// Begins a connection; its id is 0.
    Hello {
        /// The gateway's [`crate::VERSION`].
        version: u16,
        /// Random bytes that the answer begins with; also part of each command's marker.
        nonce: [u8; 16],
    },
    /// Starts a command.
    Exec(Exec<'a>),
    /// Input for a command.
    Stdin(&'a [u8]),
    /// The end of a command's input.
    StdinClose,
    /// Sets the size of a command's terminal.
    Resize(Size),
    /// Sends a signal to a command's process group.
    Signal(u8),
    /// Kills a command with all that descends from it.
    Kill,
    /// Allows a command to put out so many more bytes.
    Credit(u32),
    /// Reads a file.
    Read {
        /// `None` reads the whole file and fails if it is larger; otherwise where to start.
        offset: Option<u64>,
        /// Most bytes to send.
        bytes_max: u64,
        /// Absolute.
        path: &'a [u8],
    },
    /// Begins to write a file. Its bytes follow in chunks.
    Write {
        /// Absolute.
        path: &'a [u8],
    },
    /// Bytes for a file that is written.
    Chunk(&'a [u8]),
    /// Puts the written file in its place.
    Commit,
    /// Removes a file.
    Remove {
        /// Absolute.
        path: &'a [u8],
    },
    /// Renames a file.
    Rename {
        /// Absolute.
        from: &'a [u8],
        /// Absolute.
        to: &'a [u8],
    },
    /// Says what is at a path.
    Stat {
        /// Absolute.
        path: &'a [u8],
    },
    /// Lists a directory.
    List {
        /// Most entries to send.
        entries_max: u32,
        /// Absolute.
        path: &'a [u8],
    },
    /// Resolves a path.
    RealPath {
        /// Absolute.
        path: &'a [u8],
    },
}

/// A command to start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exec<'a> {
    /// The program and its arguments.
    pub argv: Vec<&'a [u8]>,
    /// All of its environment, but for the servant's `PATH` and `HOME` unless named here, and
    /// the marker.
    pub env: Vec<(&'a [u8], &'a [u8])>,
    /// Working directory.
    pub cwd: &'a [u8],
    /// A terminal of this size instead of pipes.
    pub pty: Option<Size>,
    /// Whether input will come; else it is `/dev/null`.
    pub has_stdin: bool,
    /// Whether what it left in the background lives on when it ends by itself.
    pub keeps_leftovers: bool,
    /// Bytes of output that it may put out at first.
    pub credit: u32,
    /// Files that must be as they were, by their [`crate::Stat::stamp`]; 0 is a file that is
    /// not there. If one is not, nothing is started.
    pub stamps: Vec<(&'a [u8], u64)>,
}

/// A terminal's size in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Columns.
    pub columns: u16,
    /// Rows.
    pub rows: u16,
}

impl<'a> Request<'a> {
    /// Appends the frame of this request to `out`.
    ///
    /// # Errors
    ///
    /// [`FrameError::TooLong`], and then `out` is as it was.
    pub fn append(&self, id: u32, out: &mut Vec<u8>) -> Result<(), FrameError> {
        append(out, self.kind(), id, |out| match self {
            Self::Hello { version, nonce } => {
                out.extend_from_slice(&version.to_le_bytes());
                out.extend_from_slice(nonce);
            }
            Self::Exec(exec) => exec.append(out),
            Self::Stdin(bytes) | Self::Chunk(bytes) => out.extend_from_slice(bytes),
            Self::StdinClose | Self::Kill | Self::Commit => {}
            Self::Resize(size) => size.append(out),
            Self::Signal(signal) => out.push(*signal),
            Self::Credit(bytes) => out.extend_from_slice(&bytes.to_le_bytes()),
            Self::Read { offset, bytes_max, path } => {
                out.push(u8::from(offset.is_some()));
                out.extend_from_slice(&offset.unwrap_or(0).to_le_bytes());
                out.extend_from_slice(&bytes_max.to_le_bytes());
                out.extend_from_slice(path);
            }
            Self::Write { path }
            | Self::Remove { path }
            | Self::Stat { path }
            | Self::RealPath { path } => out.extend_from_slice(path),
            Self::Rename { from, to } => {
                append_bytes(out, from);
                out.extend_from_slice(to);
            }
            Self::List { entries_max, path } => {
                out.extend_from_slice(&entries_max.to_le_bytes());
                out.extend_from_slice(path);
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
        if !(1..=17).contains(&kind) {
            return Err(FrameError::Kind { kind });
        }
        let mut fields = Fields(frame.payload);
        let request = Self::take(kind, &mut fields);
        request.filter(|_| fields.rest().is_empty()).ok_or(FrameError::Payload { kind })
    }

    fn take(kind: u8, fields: &mut Fields<'a>) -> Option<Self> {
        Some(match kind {
            1 => Self::Hello { version: fields.u16()?, nonce: fields.array()? },
            2 => Self::Exec(Exec::take(fields)?),
            3 => Self::Stdin(fields.rest()),
            4 => Self::StdinClose,
            5 => Self::Resize(Size::take(fields)?),
            6 => Self::Signal(fields.u8()?),
            7 => Self::Kill,
            8 => Self::Credit(fields.u32()?),
            9 => {
                let has_offset = fields.bool()?;
                let offset = Some(fields.u64()?).filter(|_| has_offset);
                Self::Read { offset, bytes_max: fields.u64()?, path: fields.rest() }
            }
            10 => Self::Write { path: fields.rest() },
            11 => Self::Chunk(fields.rest()),
            12 => Self::Commit,
            13 => Self::Remove { path: fields.rest() },
            14 => Self::Rename { from: fields.bytes()?, to: fields.rest() },
            15 => Self::Stat { path: fields.rest() },
            16 => Self::List { entries_max: fields.u32()?, path: fields.rest() },
            17 => Self::RealPath { path: fields.rest() },
            _ => return None,
        })
    }

    fn kind(&self) -> u8 {
        match self {
            Self::Hello { .. } => 1,
            Self::Exec(_) => 2,
            Self::Stdin(_) => 3,
            Self::StdinClose => 4,
            Self::Resize(_) => 5,
            Self::Signal(_) => 6,
            Self::Kill => 7,
            Self::Credit(_) => 8,
            Self::Read { .. } => 9,
            Self::Write { .. } => 10,
            Self::Chunk(_) => 11,
            Self::Commit => 12,
            Self::Remove { .. } => 13,
            Self::Rename { .. } => 14,
            Self::Stat { .. } => 15,
            Self::List { .. } => 16,
            Self::RealPath { .. } => 17,
        }
    }
}

impl<'a> Exec<'a> {
    fn append(&self, out: &mut Vec<u8>) {
        append_count(out, self.argv.len());
        for word in &self.argv {
            append_bytes(out, word);
        }
        append_count(out, self.env.len());
        for (name, value) in &self.env {
            append_bytes(out, name);
            append_bytes(out, value);
        }
        append_bytes(out, self.cwd);
        out.push(u8::from(self.pty.is_some()));
        self.pty.unwrap_or(Size { columns: 0, rows: 0 }).append(out);
        out.push(u8::from(self.has_stdin));
        out.push(u8::from(self.keeps_leftovers));
        out.extend_from_slice(&self.credit.to_le_bytes());
        append_count(out, self.stamps.len());
        for (path, stamp) in &self.stamps {
            append_bytes(out, path);
            out.extend_from_slice(&stamp.to_le_bytes());
        }
    }

    fn take(fields: &mut Fields<'a>) -> Option<Self> {
        let argv = fields.list(Fields::bytes)?;
        let env = fields.list(|pair| Some((pair.bytes()?, pair.bytes()?)))?;
        let cwd = fields.bytes()?;
        let has_pty = fields.bool()?;
        let pty = Some(Size::take(fields)?).filter(|_| has_pty);
        Some(Self {
            argv,
            env,
            cwd,
            pty,
            has_stdin: fields.bool()?,
            keeps_leftovers: fields.bool()?,
            credit: fields.u32()?,
            stamps: fields.list(|pair| Some((pair.bytes()?, pair.u64()?)))?,
        })
    }
}

impl Size {
    fn append(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.columns.to_le_bytes());
        out.extend_from_slice(&self.rows.to_le_bytes());
    }

    fn take(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self { columns: fields.u16()?, rows: fields.u16()? })
    }
}
