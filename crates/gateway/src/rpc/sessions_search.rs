//! `sessions.search`: where something was said.

use domain::{Scope, SessionKey};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{Found, Hit, Words};

use super::{Cx, Kind, Method, RpcError, envelope, session_row::cut, sessions_list};

/// Hits given when the client does not say how many.
const LIMIT: usize = 10;
/// Characters before and after the first word that was found.
const AROUND_CHARS: usize = 120;

pub(super) struct SessionsSearch;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Params {
    #[schemars(length(min = 1, max = 4096))]
    query: String,
    #[schemars(length(min = 1))]
    agent_id: Option<String>,
    #[schemars(length(min = 1, max = 200))]
    session_keys: Option<Vec<String>>,
    #[schemars(range(min = 1, max = 25))]
    limit: Option<usize>,
}

#[derive(Serialize)]
pub(super) struct Reply {
    results: Vec<SearchHit>,
    /// Whether not everything was looked through, or not all that was found is told.
    truncated: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SearchHit {
    session_key: SessionKey,
    session_id: domain::SessionId,
    message_id: domain::EntryId,
    role: &'static str,
    timestamp: i64,
    snippet: String,
    score: f64,
}

impl Method for SessionsSearch {
    const NAME: &'static str = "sessions.search";
    const SCOPE: Scope = Scope::Read;
    const KIND: Kind = Kind::Read;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        let gateway = &cx.gateway;
        let words = Words::of(&params.query);
        let mut talks = sessions_list::all(gateway, params.agent_id.as_deref());
        if let Some(keys) = &params.session_keys {
            let wanted: Vec<SessionKey> =
                keys.iter().map(|key| gateway.session_key(key, None)).collect();
            talks.retain(|(key, _)| wanted.contains(key));
        }
        talks.sort_by_key(|(_, entry)| std::cmp::Reverse(entry.updated_at));
        let mut found = Found::default();
        for agent in gateway.agents() {
            let owner = |key: &SessionKey| {
                key.agent().unwrap_or_else(|| gateway.config().agents.default.clone())
            };
            let (own, rest): (Vec<_>, Vec<_>) =
                talks.into_iter().partition(|(key, _)| owner(key) == agent);
            talks = rest;
            if !own.is_empty() {
                let of_agent = gateway.store.sessions(&agent).search(own, words.clone()).await?;
                found.hits.extend(of_agent.hits);
                found.truncated |= of_agent.truncated;
            }
        }
        found.hits.sort_by(|a, b| b.score.total_cmp(&a.score).then(newer(b).cmp(&newer(a))));
        let limit = params.limit.unwrap_or(LIMIT);
        let truncated = found.truncated || found.hits.len() > limit;
        let results = found.hits.into_iter().take(limit).map(|hit| told(hit, &words)).collect();
        Ok(Reply { results, truncated })
    }
}

/// When it was said.
fn newer(hit: &Hit) -> i64 {
    let written = hit.line.timestamp.as_deref();
    let at = written.and_then(|text| text.parse::<jiff::Timestamp>().ok());
    at.map_or(0, |at| at.as_millisecond().max(0))
}

fn told(hit: Hit, words: &Words) -> SearchHit {
    let text = envelope::opened(&hit.text);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let begin = words.first_in(&text).saturating_sub(AROUND_CHARS);
    let rest: String = text.chars().skip(begin).collect();
    let mark = if begin > 0 { "…" } else { "" };
    SearchHit {
        timestamp: newer(&hit),
        role: if hit.line.is_by("user") { "user" } else { "assistant" },
        snippet: format!("{mark}{}", cut(&rest, AROUND_CHARS * 2)),
        session_key: hit.key,
        session_id: hit.entry.session_id.clone(),
        message_id: hit.id,
        score: hit.score,
    }
}
