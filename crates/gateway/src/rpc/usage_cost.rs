//! `usage.cost`: what all conversations cost, by day.

use domain::Scope;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Cx, Kind, Method, RpcError,
    usage_span::{Wanted, span},
};
use crate::{
    state::Gateway,
    usage::{Span, Sum, Totals},
};

/// Tells what it cost.
pub(super) struct UsageCost;

/// Which days, and whose.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Params {
    start_date: Option<String>,
    end_date: Option<String>,
    #[schemars(range(min = 1))]
    days: Option<u32>,
    range: Option<String>,
    mode: Option<String>,
    time_zone: Option<String>,
    utc_offset: Option<String>,
    agent_id: Option<String>,
    #[serde(rename = "agentScope")]
    _agent_scope: Option<String>,
}

/// What each day cost, and all of them.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reply {
    updated_at: i64,
    days: u64,
    daily: Vec<Daily>,
    totals: Totals,
}

#[derive(Serialize)]
struct Daily {
    date: String,
    #[serde(flatten)]
    totals: Totals,
}

impl Method for UsageCost {
    const NAME: &'static str = "usage.cost";
    const SCOPE: Scope = Scope::Read;
    const KIND: Kind = Kind::Read;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        let now = cx.gateway.clock.now();
        let wanted = Wanted {
            from: params.start_date.as_deref(),
            to: params.end_date.as_deref(),
            days: params.days,
            range: params.range.as_deref(),
            mode: params.mode.as_deref(),
            zone: params.time_zone.as_deref(),
            offset: params.utc_offset.as_deref(),
        };
        let mut span = span(wanted, now)?;
        let sum = sum(&cx.gateway, params.agent_id.as_deref(), &span).await?;
        if params.range.as_deref() == Some("all") {
            span.from = sum.active_days().first().copied().unwrap_or(span.to);
        }
        let totals_of = |date| sum.days.get(&date).map(|day| day.totals).unwrap_or_default();
        let daily =
            span.each_day().map(|date| Daily { date: date.to_string(), totals: totals_of(date) });
        Ok(Reply {
            updated_at: now.0,
            days: span.days(),
            daily: daily.collect(),
            totals: sum.totals,
        })
    }
}

/// Adds up the conversations of one agent or of all, also those that were reset.
async fn sum(gateway: &Gateway, only: Option<&str>, span: &Span) -> Result<Sum, RpcError> {
    let only = only.map(domain::AgentId::normalise);
    let mut sum = Sum::default();
    for agent in gateway.agents() {
        if only.as_ref().is_none_or(|it| *it == agent) {
            for told in gateway.store.sessions(&agent).told_by_all().await? {
                sum.add(&told, span);
            }
        }
    }
    Ok(sum)
}
