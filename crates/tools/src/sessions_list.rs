//! `sessions_list`: the conversations that this one may see.

use std::sync::Arc;

use domain::{Clock, Effect};
use policy::Permit;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    Tool, ToolCx, ToolError, ToolOutput,
    ports::Conversations,
    sessions_history::{READ_FACTOR, is_tool_traffic, shorten},
};

/// Most messages shown with each session.
const MESSAGES_MAX: u64 = 20;

/// Lists conversations.
pub(crate) struct SessionsList {
    pub(crate) conversations: Arc<dyn Conversations>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// Arguments of `sessions_list`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Args {
    /// Kinds to list: main, group, cron, hook, node, other; all when left out.
    kinds: Option<Vec<String>>,
    /// Most sessions to list.
    limit: Option<u64>,
    /// Only those that changed in the last minutes.
    active_minutes: Option<u64>,
    /// Last messages to show with each, at most 20; none when left out.
    message_limit: Option<u64>,
}

impl Tool for SessionsList {
    const NAME: &'static str = "sessions_list";
    const DESCRIPTION: &'static str = "List sessions (conversations), newest first, with their \
        keys, models and token counts.";
    type Args = Args;

    fn effect(&self, _args: &Args) -> Effect {
        Effect::Observe
    }

    async fn run(&self, args: Args, _permit: Permit, cx: &ToolCx) -> Result<ToolOutput, ToolError> {
        let rows = self.conversations.list(&cx.session).await;
        let mut rows = select(rows, &args, self.clock.now().0);
        let wanted = args.message_limit.unwrap_or(0).min(MESSAGES_MAX);
        if let Some(wanted) = usize::try_from(wanted).ok().filter(|wanted| *wanted > 0) {
            for row in &mut rows {
                self.add_messages(row, wanted, cx).await;
            }
        }
        Ok(ToolOutput::json(json!({ "count": rows.len(), "sessions": rows })))
    }
}

impl SessionsList {
    async fn add_messages(&self, row: &mut Value, wanted: usize, cx: &ToolCx) {
        let Some(key) = row["key"].as_str() else { return };
        let read = wanted * READ_FACTOR;
        let Some(history) = self.conversations.history(&cx.session, key, read).await else {
            return;
        };
        let mut messages: Vec<Value> = history
            .messages
            .iter()
            .rev()
            .filter(|message| !is_tool_traffic(message))
            .take(wanted)
            .map(|message| shorten(message).0)
            .collect();
        messages.reverse();
        row["messages"] = messages.into();
    }
}

/// The rows that `args` ask for.
fn select(rows: Vec<Value>, args: &Args, now_ms: i64) -> Vec<Value> {
    let kinds: Vec<String> =
        args.kinds.iter().flatten().map(|kind| kind.trim().to_lowercase()).collect();
    let since_ms = args.active_minutes.filter(|minutes| *minutes > 0).map(|minutes| {
        now_ms.saturating_sub(i64::try_from(minutes).unwrap_or(i64::MAX).saturating_mul(60_000))
    });
    let limit = args.limit.filter(|limit| *limit > 0).unwrap_or(u64::MAX);
    rows.into_iter()
        .filter(|row| {
            kinds.is_empty() || row["kind"].as_str().is_some_and(|k| kinds.iter().any(|it| it == k))
        })
        .filter(|row| since_ms.is_none_or(|since| row["updatedAt"].as_i64() >= Some(since)))
        .take(usize::try_from(limit).unwrap_or(usize::MAX))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_chosen_by_kind_age_and_number() {
        let rows = vec![
            json!({ "key": "a", "kind": "main", "updatedAt": 600_000 }),
            json!({ "key": "b", "kind": "cron", "updatedAt": 590_000 }),
            json!({ "key": "c", "kind": "main", "updatedAt": 10_000 }),
            json!({ "key": "d", "kind": "main" }),
        ];
        let keys = |args: &Args| -> Vec<String> {
            let rows = select(rows.clone(), args, 600_000);
            rows.iter().map(|row| row["key"].as_str().unwrap_or_default().to_owned()).collect()
        };

        assert_eq!(keys(&Args::default()), ["a", "b", "c", "d"]);
        assert_eq!(keys(&Args { active_minutes: Some(1), ..Args::default() }), ["a", "b"]);
        let main = Args { kinds: Some(vec!["Main".to_owned()]), ..Args::default() };
        assert_eq!(keys(&Args { limit: Some(2), ..main }), ["a", "c"]);
    }
}
