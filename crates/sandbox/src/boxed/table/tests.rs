//! The rules that answers are held to.

use boxd::{FRAME_BYTES_MAX, Kind, frame};
use proptest::{collection::vec, prelude::*};

use super::*;

/// A running command's account, and what it is told.
fn command() -> (Call, mpsc::Receiver<Word>, Arc<Semaphore>) {
    let (words, heard) = mpsc::channel(WORDS_MAX);
    let command = Command::new(words);
    let room = Arc::clone(&command.room);
    (Call::Running(command), heard, room)
}

fn output(bytes: &[u8]) -> Reply<'_> {
    Reply::Output { stream: Stream::Out, bytes }
}

fn text(outcome: Result<(), LinkError>) -> String {
    outcome.unwrap_err().to_string()
}

#[test]
fn output_is_taken_as_far_as_credit_goes() {
    let (call, _heard, _room) = command();
    let mut table = Table::default();
    table.ask(1, call);
    let piece = vec![0; (WINDOW_BYTES - PIECE_COST_BYTES) as usize];

    table.take(1, &output(&piece)).unwrap();
    table.grant(1, 1 + PIECE_COST_BYTES);
    table.take(1, &output(b"x")).unwrap();
    let more = table.take(1, &output(b"x"));

    assert_eq!(text(more), "the sandbox's servant broke the rules: more output than allowed");
}

#[test]
fn as_many_pieces_as_credit_allows_find_room_and_the_exit_too() {
    let (call, mut heard, _room) = command();
    let mut table = Table::default();
    table.ask(1, call);

    let mut count = 0;
    while table.take(1, &output(b"x")).is_ok() {
        count += 1;
    }

    assert_eq!(count, WINDOW_BYTES / (PIECE_COST_BYTES + 1));
    let (call, _heard, _room) = command();
    table.ask(2, call);
    let ended = Reply::Exit { ended: Ended::Code(0), killed: 0, survivors: 0, ran_short: false };
    table.take(2, &ended).unwrap();
    assert!(heard.try_recv().is_ok());
}

#[test]
fn nothing_may_follow_the_end_of_a_command() {
    let (call, _heard, room) = command();
    let mut table = Table::default();
    table.ask(1, call);

    table
        .take(1, &Reply::Exit { ended: Ended::Code(0), killed: 0, survivors: 0, ran_short: false })
        .unwrap();

    assert!(room.is_closed() && table.is_empty());
    assert_eq!(
        text(table.take(1, &output(b"x"))),
        "the sandbox's servant broke the rules: an answer to nothing that was asked"
    );
}

#[test]
fn room_for_input_that_was_not_sent_is_refused() {
    let (call, _heard, room) = command();
    let mut table = Table::default();
    table.ask(1, call);
    room.try_acquire_many(3).unwrap().forget();

    table.take(1, &Reply::StdinRoom(3)).unwrap();

    assert!(table.take(1, &Reply::StdinRoom(1)).is_err());
    assert!(table.take(1, &Reply::StdinRoom(0)).is_err());
}

#[test]
fn a_file_and_a_directory_are_never_larger_than_asked_for() {
    let mut table = Table::default();
    let ((file, _), (dir, _)) = (oneshot::channel(), oneshot::channel());
    table.ask(1, Call::Read { answer: file, bytes: Vec::new(), bytes_max: 3 });
    table.ask(2, Call::List { answer: dir, entries: Vec::new(), entries_max: 1 });
    let stat = Stat { kind: Kind::File, bytes: 0, mode: 0, stamp: 1 };
    let entry = Reply::Entry { name: b"a", stat };

    table.take(1, &Reply::Data(b"abc")).unwrap();
    table.take(2, &entry).unwrap();

    assert!(table.take(1, &Reply::Data(b"d")).is_err());
    assert!(table.take(2, &entry).is_err());
}

#[test]
fn processes_that_do_not_die_end_the_link() {
    let (call, _heard, _room) = command();
    let mut table = Table::default();
    table.ask(1, call);

    let exit = Reply::Exit { ended: Ended::Signal(9), killed: 4, survivors: 2, ran_short: false };

    assert_eq!(text(table.take(1, &exit)), "2 processes in the sandbox could not be killed");
}

#[test]
fn an_answer_of_the_wrong_sort_is_refused() {
    let wrong = [
        Reply::Hello { version: 1, uid: 0, is_pid1: true, facts: Vec::new() },
        Reply::Started { pid: 1 },
        Reply::Done,
        Reply::Data(b"x"),
        Reply::Path(b"/"),
    ];
    for reply in wrong {
        let (call, _heard, _room) = command();
        let mut table = Table::default();
        table.ask(1, call);

        assert_eq!(
            text(table.take(1, &reply)),
            "the sandbox's servant broke the rules: an answer of the wrong sort"
        );
    }
}

proptest! {
    /// Whatever a sandbox says, what waits for readers stays within what was asked for.
    #[test]
    fn any_frames_keep_the_bounds_or_end_the_link(
        frames in vec((0_u8..14, 0_u32..5, vec(any::<u8>(), 0..40), 0_usize..3), 0..200),
    ) {
        let (call, mut heard, room) = command();
        let ((file, mut read), (dir, mut listed)) = (oneshot::channel(), oneshot::channel());
        let mut table = Table::default();
        table.ask(1, call);
        table.ask(2, Call::Read { answer: file, bytes: Vec::new(), bytes_max: 500 });
        table.ask(3, Call::List { answer: dir, entries: Vec::new(), entries_max: 3 });

        for (kind, id, start, large) in frames {
            let mut payload = start;
            payload.resize(payload.len() + large * 20_000, 1);
            let mut bytes = Vec::new();
            frame::append(&mut bytes, kind, id, |out| out.extend(&payload)).unwrap();
            prop_assert!(bytes.len() <= FRAME_BYTES_MAX);
            let (frame, _) = frame::parse(&bytes).unwrap().unwrap();
            let Ok(reply) = Reply::parse(frame) else { break };
            if table.take(frame.id, &reply).is_err() {
                break;
            }
        }

        let (mut pieces, mut cost_sum) = (0, 0);
        while let Ok(word) = heard.try_recv() {
            pieces += 1;
            if let Word::Output { cost, .. } = word {
                cost_sum += cost;
            }
        }
        prop_assert!(pieces <= WORDS_MAX && cost_sum <= WINDOW_BYTES);
        prop_assert!(room.available_permits() <= INPUT_BYTES_MAX);
        if let Ok(Ok(bytes)) = read.try_recv() {
            prop_assert!(bytes.len() <= 500);
        }
        if let Ok(Ok(entries)) = listed.try_recv() {
            prop_assert!(entries.len() <= 3);
        }
    }
}

#[test]
fn a_command_that_died_for_lack_of_memory_is_told_why() {
    let (call, mut words, _room) = command();
    let mut table = Table::default();
    table.ask(1, call);

    let exit = Reply::Exit { ended: Ended::Signal(9), killed: 0, survivors: 0, ran_short: true };
    table.take(1, &exit).unwrap();

    let Ok(Word::Output { chunk: Chunk::Err(said), cost: 0 }) = words.try_recv() else {
        panic!("nothing was said");
    };
    assert!(String::from_utf8_lossy(&said).contains("out of memory"));
    assert_eq!(words.try_recv(), Ok(Word::Ended(Exit::Signal(9))));
}
