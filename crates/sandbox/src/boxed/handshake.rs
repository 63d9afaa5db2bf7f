//! The beginning of a link: our hello, and its answer in whatever was still on its way.

use std::{collections::BTreeMap, io, sync::Arc, time::Duration};

use boxd::{FRAME_BYTES_MAX, PREAMBLE, Reply, Request, VERSION, frame};
use bytes::{Buf, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::timeout,
};

use super::error::LinkError;

/// Most bytes for an earlier gateway that are skipped: what the servant and the pipes between
/// can hold, many times over.
const SKIPPED_BYTES_MAX: usize = 8 * 1024 * 1024;

/// How to begin a link.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whether somebody may have spoken on this stream before.
    pub attach: Attach,
    /// A file that the sandbox must see.
    pub marker: Option<Marker>,
    /// How long the servant may take for its hello.
    pub hello_max: Duration,
    /// How long the servant may take for an answer, and for a whole file.
    pub answer_max: Duration,
}

impl Options {
    /// The usual times, and no marker.
    pub fn new(attach: Attach) -> Self {
        let (hello_max, answer_max) = (Duration::from_secs(10), Duration::from_mins(1));
        Self { attach, marker: None, hello_max, answer_max }
    }
}

/// Whether somebody may have spoken on a stream before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attach {
    /// Nobody has.
    First,
    /// An earlier gateway may have left half a frame.
    Again,
}

/// A file that proves that the sandbox sees the directory that it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    /// As the sandbox sees it.
    pub path: String,
    /// What it holds.
    pub contents: Vec<u8>,
}

/// What the servant says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hello {
    pub(super) uid: u32,
    pub(super) is_pid1: bool,
    pub(super) facts: BTreeMap<String, String>,
}

/// Says hello and waits for the answer; also gives back what came after it.
pub(super) async fn greet(
    reader: &mut (impl AsyncRead + Unpin),
    writer: &mut (impl AsyncWrite + Unpin),
    options: &Options,
) -> Result<(Hello, BytesMut), LinkError> {
    let mut nonce = [0; 16];
    getrandom::fill(&mut nonce).map_err(|error| broken(io::Error::other(error)))?;
    let mut greeting = match options.attach {
        Attach::First => Vec::new(),
        Attach::Again => vec![0; FRAME_BYTES_MAX],
    };
    greeting.extend_from_slice(&PREAMBLE);
    Request::Hello { version: VERSION, nonce }.append(0, &mut greeting)?;
    let said = async {
        writer.write_all(&greeting).await.map_err(broken)?;
        writer.flush().await.map_err(broken)
    };
    // At once: the servant may be stuck in saying something to an earlier gateway.
    let both = async { tokio::try_join!(said, answer(reader, nonce)) };
    match timeout(options.hello_max, both).await {
        Ok(outcome) => outcome.map(|((), answer)| answer),
        Err(_) => Err(LinkError::Silent { within: options.hello_max }),
    }
}

pub(super) fn broken(error: io::Error) -> LinkError {
    LinkError::Broken(Arc::new(error))
}

async fn answer(
    reader: &mut (impl AsyncRead + Unpin),
    nonce: [u8; 16],
) -> Result<(Hello, BytesMut), LinkError> {
    let start: Vec<u8> = [PREAMBLE, nonce].concat();
    let (mut inbox, mut skipped) = (BytesMut::new(), 0_usize);
    loop {
        if let Some(at) = inbox.windows(start.len()).position(|window| window == start) {
            inbox.advance(at + start.len());
            break;
        }
        let done = inbox.len().saturating_sub(start.len() - 1);
        inbox.advance(done);
        skipped += done;
        if skipped > SKIPPED_BYTES_MAX {
            return Err(LinkError::Rule { rule: "no end of output from before the hello" });
        }
        read_more(reader, &mut inbox).await?;
    }
    loop {
        if let Some((frame, whole)) = frame::parse(&inbox)? {
            let Reply::Hello { version, uid, is_pid1, facts } = Reply::parse(frame)? else {
                return Err(LinkError::Rule { rule: "something else than a hello" });
            };
            if version != VERSION {
                return Err(LinkError::Version { theirs: version });
            }
            let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
            let facts = facts.into_iter().map(|(name, bytes)| (text(name), text(bytes))).collect();
            inbox.advance(whole);
            return Ok((Hello { uid, is_pid1, facts }, inbox));
        }
        read_more(reader, &mut inbox).await?;
    }
}

async fn read_more(
    reader: &mut (impl AsyncRead + Unpin),
    inbox: &mut BytesMut,
) -> Result<(), LinkError> {
    inbox.reserve(4096);
    match reader.read_buf(inbox).await {
        Ok(0) => Err(LinkError::Closed),
        Ok(_) => Ok(()),
        Err(error) => Err(broken(error)),
    }
}
