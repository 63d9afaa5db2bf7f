//! The task that owns a link's stream.
//!
//! It alone reads and writes, so requests go out whole and answers are judged in order. It
//! never waits for a caller: answers go to queues that cannot be full (see [`super::table`]).

use std::{collections::VecDeque, io, sync::Arc};

use boxd::{CHUNK_BYTES_MAX, FRAME_BYTES_MAX, Reply, Request, frame};
use bytes::{Buf, Bytes, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::mpsc,
};

use super::{
    error::LinkError,
    handshake::broken,
    link::Shared,
    table::{Call, Table},
};

/// Requests that may wait for the owner. When full, the asker waits.
pub(super) const MAIL_MAX: usize = 32;

/// Bytes that may wait to be written before no more requests are taken. Files leave room for
/// requests between their chunks.
const OUT_BYTES_MAX: usize = 3 * CHUNK_BYTES_MAX;

/// Files that may be written at once before no more requests are taken.
const FILES_MAX: usize = 16;

/// What is read at once when it is not known how much will come.
const READ_BYTES: usize = 32 * 1024;

/// What the owner is asked to do.
#[derive(Debug)]
pub(super) enum Mail {
    /// A request that is to be answered.
    Ask { id: u32, frame: Vec<u8>, call: Call },
    /// A file to write, likewise.
    Write { id: u32, frame: Vec<u8>, call: Call, bytes: Bytes },
    /// A word about a command, for which there is no answer.
    Tell { id: u32, frame: Vec<u8> },
    /// Credit for a command.
    Credit { id: u32, bytes: u32 },
}

/// The stream and what is on its way in both directions.
pub(super) struct Owner<R, W> {
    pub(super) reader: R,
    pub(super) writer: W,
    pub(super) mail: mpsc::Receiver<Mail>,
    pub(super) inbox: BytesMut,
    pub(super) shared: Arc<Shared>,
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Owner<R, W> {
    /// Runs until the link ends or nobody needs it any more.
    pub(super) async fn run(self) {
        let shared = Arc::clone(&self.shared);
        let why = tokio::select! {
            biased;
            () = shared.stopped() => LinkError::Stopped,
            ended = self.serve() => ended.err().unwrap_or(LinkError::Stopped),
        };
        shared.end(why);
    }

    async fn serve(mut self) -> Result<(), LinkError> {
        let mut table = Table::default();
        let mut out = Out::default();
        let mut is_wanted = true;
        take(&mut self.inbox, &mut table)?;
        while is_wanted || !table.is_empty() {
            out.refill(&table)?;
            tokio::select! {
                biased;
                written = out.write(&mut self.writer), if out.is_waiting() => {
                    written.map_err(broken)?;
                }
                read = read(&mut self.reader, &mut self.inbox) => {
                    if read.map_err(broken)? == 0 {
                        return Err(LinkError::Closed);
                    }
                    take(&mut self.inbox, &mut table)?;
                }
                mail = self.mail.recv(), if is_wanted && out.has_room() => match mail {
                    Some(mail) => out.post(mail, &mut table)?,
                    None => is_wanted = false,
                },
            }
        }
        Ok(())
    }
}

/// Reads once, with as much room as the frame that has begun needs.
async fn read(reader: &mut (impl AsyncRead + Unpin), inbox: &mut BytesMut) -> io::Result<usize> {
    // A length that is not sound was refused before.
    let whole = frame::whole(inbox).ok().flatten().unwrap_or(0).min(FRAME_BYTES_MAX);
    inbox.reserve(whole.saturating_sub(inbox.len()).max(READ_BYTES));
    reader.read_buf(inbox).await
}

/// Takes all frames that are whole.
fn take(inbox: &mut BytesMut, table: &mut Table) -> Result<(), LinkError> {
    while let Some((frame, whole)) = frame::parse(inbox)? {
        table.take(frame.id, &Reply::parse(frame)?)?;
        inbox.advance(whole);
    }
    if inbox.is_empty() && inbox.capacity() > CHUNK_BYTES_MAX {
        *inbox = BytesMut::new();
    }
    Ok(())
}

/// What is to be written.
#[derive(Default)]
struct Out {
    bytes: BytesMut,
    /// Files whose bytes are not all in `bytes` yet, each in its turn.
    files: VecDeque<(u32, Bytes)>,
    is_flushed: bool,
}

impl Out {
    fn is_waiting(&self) -> bool {
        !self.bytes.is_empty() || !self.is_flushed
    }

    fn has_room(&self) -> bool {
        self.bytes.len() < OUT_BYTES_MAX && self.files.len() < FILES_MAX
    }

    async fn write(&mut self, writer: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        if self.bytes.is_empty() {
            writer.flush().await?;
            self.is_flushed = true;
            return Ok(());
        }
        if writer.write_buf(&mut self.bytes).await? == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        if self.bytes.is_empty() {
            self.bytes = BytesMut::new();
        }
        Ok(())
    }

    fn post(&mut self, mail: Mail, table: &mut Table) -> Result<(), LinkError> {
        match mail {
            Mail::Ask { id, frame, call } => {
                table.ask(id, call);
                self.push(&frame);
            }
            Mail::Write { id, frame, call, bytes } => {
                table.ask(id, call);
                self.push(&frame);
                self.files.push_back((id, bytes));
            }
            Mail::Tell { id, frame } if table.is_open(id) => self.push(&frame),
            Mail::Credit { id, bytes } if table.is_open(id) => {
                table.grant(id, bytes);
                let mut frame = Vec::new();
                Request::Credit(bytes).append(id, &mut frame)?;
                self.push(&frame);
            }
            // The command has ended in the meantime.
            Mail::Tell { .. } | Mail::Credit { .. } => {}
        }
        Ok(())
    }

    /// Goes on with the files, as far as there is room.
    fn refill(&mut self, table: &Table) -> Result<(), LinkError> {
        while self.bytes.len() < CHUNK_BYTES_MAX
            && let Some((id, mut bytes)) = self.files.pop_front()
        {
            // One that has failed already needs nothing more.
            if !table.is_open(id) {
                continue;
            }
            let mut frame = Vec::new();
            if bytes.is_empty() {
                Request::Commit.append(id, &mut frame)?;
            } else {
                let chunk = bytes.split_to(bytes.len().min(CHUNK_BYTES_MAX));
                Request::Chunk(&chunk).append(id, &mut frame)?;
                self.files.push_back((id, bytes));
            }
            self.push(&frame);
        }
        Ok(())
    }

    fn push(&mut self, frame: &[u8]) {
        self.bytes.extend_from_slice(frame);
        self.is_flushed = false;
    }
}
