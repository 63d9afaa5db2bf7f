//! The connection: keeps it up, carries calls there and answers and events back.
//!
//! A call that the connection took with it, or that was made without one, is not answered: what
//! it was for is asked again when there is a connection.

use std::{sync::Arc, time::Duration};

use client::{CallError, Client, Events};
use tokio::{sync::mpsc, task::JoinSet, time::sleep};

use super::state::{Ask, Effect, Happened};
use crate::target::{self, Target};

/// What waits for the screen; a full queue holds the connection back, whose own queue then drops
/// deltas.
const HAPPENED_MAX: usize = 256;
/// Calls that wait for the connection; one more is dropped, which only a stuck gateway can cause.
const EFFECTS_MAX: usize = 64;
/// Calls that may be open at once; more wait in the queue.
const OPEN_CALLS_MAX: usize = 64;
const WAIT_FIRST: Duration = Duration::from_millis(250);
const WAIT_LONGEST: Duration = Duration::from_secs(8);
/// How long one attempt to connect may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Both ends of the connection's task.
pub(crate) struct Wire {
    pub(crate) happened: mpsc::Receiver<Happened>,
    effects: mpsc::Sender<Effect>,
    /// Ends the connection when dropped.
    _task: JoinSet<()>,
}

struct Task {
    target: Target,
    happened: mpsc::Sender<Happened>,
    effects: mpsc::Receiver<Effect>,
}

/// The screen is gone.
struct Gone;

impl Wire {
    /// Takes over an open connection.
    pub(crate) fn start(target: Target, open: (Client, Events)) -> Self {
        let (happened_in, happened) = mpsc::channel(HAPPENED_MAX);
        let (effects, effects_out) = mpsc::channel(EFFECTS_MAX);
        let mut task = JoinSet::new();
        task.spawn(Task { target, happened: happened_in, effects: effects_out }.run(open));
        Self { happened, effects, _task: task }
    }

    /// Lets a call be made.
    pub(crate) fn call(&self, effect: Effect) {
        drop(self.effects.try_send(effect));
    }
}

impl Task {
    async fn run(mut self, mut open: (Client, Events)) {
        loop {
            let (client, events) = open;
            let hello = client.hello().clone();
            if self.tell(Happened::Connected { hello }).await.is_err() {
                return;
            }
            let Ok(why) = self.serve(Arc::new(client), events).await else { return };
            if self.tell(Happened::Lost { why }).await.is_err() {
                return;
            }
            let Ok(again) = self.reconnect().await else { return };
            open = again;
        }
    }

    /// Carries calls and events until the connection is over; gives why.
    async fn serve(&mut self, client: Arc<Client>, mut events: Events) -> Result<String, Gone> {
        let mut calls = JoinSet::new();
        loop {
            let happened = tokio::select! {
                event = events.next() => match event {
                    Some(event) => Happened::Event { name: event.name, payload: event.payload },
                    None => return Ok(client.closed().await.to_string()),
                },
                effect = self.effects.recv(), if calls.len() < OPEN_CALLS_MAX => {
                    let Some(effect) = effect else { return Err(Gone) };
                    if let Effect::Call { ask, method, params } = effect {
                        let client = Arc::clone(&client);
                        calls.spawn(async move { (ask, client.call(method, params).await) });
                    }
                    continue;
                }
                Some(answer) = calls.join_next() => match answer {
                    Ok((ask, result)) => match answered(ask, result) {
                        Some(happened) => happened,
                        None => continue,
                    },
                    Err(_) => continue,
                },
            };
            self.tell(happened).await?;
        }
    }

    async fn reconnect(&mut self) -> Result<(Client, Events), Gone> {
        let mut wait = WAIT_FIRST;
        loop {
            tokio::select! {
                () = sleep(wait) => {}
                gone = discard(&mut self.effects) => return Err(gone),
            }
            let attempt = tokio::select! {
                attempt = target::listen(&self.target, PATIENCE) => attempt,
                gone = discard(&mut self.effects) => return Err(gone),
            };
            match attempt {
                Ok(open) => return Ok(open),
                Err(failure) => self.tell(Happened::Lost { why: failure.message }).await?,
            }
            wait = (wait * 2).min(WAIT_LONGEST);
        }
    }

    async fn tell(&self, happened: Happened) -> Result<(), Gone> {
        self.happened.send(happened).await.map_err(|_| Gone)
    }
}

/// Drops calls until there is nobody to make them.
async fn discard(effects: &mut mpsc::Receiver<Effect>) -> Gone {
    while effects.recv().await.is_some() {}
    Gone
}

fn answered(ask: Ask, result: Result<serde_json::Value, CallError>) -> Option<Happened> {
    let result = match result {
        Ok(reply) => Ok(reply),
        Err(CallError::Closed(_)) => return None,
        Err(error) => Err(error.to_string()),
    };
    Some(Happened::Answer { ask, result })
}
