//! `sessions.usage.timeseries`: how the cost of one conversation grew.

use domain::Scope;
use domain::UnixMillis;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{Teller, Told};

use super::{Cx, Kind, Method, RpcError};

/// Points told; neighbours are joined when there are more.
const POINTS_MAX: usize = 200;

/// Tells how the cost grew.
pub(super) struct SessionsUsageTimeseries;

/// Which conversation.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Params {
    #[schemars(length(min = 1))]
    key: String,
    agent_id: Option<String>,
}

/// Its points.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reply {
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<String>,
    points: Vec<Point>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Point {
    timestamp: i64,
    input: u64,
    output: u64,
    cache_read: u64,
    cache_write: u64,
    total_tokens: u64,
    cost: f64,
    cumulative_tokens: u64,
    cumulative_cost: f64,
}

impl Method for SessionsUsageTimeseries {
    const NAME: &'static str = "sessions.usage.timeseries";
    const SCOPE: Scope = Scope::Read;
    const KIND: Kind = Kind::Read;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        let agent = params.agent_id.as_deref().map(domain::AgentId::normalise);
        let key = cx.gateway.session_key(&params.key, agent.as_ref());
        let sessions = cx.gateway.sessions_of(&key);
        let Some(entry) = sessions.get(&key) else {
            return Ok(Reply { session_id: None, points: Vec::new() });
        };
        let told = sessions.told(&entry.session_id).await?;
        Ok(Reply { session_id: Some(entry.session_id.to_string()), points: points(&told) })
    }
}

fn points(told: &[Told]) -> Vec<Point> {
    let replies: Vec<(UnixMillis, domain::Usage)> = told
        .iter()
        .filter_map(|told| match &told.by {
            Teller::Assistant { usage: Some(usage), .. } => Some((told.at, *usage)),
            Teller::Assistant { .. } | Teller::User | Teller::Tool { .. } => None,
        })
        .collect();
    let per_point = replies.len().div_ceil(POINTS_MAX).max(1);
    let mut so_far = Point::default();
    let point = |chunk: &[(UnixMillis, domain::Usage)]| {
        let mut sum = domain::Usage::default();
        for (_, usage) in chunk {
            sum += *usage;
        }
        so_far = Point {
            timestamp: chunk.last().map_or(0, |(at, _)| at.0),
            input: sum.input,
            output: sum.output,
            cache_read: sum.cache_read,
            cache_write: sum.cache_write,
            total_tokens: sum.total_tokens,
            cost: sum.cost.total,
            cumulative_tokens: so_far.cumulative_tokens + sum.total_tokens,
            cumulative_cost: so_far.cumulative_cost + sum.cost.total,
        };
        so_far
    };
    replies.chunks(per_point).map(point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_conversation_has_few_points_and_loses_nothing() {
        let reply = |at: i64| Told {
            at: UnixMillis(at),
            by: Teller::Assistant {
                provider: "p".into(),
                model: "m".into(),
                usage: Some(domain::Usage { total_tokens: 2, ..domain::Usage::default() }),
                calls: Vec::new(),
                is_error: false,
            },
            bytes: 1,
        };
        let told: Vec<Told> = (0..1001).map(reply).collect();

        let points = points(&told);

        assert!(points.len() <= POINTS_MAX);
        let last = points.last().unwrap();
        assert_eq!((last.timestamp, last.cumulative_tokens), (1000, 2002));
    }
}
