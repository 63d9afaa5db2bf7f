//! The servant's pipe: the attached stream of a container as a reader and a writer.
//!
//! The engine frames output and errors; here they are taken apart. What the servant says on
//! its error stream is kept for the message that tells why it ended.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
};

use bollard::container::LogOutput;
use futures_util::StreamExt;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::{io::StreamReader, sync::CancellationToken};

use super::{client::Client, error::Error};

/// Most of the error stream that is kept.
const COMPLAINT_BYTES_MAX: usize = 4 * 1024;

/// Both ends of a servant's pipe.
pub(crate) struct Attached {
    pub(crate) reader: Pin<Box<dyn AsyncRead + Send>>,
    pub(crate) writer: Pin<Box<dyn AsyncWrite + Send>>,
    pub(crate) watch: Watch,
}

/// What can be known of a pipe from outside.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watch {
    /// Cancelled once the reader ended, failed or was dropped.
    pub(crate) gone: CancellationToken,
    complaint: Arc<Mutex<Vec<u8>>>,
}

impl Watch {
    /// What came on the error stream.
    pub(crate) fn complaint(&self) -> String {
        let complaint = self.complaint.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&complaint).trim().to_owned()
    }

    fn hear(&self, bytes: &[u8]) {
        let mut complaint = self.complaint.lock().unwrap_or_else(PoisonError::into_inner);
        let room = COMPLAINT_BYTES_MAX.saturating_sub(complaint.len());
        complaint.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
}

/// Attaches to a container, which need not run yet.
pub(crate) async fn attach(client: &Client, name: &str) -> Result<Attached, Error> {
    let attached = client.attach(name).await?;
    let watch = Watch::default();
    let (heard, guard) = (watch.clone(), watch.gone.clone().drop_guard());
    let bytes = attached.output.filter_map(move |piece| {
        // The guard lives as long as the reader.
        let _ = &guard;
        let outcome = match piece {
            Ok(LogOutput::StdErr { message }) => {
                heard.hear(&message);
                None
            }
            Ok(other) => Some(Ok(other.into_bytes())),
            Err(error) => Some(Err(io::Error::other(error))),
        };
        std::future::ready(outcome)
    });
    let gone = watch.gone.clone();
    let end = futures_util::stream::once(async move {
        gone.cancel();
        Ok(bytes::Bytes::new())
    });
    let reader = Box::pin(StreamReader::new(bytes.chain(end)));
    Ok(Attached { reader, writer: attached.input, watch })
}
