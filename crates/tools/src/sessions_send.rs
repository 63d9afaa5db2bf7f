//! `sessions_send`: a message for another conversation.

use std::{sync::Arc, time::Duration};

use domain::Effect;
use policy::Permit;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::{
    Tool, ToolCx, ToolError, ToolOutput,
    ports::{Addressee, Letter, Peers, SendStatus, Sent},
    schema::{missing, trimmed},
};

/// How long to wait when the call does not say, in seconds.
const PATIENCE_S: f64 = 30.0;

/// Longest wait, in seconds; a turn ends before.
const PATIENCE_S_MAX: f64 = 86_400.0;

/// Longest label, in characters.
pub(crate) const LABEL_CHARS_MAX: usize = 64;

/// Writes to conversations.
pub(crate) struct SessionsSend {
    pub(crate) peers: Arc<dyn Peers>,
}

/// Arguments of `sessions_send`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Args {
    /// Which session, by key or id.
    #[schemars(extend("x-aliases" = ["session", "key", "sessionId", "to"]))]
    session_key: Option<String>,
    /// Which session, by its label, instead of sessionKey.
    #[schemars(length(max = 64))]
    label: Option<String>,
    /// The agent whose session has that label.
    agent_id: Option<String>,
    /// What to say to it.
    #[schemars(required, extend("x-aliases" = ["text", "content", "prompt"]))]
    message: Option<String>,
    /// Seconds to wait for the answer (default 30); 0 sends it and does not wait.
    timeout_seconds: Option<f64>,
}

impl Tool for SessionsSend {
    const NAME: &'static str = "sessions_send";
    const DESCRIPTION: &'static str = "Send a message to another session and get its answer. The \
        other session may answer back a few times; answer exactly REPLY_SKIP to end that.";
    type Args = Args;

    fn effect(&self, args: &Args) -> Effect {
        let to = trimmed(args.session_key.as_deref()).or_else(|| trimmed(args.label.as_deref()));
        Effect::Send { to: to.unwrap_or_default().to_owned() }
    }

    async fn run(&self, args: Args, _: Permit, cx: &ToolCx) -> Result<ToolOutput, ToolError> {
        let letter = letter(&args)?;
        let sent = self.peers.send(&cx.session, letter).await;
        Ok(told(&sent))
    }
}

fn letter(args: &Args) -> Result<Letter, ToolError> {
    let text = trimmed(args.message.as_deref())
        .ok_or_else(|| missing("message", "what to say to the session"))?;
    let (key, label) = (trimmed(args.session_key.as_deref()), trimmed(args.label.as_deref()));
    let to = match (key, label) {
        (Some(_), Some(_)) => {
            let text = "Give either sessionKey or label, not both.".to_owned();
            return Err(ToolError::Arguments(text));
        }
        (Some(key), None) => Addressee::Session(key.to_owned()),
        (None, Some(label)) if label.chars().count() > LABEL_CHARS_MAX => {
            let text = format!("label is too long (max {LABEL_CHARS_MAX} characters)");
            return Err(ToolError::Arguments(text));
        }
        (None, Some(label)) => Addressee::Label {
            label: label.to_owned(),
            agent: trimmed(args.agent_id.as_deref()).map(str::to_owned),
        },
        (None, None) => return Err(missing("sessionKey", "a session key or id, or label")),
    };
    let seconds = args.timeout_seconds.filter(|it| it.is_finite()).unwrap_or(PATIENCE_S);
    let patience = Duration::from_secs_f64(seconds.clamp(0.0, PATIENCE_S_MAX));
    Ok(Letter { to, text: text.to_owned(), patience })
}

fn told(sent: &Sent) -> ToolOutput {
    let mut payload = json!({ "runId": sent.turn, "status": sent.status.as_str() });
    let mut put = |name: &str, value: Option<serde_json::Value>| {
        if let (Some(value), Some(object)) = (value, payload.as_object_mut()) {
            object.insert(name.to_owned(), value);
        }
    };
    let is_bad = !matches!(sent.status, SendStatus::Ok | SendStatus::Accepted);
    put(if is_bad { "error" } else { "note" }, sent.note.as_ref().map(|note| json!(note)));
    put("reply", sent.reply.as_ref().map(|reply| json!(reply)));
    put("sessionKey", sent.session.as_ref().map(|key| json!(key)));
    if sent.goes_on {
        put("delivery", Some(json!({ "status": "pending", "mode": "announce" })));
    }
    ToolOutput::json(payload)
}
