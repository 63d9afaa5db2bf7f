//! `sessions_spawn`: a sub-agent for one task, in the background.

use std::{sync::Arc, time::Duration};

use domain::Effect;
use policy::Permit;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::{
    Tool, ToolCx, ToolError, ToolOutput,
    ports::{Cleanup, Errand, Peers, Spawned},
    schema::{missing, trimmed},
    sessions_send::LABEL_CHARS_MAX,
};

/// Longest run that can be asked for, in seconds.
const TIMEOUT_S_MAX: f64 = 604_800.0;

/// Starts sub-agents.
pub(crate) struct SessionsSpawn {
    pub(crate) peers: Arc<dyn Peers>,
}

/// Arguments of `sessions_spawn`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Args {
    /// What the sub-agent is to do, with all that it has to know: it does not see this conversation.
    #[schemars(required, extend("x-aliases" = ["prompt", "message", "instructions"]))]
    task: Option<String>,
    /// Short name for its session.
    label: Option<String>,
    /// Which agent it is to be, of those that `agents_list` shows; your own when left out.
    agent_id: Option<String>,
    /// Model for it.
    model: Option<String>,
    /// Thinking level for it.
    thinking: Option<String>,
    /// Seconds after which it is stopped; 0 means never.
    run_timeout_seconds: Option<f64>,
    #[schemars(extend("x-hidden" = true))]
    timeout_seconds: Option<f64>,
    /// What becomes of its session afterwards: keep (default) for a while, or delete.
    #[schemars(extend("enum" = ["keep", "delete"]))]
    cleanup: Option<String>,
}

impl Tool for SessionsSpawn {
    const NAME: &'static str = "sessions_spawn";
    const DESCRIPTION: &'static str = "Start a sub-agent for one task in a session of its own. It \
        works in the background: this returns at once, and its result is told to you in a later \
        message when it ends, so do not wait or poll for it. Several may run side by side.";
    type Args = Args;

    fn effect(&self, args: &Args) -> Effect {
        Effect::Spawn { agent: trimmed(args.agent_id.as_deref()).map(str::to_owned) }
    }

    async fn run(&self, args: Args, _: Permit, cx: &ToolCx) -> Result<ToolOutput, ToolError> {
        let errand = errand(&args)?;
        Ok(ToolOutput::json(match self.peers.spawn(&cx.session, errand).await {
            Spawned::Accepted { session, turn, has_model, warning } => {
                let mut payload = json!({
                    "status": "accepted",
                    "childSessionKey": session,
                    "runId": turn,
                });
                if let Some(applied) = has_model {
                    payload["modelApplied"] = json!(applied);
                }
                if let Some(warning) = warning {
                    payload["warning"] = json!(warning);
                }
                payload
            }
            Spawned::Forbidden(why) => json!({ "status": "forbidden", "error": why }),
            Spawned::Failed(why) => json!({ "status": "error", "error": why }),
        }))
    }
}

fn errand(args: &Args) -> Result<Errand, ToolError> {
    let owned = |text: &Option<String>| trimmed(text.as_deref()).map(str::to_owned);
    let task = owned(&args.task).ok_or_else(|| missing("task", "what the sub-agent is to do"))?;
    let label = owned(&args.label);
    if label.as_ref().is_some_and(|label| label.chars().count() > LABEL_CHARS_MAX) {
        let text = format!("label is too long (max {LABEL_CHARS_MAX} characters)");
        return Err(ToolError::Arguments(text));
    }
    let cleanup = match owned(&args.cleanup).map(|word| word.to_lowercase()).as_deref() {
        Some("delete") => Cleanup::Delete,
        Some("keep") | None => Cleanup::Keep,
        Some(other) => {
            let text = format!("cleanup must be keep or delete, not `{other}`");
            return Err(ToolError::Arguments(text));
        }
    };
    let seconds = args.run_timeout_seconds.or(args.timeout_seconds).filter(|it| it.is_finite());
    Ok(Errand {
        task,
        label,
        agent: owned(&args.agent_id),
        model: owned(&args.model),
        thinking: owned(&args.thinking),
        timeout: seconds.map(|it| Duration::from_secs_f64(it.clamp(0.0, TIMEOUT_S_MAX))),
        cleanup,
    })
}
