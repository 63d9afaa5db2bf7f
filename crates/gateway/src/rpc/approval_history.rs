//! `approval.history`: questions that ended since the gateway started, newest first.

use domain::Scope;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Cx, Kind, Method, RpcError, approval_snapshot as snapshot};

/// Questions given when the client does not say how many.
const LIMIT: usize = 50;

pub(super) struct ApprovalHistory;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    /// From the answer before.
    #[schemars(length(min = 1, max = 512))]
    cursor: Option<String>,
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u16>,
    kind: Option<Sort>,
}

/// What a question is about. Only commands are asked about here.
#[derive(Clone, Copy, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Sort {
    Exec,
    Plugin,
    SystemAgent,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reply {
    items: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

impl Method for ApprovalHistory {
    const NAME: &'static str = "approval.history";
    const SCOPE: Scope = Scope::Approvals;
    const KIND: Kind = Kind::Read;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        if params.kind.is_some_and(|kind| kind != Sort::Exec) {
            return Ok(Reply { items: Vec::new(), next_cursor: None });
        }
        let ended = cx.gateway.approvals.ended().await;
        let from = match &params.cursor {
            None => 0,
            Some(cursor) => {
                let at = ended.iter().position(|it| mark(it) == *cursor);
                1 + at.ok_or_else(|| RpcError::invalid("invalid approval.history cursor"))?
            }
        };
        let limit = params.limit.map_or(LIMIT, usize::from);
        let page: Vec<_> = ended.iter().skip(from).take(limit).collect();
        let has_more = ended.len() > from + page.len();
        let next_cursor = page.last().filter(|_| has_more).map(|it| mark(it));
        Ok(Reply { items: page.into_iter().map(snapshot::ended).collect(), next_cursor })
    }
}

/// What tells a place in the list. Ids may be long, and may come again.
fn mark(answered: &crate::approvals::Answered) -> String {
    let id: String = answered.asked.id.chars().take(64).collect();
    format!("{}-{id}", answered.ended_at_ms)
}
