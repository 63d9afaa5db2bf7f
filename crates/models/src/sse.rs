//! Events out of a byte stream, with bounds.
//!
//! Servers label their answers wrongly, so the first byte decides what the stream is: lines of
//! server-sent events, or JSON texts one after the other (one whole reply, one text a line, or a
//! list of them). Beside the standard, a last event without a blank line counts, and so do
//! events that only a line break parts, and a line that is a JSON object without `data:`. Lines
//! and events that say nothing are skipped. Knows no dialect.

use std::mem;

use bytes::{Buf as _, Bytes};
use futures_util::{Stream, StreamExt, stream::BoxStream};

use crate::bounds::{EVENT_BYTES_MAX, IDLE_BYTES_MAX};

/// Why no event could be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SseError {
    /// The bytes stopped coming.
    #[error("the byte stream broke")]
    Transport(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// One event is larger than 4 MiB.
    #[error("the reply was cut: one event of it is larger than {} MiB", EVENT_BYTES_MAX >> 20)]
    TooLarge,
    /// 16 MiB came and nothing of a reply among them.
    #[error("the reply was cut: {} MiB came that are no part of it", IDLE_BYTES_MAX >> 20)]
    NoProgress,
    /// The bytes are a web page.
    #[error("the server answered with a web page; is `baseUrl` right?")]
    WebPage,
}

/// The `data` of each event, in order.
pub struct Events {
    bytes: BoxStream<'static, Result<Bytes, SseError>>,
    chunk: Bytes,
    reader: Reader,
    /// Bytes read since a piece of the reply came.
    idle: usize,
    ended: bool,
}

impl Events {
    /// Reads events out of `bytes`.
    pub fn new<E>(bytes: impl Stream<Item = Result<Bytes, E>> + Send + 'static) -> Self
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
    {
        let bytes = bytes.map(|chunk| chunk.map_err(|error| SseError::Transport(error.into())));
        let bytes = bytes.boxed();
        Self { bytes, chunk: Bytes::new(), reader: Reader::Unknown, idle: 0, ended: false }
    }

    /// The next event that has data; `None` at the end. Cancel-safe.
    pub async fn next(&mut self) -> Option<Result<String, SseError>> {
        loop {
            if self.chunk.is_empty() {
                if self.ended {
                    return None;
                }
                match self.bytes.next().await {
                    Some(Ok(chunk)) => self.chunk = chunk,
                    Some(Err(error)) => {
                        self.ended = true;
                        return Some(Err(error));
                    }
                    None => {
                        self.ended = true;
                        return self.reader.rest().map(Ok);
                    }
                }
            }
            let before = self.chunk.len();
            let event = self.reader.read(&mut self.chunk);
            self.idle += before - self.chunk.len();
            let event = match event {
                Ok(None | Some(_)) if self.idle > IDLE_BYTES_MAX => Err(SseError::NoProgress),
                Ok(None) => continue,
                Ok(Some(event)) => Ok(event),
                Err(error) => Err(error),
            };
            if event.is_err() {
                self.ended = true;
                self.chunk = Bytes::new();
            }
            return Some(event);
        }
    }

    /// Says that the last event brought a piece of the reply.
    pub fn progressed(&mut self) {
        self.idle = 0;
    }
}

/// Finds events in bytes.
enum Reader {
    /// Nothing but blanks came.
    Unknown,
    Lines(Lines),
    Json(Json),
}

impl Reader {
    /// Takes bytes off `chunk` until an event is whole or none are left.
    fn read(&mut self, chunk: &mut Bytes) -> Result<Option<String>, SseError> {
        loop {
            match self {
                Self::Unknown => {
                    // A byte order mark is three bytes that begin nothing else.
                    let is_blank = |byte: &u8| {
                        byte.is_ascii_whitespace() || matches!(byte, 0xef | 0xbb | 0xbf)
                    };
                    let start = chunk.iter().position(|byte| !is_blank(byte));
                    chunk.advance(start.unwrap_or(chunk.len()));
                    match chunk.first() {
                        None => return Ok(None),
                        Some(b'<') => return Err(SseError::WebPage),
                        Some(b'{' | b'[') => *self = Self::Json(Json::default()),
                        Some(_) => *self = Self::Lines(Lines::default()),
                    }
                }
                Self::Lines(lines) => return lines.read(chunk),
                Self::Json(json) => return json.read(chunk),
            }
        }
    }

