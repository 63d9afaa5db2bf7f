//! A WebSocket with a meter: before hello only so many bytes are read.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures_util::SinkExt as _;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf},
    net::TcpStream,
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error, Message,
        protocol::{Role, WebSocketConfig},
    },
};

/// Bytes that a client may send before hello.
const UNPROVEN_BYTES_MAX: usize = 64 << 10;
/// Largest message after hello.
pub(crate) const MESSAGE_BYTES_MAX: usize = 25 << 20;
/// Read and write buffers of an idle connection.
const BUFFER_BYTES: usize = 4 << 10;

/// How long an answer to a client that closes may take.
const AGREE_PATIENCE: Duration = Duration::from_secs(1);

/// A WebSocket of a client.
pub(crate) type Socket = WebSocketStream<Metered>;

/// A TCP stream that stops reading at a limit until the limit is lifted.
pub(crate) struct Metered {
    inner: TcpStream,
    left: Option<usize>,
}

/// Makes a WebSocket of a stream whose upgrade was answered.
pub(crate) async fn open(inner: TcpStream, read_ahead: &[u8]) -> Socket {
    let config = WebSocketConfig::default()
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(BUFFER_BYTES)
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX));
    let stream = Metered { inner, left: Some(UNPROVEN_BYTES_MAX) };
    if read_ahead.is_empty() {
        WebSocketStream::from_raw_socket(stream, Role::Server, Some(config)).await
    } else {
        let part = read_ahead.to_vec();
        WebSocketStream::from_partially_read(stream, part, Role::Server, Some(config)).await
    }
}

/// Sends a text frame.
///
/// A long one goes to the wire directly: in the write buffer it would leave room of its size
/// behind for as long as the connection lives.
pub(crate) async fn feed(socket: &mut Socket, text: String) -> Result<(), Error> {
    if text.len() <= BUFFER_BYTES {
        return socket.feed(Message::text(text)).await;
    }
    socket.flush().await?;
    let stream = socket.get_mut();
    stream.write_all(&head(text.len())).await?;
    stream.write_all(text.as_bytes()).await?;
    Ok(())
}

/// Answers a client that closes, so that it knows the end for a clean one.
pub(crate) async fn agree(socket: &mut Socket) {
    // The answer is queued since the client's frame was read.
    let _the_client_may_be_gone = timeout(AGREE_PATIENCE, socket.flush()).await;
}

/// The head of an unmasked, unbroken text frame (RFC 6455, section 5.2).
fn head(bytes: usize) -> Vec<u8> {
    const FIN_TEXT: u8 = 0x81;
    let mut head = vec![FIN_TEXT];
    match (u8::try_from(bytes), u16::try_from(bytes)) {
        (Ok(bytes), _) if bytes < 126 => head.push(bytes),
        (_, Ok(bytes)) => {
            head.push(126);
            head.extend_from_slice(&bytes.to_be_bytes());
        }
        _ => {
            head.push(127);
            head.extend_from_slice(&(bytes as u64).to_be_bytes());
        }
    }
    head
}

impl Metered {
    /// Lifts the limit.
    pub(crate) fn lift(&mut self) {
        self.left = None;
    }
}

impl AsyncRead for Metered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.left == Some(0) {
            return Poll::Ready(Err(io::Error::other("too many bytes before the handshake")));
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        let read = buf.filled().len() - before;
        self.left = self.left.map(|left| left.saturating_sub(read));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Metered {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_have_the_three_lengths_of_the_standard() {
        assert_eq!(head(125), [0x81, 125]);
        assert_eq!(head(126), [0x81, 126, 0, 126]);
        assert_eq!(head(65_535), [0x81, 126, 0xff, 0xff]);
        assert_eq!(head(65_536), [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
    }
}
