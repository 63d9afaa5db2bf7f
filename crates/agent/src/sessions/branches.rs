//! Conversations that go on from an earlier point, and those that begin with another's words.

use std::sync::Arc;

use domain::{EntryId, SessionId, SessionKey};
use store::SessionEntry;

use super::{QUIET_WITHIN, Sessions, SubmitError};

impl Sessions {
    /// Has a conversation go on from the line `leaf`, or from its beginning. What runs in it is
    /// stopped; what came after the line stays on a branch of its own. `None` when there is no
    /// such conversation.
    ///
    /// # Errors
    ///
    /// [`SubmitError::Busy`] when it does not come to rest, [`SubmitError::Store`] when the disk
    /// refuses.
    pub async fn go_on_from(
        &self,
        session: &SessionKey,
        leaf: Option<EntryId>,
    ) -> Result<Option<Arc<SessionEntry>>, SubmitError> {
        let agent = self.agent_of(session)?;
        let _quiet = self.quiesce(session, QUIET_WITHIN).await.ok_or(SubmitError::Busy)?;
        let sessions = self.hub.io.store.sessions(&agent);
        let Some(entry) = sessions.get(session) else { return Ok(None) };
        let cwd = self.cwd_of(&agent);
        let mut transcript = sessions.open(session, &entry, &cwd).await?;
        transcript.go_on_from(leaf).await?;
        let tokens = transcript.context().tokens;
        let now = self.hub.io.clock.now();
        let entry = sessions
            .update(session, |entry| {
                entry.updated_at = entry.updated_at.max(now);
                entry.total_tokens = Some(tokens.unwrap_or(0));
            })
            .await?;
        Ok(Some(entry))
    }

    /// Begins the conversation `into` with what was said in `session` up to the line `last`; with
    /// no line it begins empty. What a person chose for the one holds for the other. `None` when
    /// there is no such conversation.
    ///
    /// # Errors
    ///
    /// [`SubmitError::Store`] when the disk refuses.
    pub async fn fork(
        &self,
        session: &SessionKey,
        last: Option<EntryId>,
        into: &SessionKey,
    ) -> Result<Option<Arc<SessionEntry>>, SubmitError> {
        let agent = self.agent_of(session)?;
        let sessions = self.hub.io.store.sessions(&agent);
        let Some(source) = sessions.get(session) else { return Ok(None) };
        let id = SessionId::random();
        sessions.fork(&source, last, (&id, &self.cwd_of(&agent))).await?;
        let name = source.display_name.clone().or_else(|| source.label.clone());
        let entry = sessions
            .update(into, |entry| {
                entry.session_id = id;
                entry.display_name = name;
                entry.thinking_level.clone_from(&source.thinking_level);
                entry.verbose_level.clone_from(&source.verbose_level);
                entry.reasoning_level.clone_from(&source.reasoning_level);
                entry.response_usage.clone_from(&source.response_usage);
                entry.provider_override.clone_from(&source.provider_override);
                entry.model_override.clone_from(&source.model_override);
                entry.queue_mode.clone_from(&source.queue_mode);
            })
            .await?;
        Ok(Some(entry))
    }

    /// Working directory that new transcripts of an agent name.
    fn cwd_of(&self, agent: &domain::AgentId) -> String {
        let config = self.hub.io.config();
        config.agents.get(agent).map(|it| it.workspace.display().to_string()).unwrap_or_default()
    }
}
