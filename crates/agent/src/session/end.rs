//! The end of a turn: what it left behind, and who is told.

use std::sync::Arc;

use domain::{SessionId, StopReason, TurnId, UnixMillis, Usage};
use tokio::task::JoinError;

use super::{Current, Session};
use crate::{EventBody, Outcome, Stop, turn::Finished};

impl Session {
    /// Takes back what a turn had, tells how it went, and sees to what waits.
    pub(super) async fn ended(&mut self, joined: Result<Finished, JoinError>) {
        let Some(current) = self.current.take() else { return };
        let finished = match joined {
            Ok(finished) => finished,
            Err(panic) => {
                tracing::error!(%panic, turn = %current.turn, "turn panicked");
                let error = "internal error; the turn was given up".to_owned();
                let stop = Stop::Failed { kind: "unknown", error };
                return self.conclude(current, stop, None).await;
            }
        };
        let stop = finished.stop.clone();
        self.conclude(current, stop, Some(finished)).await;
    }

    async fn conclude(&mut self, current: Current, stop: Stop, finished: Option<Finished>) {
        let ended = self.io.clock.now();
        let mut outcome = Outcome {
            turn: current.turn.clone(),
            session: self.key.clone(),
            session_id: current.session_id,
            agent: self.agent.clone(),
            stop,
            texts: Vec::new(),
            provider: String::new(),
            model: String::new(),
            usage: Usage::default(),
            handed_over: Vec::new(),
            is_cut_short: false,
            refusal: None,
            started: current.started,
            ended,
        };
        let mut joined = current.merged;
        if let Some(finished) = finished {
            let used = if current.is_heartbeat { None } else { Some(ended) };
            self.remember(&finished, &outcome.stop, used).await;
            if let Some(last) = finished.last {
                outcome.is_cut_short = last.stop_reason == StopReason::Length;
                (outcome.provider, outcome.model) = (last.provider, last.model);
            }
            outcome.usage = finished.usage;
            outcome.texts = finished.texts;
            outcome.handed_over = finished.handed_over;
            outcome.refusal = finished.refusal;
            joined.extend(finished.steered);
            self.transcript = Some(finished.transcript);
            self.uses_sandbox = finished.has_entered;
            self.queue.put_back(finished.unread);
        }
        let outcome = Arc::new(outcome);
        self.table.finish(&current.turn, &outcome);
        current.emitter.send(EventBody::Ended(Arc::clone(&outcome))).await;
        self.end_joined(joined, &outcome).await;
        if !self.quiet.is_empty() {
            return self.be_quiet().await;
        }
        if !self.queue.is_empty() {
            let config = self.io.config();
            self.due = Some(self.last_offer + config.messages.queue.debounce);
        }
    }

    /// Ends turns whose messages were answered by another: who waits for them gets its
    /// outcome, who watches sees them end without a text of their own.
    async fn end_joined(&self, joined: Vec<TurnId>, outcome: &Arc<Outcome>) {
        for turn in joined {
            let own = Arc::new(Outcome { turn: turn.clone(), ..(**outcome).clone() });
            self.table.finish(&turn, &own);
            let silent = Arc::new(Outcome { texts: Vec::new(), ..(*own).clone() });
            let emitter = self.emitter(&turn, outcome.session_id.clone(), "off");
            emitter.send(EventBody::Ended(silent)).await;
        }
    }

    /// Writes what the turn left behind into the index, and when the conversation was used if it
    /// was. Failure is logged: the conversation itself is stored.
    async fn remember(&self, finished: &Finished, stop: &Stop, used: Option<UnixMillis>) {
        let aborted = matches!(stop, Stop::Aborted { .. });
        let config = self.io.config();
        let window = finished.last.as_ref().and_then(|last| {
            let provider = config.models.providers.get(&last.provider)?;
            let model = provider.models.iter().find(|it| it.id == last.model)?;
            Some(model.context_tokens)
        });
        let updated = self
            .io
            .store
            .sessions(&self.agent)
            .note(&self.key, |entry| {
                entry.updated_at = used.map_or(entry.updated_at, |now| entry.updated_at.max(now));
                entry.aborted_last_run = Some(aborted);
                if finished.compactions > 0 {
                    let count = entry.compaction_count.unwrap_or(0) + finished.compactions;
                    entry.compaction_count = Some(count);
                }
                if let Some(last) = &finished.last {
                    entry.model_provider = Some(last.provider.clone());
                    entry.model = Some(last.model.clone());
                    entry.input_tokens = Some(finished.usage.input);
                    entry.output_tokens = Some(finished.usage.output);
                    entry.total_tokens = Some(last.usage.context_tokens());
                    entry.context_tokens = window.or(entry.context_tokens);
                }
            })
            .await;
        if let Err(error) = updated {
            tracing::error!(error = &error as &dyn std::error::Error, "cannot update the index");
        }
    }

    /// Ends turns that never ran.
    pub(super) async fn end_unrun(&mut self, turns: &[TurnId], reason: &'static str) {
        for turn in turns {
            self.finish_alone(turn, Stop::Aborted { reason }, Vec::new()).await;
        }
        let forgotten = self.queue.forgotten();
        self.io.release(forgotten.iter().map(String::as_str));
    }

    /// Ends a turn that the loop never saw, with its one event.
    pub(super) async fn finish_alone(&self, turn: &TurnId, stop: Stop, texts: Vec<String>) {
        let now = self.io.clock.now();
        self.io.release([turn.as_str()]);
        let entry = self.io.store.sessions(&self.agent).get(&self.key);
        let session_id = entry.map_or_else(|| SessionId::new(""), |it| it.session_id.clone());
        let outcome = Arc::new(Outcome {
            turn: turn.clone(),
            session: self.key.clone(),
            session_id: session_id.clone(),
            agent: self.agent.clone(),
            stop,
            texts,
            provider: String::new(),
            model: String::new(),
            usage: Usage::default(),
            handed_over: Vec::new(),
            is_cut_short: false,
            refusal: None,
            started: now,
            ended: now,
        });
        self.table.finish(turn, &outcome);
        self.emitter(turn, session_id, "off").send(EventBody::Ended(outcome)).await;
    }
}
