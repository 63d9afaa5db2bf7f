//! What of the queue is on disk: everything that was acknowledged and is in no transcript yet.

use config::QueueMode;
use domain::TurnId;

use super::Session;
use crate::{
    Submission, SubmitError, kept,
    queue::{Dropped, copy_of},
};

impl Session {
    /// Puts a message on disk that is about to wait.
    ///
    /// # Errors
    ///
    /// [`SubmitError::Store`]; the message must not be acknowledged then.
    pub(super) fn keep(&self, submission: &Submission, mode: QueueMode) -> Result<(), SubmitError> {
        match &self.io.ports.backlog {
            Some(backlog) if submission.is_kept => {
                Ok(backlog.put(&kept::message(submission, mode))?)
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Puts the copy of a steered message on disk that is to become a turn of its own.
    pub(super) fn keep_copy_of(&mut self, turn: &TurnId) -> Result<(), SubmitError> {
        let copy = copy_of(turn);
        let Some(submission) = self.queue.message(&copy) else { return Ok(()) };
        let kept = self.keep(submission, QueueMode::Followup);
        if kept.is_err() {
            self.queue.remove(&copy);
            self.io.release([turn.as_str()]);
        }
        kept
    }

    /// Puts on disk what is left of a dropped message, before the message itself goes.
    pub(super) fn keep_summary(&mut self, summary: Option<Dropped>) {
        if let (Some(Dropped { id, line }), Some(backlog)) = (summary, &self.io.ports.backlog)
            && let Err(error) = backlog.put(&kept::text(kept::SUMMARY, &id, &self.key, &line))
        {
            let error = &error as &dyn std::error::Error;
            tracing::error!(error, "a dropped message may not be told of after a restart");
        }
        let forgotten = self.queue.forgotten();
        self.io.release(forgotten.iter().map(String::as_str));
    }

    /// Whether a message only waits now, since the process is about to end.
    pub(super) fn stays_queued(&self, submission: &Submission) -> bool {
        self.table.is_closing() && self.io.is_kept(submission)
    }
}
