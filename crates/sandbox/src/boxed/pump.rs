//! The task of one command: hands its output over, feeds it, and kills it when asked to.
//!
//! Credit goes back to the servant only for output that was handed over, so a reader that
//! lags behind makes the process block on its pipe, as a slow terminal would.

use std::{future, sync::Arc, time::Duration};

use boxd::{CHUNK_BYTES_MAX, Request};
use bytes::Bytes;
use tokio::{
    sync::{Semaphore, mpsc, oneshot},
    time::sleep,
};

use super::{WINDOW_BYTES, error::LinkError, link::Shared, owner::Mail, table::Word};
use crate::{
    backend::{Chunk, Exit},
    host::terminal::{CURSOR_AT_HOME, CursorQuestions},
};

/// Credit is given back in portions, not for every line.
const PORTION_BYTES: u32 = WINDOW_BYTES / 4;

/// How long the servant may take to end a command that nobody needs any more. It gives up
/// after less.
const KILL_MAX: Duration = Duration::from_secs(15);

/// A command's ends of everything.
pub(super) struct Pump {
    pub(super) id: u32,
    pub(super) mail: mpsc::Sender<Mail>,
    pub(super) shared: Arc<Shared>,
    pub(super) words: mpsc::Receiver<Word>,
    pub(super) output: mpsc::Sender<Chunk>,
    pub(super) exit: oneshot::Sender<Exit>,
    pub(super) input: Option<mpsc::Receiver<Bytes>>,
    pub(super) room: Arc<Semaphore>,
    pub(super) kill: oneshot::Receiver<()>,
    pub(super) is_terminal: bool,
}

impl Pump {
    /// Runs until the command has ended and its output is handed over, or the link is dead.
    pub(super) async fn run(self) {
        let Self { id, mail, shared, words, output, exit, input, room, kill, is_terminal } = self;
        let teller = Teller { id, mail };
        let feeding = async {
            if let Some(input) = input {
                feed(&teller, &room, input).await;
            }
            future::pending::<()>().await;
        };
        let killing = async {
            // A dropped sender means the same.
            let _dropped = kill.await;
            teller.tell(&Request::Kill).await;
            output.closed().await;
            sleep(KILL_MAX).await;
            shared.end(LinkError::Silent { within: KILL_MAX });
        };
        let questions = is_terminal.then(CursorQuestions::default);
        let heard = tokio::select! {
            ended = hear(&teller, &room, words, &output, questions) => ended,
            () = feeding => None,
            () = killing => None,
        };
        if let Some(ended) = heard {
            let _unheard = exit.send(ended);
        }
    }
}

/// Says things about a command.
struct Teller {
    id: u32,
    mail: mpsc::Sender<Mail>,
}

impl Teller {
    async fn tell(&self, request: &Request<'_>) {
        let mut frame = Vec::new();
        if request.append(self.id, &mut frame).is_ok() {
            // A dead link needs no telling.
            let _dead = self.mail.send(Mail::Tell { id: self.id, frame }).await;
        }
    }

    async fn grant(&self, bytes: u32) {
        let _dead = self.mail.send(Mail::Credit { id: self.id, bytes }).await;
    }
}

/// Hands output over until the end; `None` when the link is dead.
async fn hear(
    teller: &Teller,
    room: &Semaphore,
    mut words: mpsc::Receiver<Word>,
    output: &mpsc::Sender<Chunk>,
    mut questions: Option<CursorQuestions>,
) -> Option<Exit> {
    let mut owed = 0;
    loop {
        match words.recv().await? {
            Word::Output { chunk, cost } => {
                let chunk = match (&mut questions, chunk) {
                    (Some(questions), Chunk::Out(bytes)) => {
                        let (left, count) = questions.take(&bytes);
                        answer(teller, room, count).await;
                        Chunk::Out(left.into())
                    }
                    (_, chunk) => chunk,
                };
                hand_over(output, chunk).await;
                owed += cost;
                if owed >= PORTION_BYTES {
                    teller.grant(owed).await;
                    owed = 0;
                }
            }
            Word::Ended(exit) => {
                if let Some(mut questions) = questions {
                    hand_over(output, Chunk::Out(questions.rest().into())).await;
                }
                return Some(exit);
            }
        }
    }
}

async fn hand_over(output: &mpsc::Sender<Chunk>, chunk: Chunk) {
    let (Chunk::Out(bytes) | Chunk::Err(bytes)) = &chunk;
    if !bytes.is_empty() {
        // When nobody listens any more it is thrown away, so that the process does not hang.
        let _unheard = output.send(chunk).await;
    }
}

/// Answers a program's questions for the cursor, if there is room; one that asks without
/// reading gets no more answers.
async fn answer(teller: &Teller, room: &Semaphore, count: usize) {
    for _ in 0..count {
        let bytes = u32::try_from(CURSOR_AT_HOME.len()).unwrap_or(u32::MAX);
        let Ok(permits) = room.try_acquire_many(bytes) else { return };
        permits.forget();
        teller.tell(&Request::Stdin(CURSOR_AT_HOME)).await;
    }
}

/// Carries input over as there is room; says when it ends.
async fn feed(teller: &Teller, room: &Semaphore, mut input: mpsc::Receiver<Bytes>) {
    while let Some(mut bytes) = input.recv().await {
        while !bytes.is_empty() {
            // At least a byte, and then whatever there is room for.
            let Ok(first) = room.acquire().await else { return };
            first.forget();
            let more = room.available_permits().min(bytes.len().min(CHUNK_BYTES_MAX) - 1);
            let more = room.try_acquire_many(u32::try_from(more).unwrap_or(0)).map_or(0, |it| {
                let count = it.num_permits();
                it.forget();
                count
            });
            let piece = bytes.split_to(1 + more);
            teller.tell(&Request::Stdin(&piece)).await;
        }
    }
    teller.tell(&Request::StdinClose).await;
}
