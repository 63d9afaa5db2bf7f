//! One frame: how it lies in the stream, and how a stream that was cut is found again.
//!
//! ```text
//!  bytes  4         1     4    0..           1
//!        ┌─────────┬──────┬────┬─────────┬─────┐
//!        │ length  │ kind │ id │ payload │ END │   numbers are little-endian;
//!        └─────────┴──────┴────┴─────────┴─────┘   `length` counts what follows it
//! ```
//!
//! A gateway may die in the middle of a frame, and the next one attaches to the same pipe. So
//! each connection begins with [`FRAME_BYTES_MAX`] zeros, which complete any frame that was
//! cut (its last byte is then not END), and the [`PREAMBLE`], which no zeros contain. After a
//! broken frame the servant drops that frame whole and looks for the preamble. Payload of the
//! old connection is never looked at for it, or a file's text could speak for a gateway.

/// Version of this protocol; both sides must have the same.
pub const VERSION: u16 = 4;

/// Most bytes of a frame, with its length.
pub const FRAME_BYTES_MAX: usize = 256 * 1024;

/// Most bytes of output, input or file contents in one frame.
pub const CHUNK_BYTES_MAX: usize = 32 * 1024;

/// What the frames of a connection follow on, in both directions.
pub const PREAMBLE: [u8; 16] = *b"\nopenclaw-boxd\x00\x01";

const LENGTH_BYTES: usize = 4;
const END: u8 = 0xed;

/// Bytes of a frame beside its payload.
const AROUND_PAYLOAD_BYTES: usize = LENGTH_BYTES + 1 + 4 + 1;

const _: () = {
    assert!(CHUNK_BYTES_MAX * 2 < FRAME_BYTES_MAX);
    assert!(END != 0);
};

/// A frame as it lies in a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Which message.
    pub kind: u8,
    /// Which command or request it is about.
    pub id: u32,
    /// The rest of the message.
    pub payload: &'a [u8],
}

/// Why bytes are no frame, or a frame no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The length is impossible.
    #[error("a frame of {bytes} bytes")]
    Length {
        /// As announced.
        bytes: u32,
    },
    /// The frame does not end where it should.
    #[error("a frame that was cut")]
    Cut,
    /// There is no such message.
    #[error("a frame of unknown kind {kind}")]
    Kind {
        /// As received.
        kind: u8,
    },
    /// The message of this kind does not look like that.
    #[error("a frame of kind {kind} with a bad payload")]
    Payload {
        /// As received.
        kind: u8,
    },
    /// The message does not fit into a frame.
    #[error("a message too long for a frame")]
    TooLong,
}

/// Takes the first frame of `bytes` and says how many bytes it has; `None` if more are needed.
///
/// # Errors
///
/// [`FrameError::Length`] as soon as the length is there, and [`FrameError::Cut`], for which
/// [`whole`] tells how much to drop.
pub fn parse(bytes: &[u8]) -> Result<Option<(Frame<'_>, usize)>, FrameError> {
    let Some(whole) = whole(bytes)? else { return Ok(None) };
    let Some(frame) = bytes.get(LENGTH_BYTES..whole) else { return Ok(None) };
    let [kind, a, b, c, d, payload @ .., end] = frame else { return Err(FrameError::Cut) };
    if *end != END {
        return Err(FrameError::Cut);
    }
    let id = u32::from_le_bytes([*a, *b, *c, *d]);
    Ok(Some((Frame { kind: *kind, id, payload }, whole)))
}

/// Says how many bytes the first frame of `bytes` has; `None` if its length is not there yet.
///
/// # Errors
///
/// [`FrameError::Length`].
pub fn whole(bytes: &[u8]) -> Result<Option<usize>, FrameError> {
    let Some((length, _)) = bytes.split_first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
    let length = u32::from_le_bytes(*length);
    let whole = usize::try_from(length).map_or(usize::MAX, |it| it.saturating_add(LENGTH_BYTES));
    if (AROUND_PAYLOAD_BYTES..=FRAME_BYTES_MAX).contains(&whole) {
        Ok(Some(whole))
    } else {
        Err(FrameError::Length { bytes: length })
    }
}

/// Appends a frame to `out`; `payload` appends its payload.
///
/// # Errors
///
/// [`FrameError::TooLong`], and then `out` is as it was.
pub fn append(
    out: &mut Vec<u8>,
    kind: u8,
    id: u32,
    payload: impl FnOnce(&mut Vec<u8>),
) -> Result<(), FrameError> {
    let start = out.len();
    out.extend_from_slice(&[0; LENGTH_BYTES]);
    out.push(kind);
    out.extend_from_slice(&id.to_le_bytes());
    payload(out);
    out.push(END);
    let whole = out.len() - start;
    let length = u32::try_from(whole - LENGTH_BYTES).ok().filter(|_| whole <= FRAME_BYTES_MAX);
    if let (Some(length), Some(place)) = (length, out.get_mut(start..start + LENGTH_BYTES)) {
        place.copy_from_slice(&length.to_le_bytes());
        Ok(())
    } else {
        out.truncate(start);
        Err(FrameError::TooLong)
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    #[test]
    fn a_frame_lies_in_the_stream_as_drawn() {
        let mut out = Vec::new();

        append(&mut out, 7, 0x0102_0304, |payload| payload.extend_from_slice(b"hi")).unwrap();

        assert_eq!(out, [8, 0, 0, 0, 7, 4, 3, 2, 1, b'h', b'i', 0xed]);
    }

    #[test]
    fn a_message_that_does_not_fit_leaves_nothing_behind() {
        let mut out = b"before".to_vec();

        let appended = append(&mut out, 1, 1, |payload| payload.resize(2 * FRAME_BYTES_MAX, 1));

        assert_eq!((appended, out.as_slice()), (Err(FrameError::TooLong), b"before".as_slice()));
    }

    proptest! {
        #[test]
        fn frames_come_out_as_they_went_in(
            frames in vec((any::<u8>(), any::<u32>(), vec(any::<u8>(), 0..100)), 0..8),
        ) {
            let mut stream = Vec::new();
            for (kind, id, payload) in &frames {
                append(&mut stream, *kind, *id, |out| out.extend_from_slice(payload)).unwrap();
            }

            let (mut rest, mut parsed) = (stream.as_slice(), Vec::new());
            while let Some((frame, whole)) = parse(rest).unwrap() {
                parsed.push((frame.kind, frame.id, frame.payload.to_vec()));
                rest = &rest[whole..];
            }

            prop_assert_eq!((parsed, rest), (frames, &[][..]));
        }

        #[test]
        fn any_bytes_give_a_frame_a_wish_for_more_or_an_error(bytes in vec(any::<u8>(), 0..400)) {
            if let Ok(Some((frame, whole))) = parse(&bytes) {
                prop_assert!(whole <= bytes.len() && frame.payload.len() < whole);
            }
        }

        #[test]
        fn zeros_complete_a_cut_frame_and_show_that_it_was_cut(
            payload in vec(any::<u8>(), 0..300),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut stream = Vec::new();
            append(&mut stream, 3, 9, |out| out.extend_from_slice(&payload)).unwrap();
            stream.truncate(cut.index(stream.len()));
            stream.resize(stream.len() + FRAME_BYTES_MAX, 0);

            prop_assert!(parse(&stream).is_err());
        }
    }
}
