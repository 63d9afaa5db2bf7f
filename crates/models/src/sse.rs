//! Server-sent events out of a byte stream, with a bound on one event.
//!
//! Repairs what providers do to the standard: a last event without a blank line still counts,
//! events without data are skipped. Knows no dialect.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream::BoxStream};
use sse_stream::{ByteStreamBody, SseStream};

/// Most bytes of one event.
pub const EVENT_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Why no event could be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SseError {
    /// The bytes stopped coming.
    #[error("the byte stream broke")]
    Transport(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// One event is larger than [`EVENT_BYTES_MAX`].
    #[error("an event exceeds {EVENT_BYTES_MAX} bytes")]
    TooLarge,
    /// The bytes are no event stream.
    #[error("not an event stream: {0}")]
    Malformed(String),
}

/// The `data` of each event, in order.
pub struct Events {
    inner: SseStream<ByteStreamBody<Bounded, Bytes>>,
}

impl Events {
    /// Reads events out of `bytes`.
    pub fn new<E>(bytes: impl Stream<Item = Result<Bytes, E>> + Send + 'static) -> Self
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
    {
        let bytes = bytes.map(|chunk| chunk.map_err(|error| SseError::Transport(error.into())));
        let bounded = Bounded { inner: Some(bytes.boxed()), pending: 0, line_empty: true };
        Self { inner: SseStream::from_bytes_stream(bounded) }
    }

    /// The next event that has data; `None` at the end. Cancel-safe.
    pub async fn next(&mut self) -> Option<Result<String, SseError>> {
        loop {
            match self.inner.next().await? {
                Ok(sse_stream::Sse { data: Some(data), .. }) => return Some(Ok(data)),
                Ok(sse_stream::Sse { data: None, .. }) => {}
                Err(sse_stream::Error::Body(error)) => {
                    return Some(Err(match error.downcast::<SseError>() {
                        Ok(ours) => *ours,
                        Err(other) => SseError::Transport(other),
                    }));
                }
                Err(other) => return Some(Err(SseError::Malformed(other.to_string()))),
            }
        }
    }
}

/// Passes bytes on, fails when no blank line comes in time, and ends with a blank line.
struct Bounded {
    /// `None` once it has ended.
    inner: Option<BoxStream<'static, Result<Bytes, SseError>>>,
    /// Bytes since the last blank line.
    pending: usize,
    /// Whether the current line has no byte yet.
    line_empty: bool,
}

impl Bounded {
    /// Counts `chunk`; whether the event it belongs to is still small enough.
    fn fits(&mut self, chunk: &[u8]) -> bool {
        for &byte in chunk {
            self.pending += 1;
            match byte {
                b'\n' if self.line_empty => self.pending = 0,
                b'\n' => self.line_empty = true,
                b'\r' => {}
                _ => self.line_empty = false,
            }
            if self.pending > EVENT_BYTES_MAX {
                return false;
            }
        }
        true
    }
}

impl Stream for Bounded {
    type Item = Result<Bytes, SseError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(inner) = self.inner.as_mut() else { return Poll::Ready(None) };
        match inner.poll_next_unpin(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(None) => {
                self.inner = None;
                Poll::Ready(Some(Ok(Bytes::from_static(b"\n\n"))))
            }
            Poll::Ready(Some(Ok(chunk))) if self.fits(&chunk) => Poll::Ready(Some(Ok(chunk))),
            Poll::Ready(Some(Ok(_))) => {
                self.inner = None;
                Poll::Ready(Some(Err(SseError::TooLarge)))
            }
            Poll::Ready(Some(Err(error))) => {
                self.inner = None;
                Poll::Ready(Some(Err(error)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(chunks: Vec<Bytes>) -> Result<Vec<String>, SseError> {
        let bytes = futures_util::stream::iter(chunks.into_iter().map(Ok::<_, std::io::Error>));
        let mut events = Events::new(bytes);
        futures_util::FutureExt::now_or_never(async {
            let mut all = Vec::new();
            while let Some(event) = events.next().await {
                all.push(event?);
            }
            Ok(all)
        })
        .expect("an in-memory stream is always ready")
    }

    #[test]
    fn a_last_event_without_a_blank_line_counts() {
        let events = read(vec![Bytes::from_static(b"data: a\n\nevent: x\n\ndata: b")]).unwrap();

        assert_eq!(events, ["a", "b"]);
    }

    #[test]
    fn an_endless_event_is_refused() {
        let chunk = Bytes::from(vec![b'x'; 1024 * 1024]);
        let mut chunks = vec![Bytes::from_static(b"data: ")];
        chunks.extend(std::iter::repeat_n(chunk, 9));

        assert!(matches!(read(chunks), Err(SseError::TooLarge)));
    }

    #[test]
    fn many_events_may_together_exceed_the_bound() {
        let event = Bytes::from(format!("data: {}\r\n\r\n", "x".repeat(1024 * 1024)));

        assert_eq!(read(vec![event; 10]).unwrap().len(), 10);
    }

    #[test]
    fn what_is_no_event_stream_is_said_to_be_none() {
        let error = read(vec![Bytes::from_static(b"<html>\n<body>hi</body>")]).unwrap_err();

        assert_eq!(error.to_string(), "not an event stream: invalid line");
    }

    proptest! {
        #[test]
        fn events_do_not_depend_on_where_the_bytes_are_cut(cuts in prop::collection::vec(1_usize..9, 1..40)) {
            let text = "\u{feff}: hi\r\ndata: \u{e4}\u{20ac}\u{1f600}\r\n\r\nevent: x\ndata: 1\ndata: 2\n\ndata: end";
            let mut rest = Bytes::from_static(text.as_bytes());
            let mut chunks = Vec::new();
            for cut in cuts.iter().cycle() {
                if rest.is_empty() { break; }
                chunks.push(rest.split_to((*cut).min(rest.len())));
            }

            prop_assert_eq!(read(chunks).unwrap(), ["\u{e4}\u{20ac}\u{1f600}", "1\n2", "end"]);
        }
    }
}