    /// What is left at the end, if it is an event.
    fn rest(&mut self) -> Option<String> {
        match self {
            Self::Unknown | Self::Json(_) => None,
            Self::Lines(lines) => {
                let line = mem::take(&mut lines.line);
                lines.end_line(&line).or_else(|| lines.end_event())
            }
        }
    }
}

/// Server-sent events.
#[derive(Default)]
struct Lines {
    line: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    /// Whether the byte before was a carriage return, which a line feed belongs to.
    after_return: bool,
}

impl Lines {
    fn read(&mut self, chunk: &mut Bytes) -> Result<Option<String>, SseError> {
        while !chunk.is_empty() {
            if mem::take(&mut self.after_return) && chunk.first() == Some(&b'\n') {
                chunk.advance(1);
                continue;
            }
            let end = chunk.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let piece = chunk.split_to(end.unwrap_or(chunk.len()));
            if self.line.len() + self.data.len() + piece.len() > EVENT_BYTES_MAX {
                return Err(SseError::TooLarge);
            }
            if end.is_none() {
                self.line.extend_from_slice(&piece);
                return Ok(None);
            }
            self.after_return = chunk.first() == Some(&b'\r');
            chunk.advance(1);
            let event = if self.line.is_empty() {
                self.end_line(&piece)
            } else {
                let mut line = mem::take(&mut self.line);
                line.extend_from_slice(&piece);
                self.end_line(&line)
            };
            if event.is_some() {
                return Ok(event);
            }
        }
        Ok(None)
    }

    /// Takes in a line; gives the event that it ends.
    fn end_line(&mut self, line: &[u8]) -> Option<String> {
        if line.is_empty() {
            return self.end_event();
        }
        if line.first() == Some(&b'{') {
            let before = self.end_event();
            if before.is_none() {
                return Some(String::from_utf8_lossy(line).into_owned());
            }
            self.put(line);
            return before;
        }
        let value = line.strip_prefix(b"data")?;
        let value = if value.is_empty() { value } else { value.strip_prefix(b":")? };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        // Some servers forget the blank line between events.
        let is_whole = self.data.first() == Some(&b'{') && self.data.last() == Some(&b'}');
        let begins = value.first() == Some(&b'{') || value == b"[DONE]";
        let before = if is_whole && begins { self.end_event() } else { None };
        self.put(value);
        before
    }

    fn put(&mut self, value: &[u8]) {
        if self.has_data {
            self.data.push(b'\n');
        }
        self.has_data = true;
        self.data.extend_from_slice(value);
    }

    fn end_event(&mut self) -> Option<String> {
        self.has_data = false;
        let data = mem::take(&mut self.data);
        let data = match String::from_utf8(data) {
            Ok(data) => data,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        };
        (!data.trim().is_empty()).then_some(data)
    }
}

/// JSON objects, one after the other or in a list.
#[derive(Default)]
struct Json {
    object: Vec<u8>,
    depth: usize,
    in_text: bool,
    is_escaped: bool,
}

impl Json {
    fn read(&mut self, chunk: &mut Bytes) -> Result<Option<String>, SseError> {
        let mut end = None;
        let mut start = 0;
        for (at, &byte) in chunk.iter().enumerate() {
            if self.depth == 0 && byte != b'{' {
                start = at + 1;
                continue;
            }
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' if self.in_text => self.is_escaped = true,
                b'"' => self.in_text = !self.in_text,
                b'{' | b'[' if !self.in_text => self.depth += 1,
                b'}' | b']' if !self.in_text => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
            if self.depth == 0 {
                end = Some(at + 1);
                break;
            }
        }
        let piece = chunk.split_to(end.unwrap_or(chunk.len()));
        let piece = piece.get(start..).unwrap_or_default();
        if self.object.len() + piece.len() > EVENT_BYTES_MAX {
            return Err(SseError::TooLarge);
        }
        self.object.extend_from_slice(piece);
        Ok(end.map(|_| String::from_utf8_lossy(&mem::take(&mut self.object)).into_owned()))
    }
}

#[cfg(test)]
mod tests;
