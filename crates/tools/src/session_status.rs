//! `session_status`: the status card of a conversation, and the choice of its model.

use std::sync::Arc;

use domain::{Content, Effect};
use policy::Permit;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::{Tool, ToolCx, ToolError, ToolOutput, ports::Conversations, schema::trimmed};

/// Shows and sets the state of a conversation.
pub(crate) struct SessionStatus {
    pub(crate) conversations: Arc<dyn Conversations>,
}

/// Arguments of `session_status`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Args {
    /// Which session, by key or id; this one when left out.
    #[schemars(extend("x-aliases" = ["session", "key", "sessionId"]))]
    session_key: Option<String>,
    /// Model to use from now on; default goes back to the configured one.
    model: Option<String>,
}

impl Tool for SessionStatus {
    const NAME: &'static str = "session_status";
    const DESCRIPTION: &'static str = "Show a session's status: time, model, tokens, settings. \
        With model, choose the session's model.";
    type Args = Args;

    fn effect(&self, args: &Args) -> Effect {
        match trimmed(args.model.as_deref()) {
            Some(_) => Effect::Configure,
            None => Effect::Observe,
        }
    }

    async fn run(&self, args: Args, _permit: Permit, cx: &ToolCx) -> Result<ToolOutput, ToolError> {
        let name = trimmed(args.session_key.as_deref());
        let model = trimmed(args.model.as_deref());
        let status =
            self.conversations.status(&cx.session, name, model).await.map_err(ToolError::Failed)?;
        let details = json!({
            "ok": true,
            "sessionKey": status.key,
            "changedModel": status.changed_model,
            "statusText": status.text,
        });
        Ok(ToolOutput { content: Content::text(status.text), details: Some(details) })
    }
}
