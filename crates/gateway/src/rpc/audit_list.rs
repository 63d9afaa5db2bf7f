//! `audit.list`: what was done, newest first.

use domain::Scope;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Cx, Kind, Method, RpcError};

/// Records given when the client does not say how many.
const LIMIT: usize = 100;

/// Lists records of agents, or of clients if it is asked for those.
pub(super) struct AuditList;

/// Which ones.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Params {
    agent_id: Option<String>,
    session_key: Option<String>,
    run_id: Option<String>,
    kind: Option<Sort>,
    status: Option<Status>,
    /// Not older than this, in milliseconds since 1970.
    after: Option<i64>,
    /// Older than this.
    before: Option<i64>,
    #[schemars(range(min = 1, max = 500))]
    limit: Option<u16>,
    /// From the answer before.
    cursor: Option<String>,
}

/// Of turns and calls, which is what the reference keeps; and ours, of what clients did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Sort {
    AgentRun,
    ToolAction,
    Operation,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Status {
    Started,
    Succeeded,
    Failed,
    Cancelled,
    TimedOut,
    /// In the files this is `refused`.
    #[serde(alias = "refused")]
    Blocked,
    Unknown,
}

/// Records, and where older ones are.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reply {
    events: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

impl Method for AuditList {
    const NAME: &'static str = "audit.list";
    const SCOPE: Scope = Scope::Admin;
    const KIND: Kind = Kind::Read;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        let before = match params.cursor.as_deref().map(str::parse::<u64>) {
            Some(Ok(cursor)) => Some(cursor),
            Some(Err(_)) => return Err(RpcError::invalid("invalid audit.list cursor")),
            None => None,
        };
        let limit = params.limit.map_or(LIMIT, usize::from);
        let files = &cx.gateway.audit.files;
        let page = files
            .page(before, limit, move |record| params.wants(record))
            .await
            .map_err(|error| RpcError::internal("cannot read the audit log", &error))?;
        let events = page.records.into_iter().map(shown).collect();
        Ok(Reply { events, next_cursor: page.next.map(|next| next.to_string()) })
    }
}

/// Records of agents have the words and fields of the published schema, which is closed.
fn shown(mut record: Value) -> Value {
    if record["kind"] != "operation"
        && let Some(fields) = record.as_object_mut()
    {
        fields.shift_remove("reason");
        if fields.get("status").is_some_and(|it| it == "refused") {
            fields.insert("status".to_owned(), "blocked".into());
        }
    }
    record
}

impl Params {
    fn wants(&self, record: &Value) -> bool {
        let text = |name: &str| record[name].as_str();
        let is = |wanted: &Option<String>, name: &str| {
            wanted.as_deref().is_none_or(|wanted| text(name) == Some(wanted))
        };
        let kind: Option<Sort> = Sort::deserialize(&record["kind"]).ok();
        let kind_fits = match self.kind {
            Some(wanted) => kind == Some(wanted),
            None => matches!(kind, Some(Sort::AgentRun | Sort::ToolAction)),
        };
        let status_fits = self
            .status
            .is_none_or(|wanted| Status::deserialize(&record["status"]).ok() == Some(wanted));
        let at = record["occurredAt"].as_i64().unwrap_or(0);
        kind_fits
            && status_fits
            && is(&self.agent_id, "agentId")
            && is(&self.session_key, "sessionKey")
            && is(&self.run_id, "runId")
            && self.after.is_none_or(|after| at >= after)
            && self.before.is_none_or(|before| at < before)
    }
}
