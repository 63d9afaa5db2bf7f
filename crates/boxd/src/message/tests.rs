//! Each message comes out as it went in, and no bytes make a parser panic.

use proptest::{collection::vec, option, prelude::*};

use super::*;
use crate::frame::{self, Frame, FrameError};

type Text = Vec<u8>;

/// Numbers and texts that any message can be made of.
#[derive(Clone, Debug)]
struct Stuff {
    number: u64,
    size: u32,
    sign: i32,
    flags: (bool, bool),
    texts: Vec<Text>,
    text: Text,
    other: Option<u64>,
}

fn stuff() -> impl Strategy<Value = Stuff> {
    let text = || vec(any::<u8>(), 1..40);
    (
        any::<u64>(),
        any::<u32>(),
        any::<i32>(),
        any::<(bool, bool)>(),
        vec(text(), 0..6),
        text(),
        option::of(any::<u64>()),
    )
        .prop_map(|(number, size, sign, flags, texts, text, other)| Stuff {
            number,
            size,
            sign,
            flags,
            texts,
            text,
            other,
        })
}

#[expect(clippy::cast_possible_truncation, reason = "any number will do")]
fn requests(it: &Stuff) -> Vec<Request<'_>> {
    let path = it.text.as_slice();
    let size = Size { columns: it.number as u16, rows: it.size as u16 };
    vec![
        Request::Hello { version: it.size as u16, nonce: [it.number as u8; 16] },
        Request::Exec(Exec {
            argv: it.texts.iter().map(Vec::as_slice).collect(),
            env: it.texts.iter().map(|text| (text.as_slice(), path)).collect(),
            cwd: path,
            pty: it.other.map(|_| size),
            has_stdin: it.flags.0,
            keeps_leftovers: it.flags.1,
            credit: it.size,
            stamps: it.texts.iter().map(|text| (text.as_slice(), it.number)).collect(),
        }),
        Request::Stdin(path),
        Request::StdinClose,
        Request::Resize(size),
        Request::Signal(it.number as u8),
        Request::Kill,
        Request::Credit(it.size),
        Request::Read { offset: it.other, bytes_max: it.number, path },
        Request::Write { path },
        Request::Chunk(path),
        Request::Commit,
        Request::Remove { path },
        Request::Rename { from: path, to: path },
        Request::Stat { path },
        Request::List { entries_max: it.size, path },
        Request::RealPath { path },
    ]
}

fn replies(it: &Stuff) -> Vec<Reply<'_>> {
    let bytes = it.text.as_slice();
    let stat = |kind| Stat { kind, bytes: it.number, mode: it.size, stamp: it.number };
    let exit = |ended| Reply::Exit {
        ended,
        killed: it.size,
        survivors: it.size,
        ran_short: it.size % 2 == 1,
    };
    let failures = [
        Failure::NotFound,
        Failure::TooLarge { bytes: it.number },
        Failure::NotAFile,
        Failure::NoWorkdir,
        Failure::Denied,
        Failure::ReadOnly,
        Failure::NoSpace,
        Failure::Invalid,
        Failure::Stale,
        Failure::Altered,
        Failure::Other { errno: it.sign.saturating_abs() },
    ];
    let mut replies = vec![
        Reply::Hello {
            version: 3,
            uid: it.size,
            is_pid1: it.flags.0,
            facts: vec![(bytes, bytes), (bytes, b"")],
        },
        Reply::Started { pid: it.size },
        Reply::Output { stream: Stream::Out, bytes },
        Reply::Output { stream: Stream::Err, bytes },
        Reply::StdinRoom(it.size),
        Reply::StdinClosed,
        exit(Ended::Code(it.sign)),
        exit(Ended::Signal(it.sign)),
        Reply::Data(bytes),
        Reply::Done,
        Reply::Entry { name: bytes, stat: stat(Kind::Link) },
        Reply::Path(bytes),
    ];
    replies.extend(failures.map(Reply::Failed));
    replies.extend([Kind::File, Kind::Directory, Kind::Other].map(stat).map(Reply::Stat));
    replies
}

proptest! {
    #[test]
    fn requests_come_out_as_they_went_in(it in stuff(), id: u32) {
        for request in requests(&it) {
            let mut out = Vec::new();
            request.append(id, &mut out).unwrap();

            let (frame, whole) = frame::parse(&out).unwrap().unwrap();

            prop_assert_eq!((frame.id, whole), (id, out.len()));
            prop_assert_eq!(Request::parse(frame), Ok(request));
        }
    }

    #[test]
    fn replies_come_out_as_they_went_in(it in stuff(), id: u32) {
        for reply in replies(&it) {
            let mut out = Vec::new();
            reply.append(id, &mut out).unwrap();

            let (frame, whole) = frame::parse(&out).unwrap().unwrap();

            prop_assert_eq!((frame.id, whole), (id, out.len()));
            prop_assert_eq!(Reply::parse(frame), Ok(reply));
        }
    }

    #[test]
    fn any_payload_is_a_message_or_an_error(kind in 0_u8..24, payload in vec(any::<u8>(), 0..200)) {
        let frame = Frame { kind, id: 1, payload: &payload };

        if let Ok(request) = Request::parse(frame) {
            let mut out = Vec::new();
            request.append(1, &mut out).unwrap();
            prop_assert!(out.len() <= payload.len() + 10);
        }
        if let Ok(reply) = Reply::parse(frame) {
            let mut out = Vec::new();
            reply.append(1, &mut out).unwrap();
            prop_assert!(out.len() <= payload.len() + 10);
        }
    }
}

#[test]
fn a_count_that_lies_allocates_nothing() {
    let mut payload = u32::MAX.to_le_bytes().to_vec();
    payload.extend_from_slice(&[0; 12]);

    let parsed = Request::parse(Frame { kind: 2, id: 1, payload: &payload });

    assert_eq!(parsed, Err(FrameError::Payload { kind: 2 }));
}
