//! `sessions.usage`: what each conversation cost, and all of them by model, agent and channel.

use std::{cmp::Reverse, collections::BTreeMap, sync::Arc};

use domain::{AgentId, Scope, SessionKey};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::SessionEntry;

use super::{
    Cx, Kind, Method, RpcError, sessions_list,
    usage_span::{Wanted, span},
};
use crate::usage::{Day, Messages, Span, Sum, Totals};

/// Conversations when nobody says.
const LIMIT_DEFAULT: usize = 50;

/// Tells what conversations cost.
pub(super) struct SessionsUsage;

/// Which conversations and days.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Params {
    #[schemars(length(min = 1))]
    key: Option<String>,
    #[schemars(length(min = 1))]
    agent_id: Option<String>,
    start_date: Option<String>,
    end_date: Option<String>,
    mode: Option<Mode>,
    range: Option<Range>,
    time_zone: Option<String>,
    utc_offset: Option<String>,
    #[schemars(range(min = 1))]
    limit: Option<usize>,
    /// All of these ask for what is the same here.
    #[serde(rename = "agentScope")]
    _agent_scope: Option<String>,
    #[serde(rename = "groupBy")]
    _group_by: Option<String>,
    #[serde(rename = "includeHistorical")]
    _include_historical: Option<bool>,
    #[serde(rename = "includeContextWeight")]
    _include_context_weight: Option<bool>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Mode {
    Utc,
    Gateway,
    Specific,
}

#[derive(Deserialize, JsonSchema)]
enum Range {
    #[serde(rename = "7d")]
    Week,
    #[serde(rename = "30d")]
    Month,
    #[serde(rename = "90d")]
    Quarter,
    #[serde(rename = "1y")]
    Year,
    #[serde(rename = "all")]
    All,
}

/// What they cost.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reply {
    updated_at: i64,
    start_date: String,
    end_date: String,
    sessions: Vec<Row>,
    totals: Totals,
    aggregates: Aggregates,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    key: SessionKey,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    session_id: String,
    updated_at: i64,
    agent_id: AgentId,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    chat_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model_provider: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<Arc<str>>,
    usage: Option<Value>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Aggregates {
    messages: Messages,
    tools: Value,
    by_model: Vec<Value>,
    by_provider: Vec<Value>,
    by_agent: Vec<Value>,
    by_channel: Vec<Value>,
    model_daily: Vec<Value>,
    daily: Vec<Value>,
}

impl Method for SessionsUsage {
    const NAME: &'static str = "sessions.usage";
    const SCOPE: Scope = Scope::Read;
    const KIND: Kind = Kind::Read;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        let gateway = &cx.gateway;
        let now = gateway.clock.now();
        let span = params.span(now)?;
        let mut found = sessions_list::all(gateway, params.agent_id.as_deref());
        if let Some(key) = &params.key {
            let key = gateway.session_key(key, None);
            found.retain(|(it, _)| *it == key);
        }
        found.sort_by_key(|(_, entry)| Reverse(entry.updated_at));
        let mut whole = Sum::default();
        let mut by_agent: BTreeMap<String, Totals> = BTreeMap::new();
        let mut by_channel: BTreeMap<String, Totals> = BTreeMap::new();
        let mut rows = Vec::new();
        for (key, entry) in found {
            let told = gateway.sessions_of(&key).told(&entry.session_id).await?;
            let mut sum = Sum::default();
            sum.add(&told, &span);
            whole.merge(&sum);
            let agent = key.agent().unwrap_or_else(|| gateway.config().agents.default.clone());
            *by_agent.entry(agent.to_string()).or_default() += sum.totals;
            if let Some(channel) = channel(&entry) {
                *by_channel.entry(channel).or_default() += sum.totals;
            }
            rows.push(row((key, agent), &entry, &sum));
        }
        rows.truncate(params.limit.unwrap_or(LIMIT_DEFAULT));
        Ok(Reply {
            updated_at: now.0,
            start_date: span.from.to_string(),
            end_date: span.to.to_string(),
            sessions: rows,
            totals: whole.totals,
            aggregates: aggregates(&whole, by_agent, by_channel),
        })
    }
}

impl Params {
    fn span(&self, now: domain::UnixMillis) -> Result<Span, RpcError> {
        span(
            Wanted {
                from: self.start_date.as_deref(),
                to: self.end_date.as_deref(),
                days: None,
                range: self.range.as_ref().map(|it| match it {
                    Range::Week => "7d",
                    Range::Month => "30d",
                    Range::Quarter => "90d",
                    Range::Year => "1y",
                    Range::All => "all",
                }),
                mode: self.mode.as_ref().map(|it| match it {
                    Mode::Utc => "utc",
                    Mode::Gateway => "gateway",
                    Mode::Specific => "specific",
                }),
                zone: self.time_zone.as_deref(),
                offset: self.utc_offset.as_deref(),
            },
            now,
        )
    }
}

fn channel(entry: &SessionEntry) -> Option<String> {
    entry.channel.clone().or_else(|| entry.last_channel.clone())
}

fn row((key, agent_id): (SessionKey, AgentId), entry: &SessionEntry, sum: &Sum) -> Row {
    let main = sum.models.iter().max_by_key(|(_, (count, _))| *count).map(|(name, _)| name);
    Row {
        key,
        agent_id,
        label: entry.label.clone(),
        session_id: entry.session_id.to_string(),
        updated_at: entry.updated_at.0,
        channel: channel(entry),
        chat_type: entry.chat_type.clone(),
        model_provider: main.map(|(provider, _)| Arc::clone(provider)),
        model: main.map(|(_, model)| Arc::clone(model)),
        usage: (!sum.is_empty()).then(|| usage(sum)),
    }
}

/// What one conversation cost, in detail.
fn usage(sum: &Sum) -> Value {
    let mut usage = json!(sum.totals);
    let (first, last) = (sum.first.unwrap_or_default(), sum.last.unwrap_or_default());
    let daily = |of: fn(&Day) -> Value| -> Vec<Value> {
        sum.days.iter().map(|(date, day)| dated(*date, of(day))).collect()
    };
    usage["firstActivity"] = first.0.into();
    usage["lastActivity"] = last.0.into();
    usage["durationMs"] = last.since(first).into();
    usage["activityDates"] = sum.active_days().iter().map(ToString::to_string).collect();
    usage["dailyBreakdown"] =
        daily(|day| json!({ "tokens": day.totals.total_tokens, "cost": day.totals.total_cost }))
            .into();
    usage["dailyMessageCounts"] = daily(|day| json!(day.messages)).into();
    usage["messageCounts"] = json!(sum.messages);
    usage["toolUsage"] = tools(sum);
    usage["modelUsage"] = by_model(sum).into();
    usage
}

fn aggregates(
    sum: &Sum,
    by_agent: BTreeMap<String, Totals>,
    by_channel: BTreeMap<String, Totals>,
) -> Aggregates {
    let mut by_provider: BTreeMap<&Arc<str>, (u64, Totals)> = BTreeMap::new();
    for ((provider, _), (count, totals)) in &sum.models {
        let entry = by_provider.entry(provider).or_default();
        entry.0 += count;
        entry.1 += *totals;
    }
    let daily = sum.days.iter().map(|(date, day)| {
        let Messages { total, tool_calls, errors, .. } = day.messages;
        let facts = json!({
            "tokens": day.totals.total_tokens, "cost": day.totals.total_cost,
            "messages": total, "toolCalls": tool_calls, "errors": errors,
        });
        dated(*date, facts)
    });
    let model_daily = sum.days.iter().flat_map(|(date, day)| {
        day.models.iter().map(|((provider, model), totals)| {
            let facts = json!({
                "provider": provider, "model": model,
                "tokens": totals.total_tokens, "cost": totals.total_cost,
            });
            dated(*date, facts)
        })
    });
    Aggregates {
        messages: sum.messages,
        tools: tools(sum),
        by_model: by_model(sum),
        by_provider: by_provider
            .into_iter()
            .map(|(name, (count, totals))| {
                json!({ "provider": name, "count": count, "totals": totals })
            })
            .collect(),
        by_agent: named("agentId", by_agent),
        by_channel: named("channel", by_channel),
        model_daily: model_daily.collect(),
        daily: daily.collect(),
    }
}

fn dated(date: jiff::civil::Date, mut facts: Value) -> Value {
    facts["date"] = date.to_string().into();
    facts
}

fn named(field: &str, sums: BTreeMap<String, Totals>) -> Vec<Value> {
    let mut sums: Vec<_> = sums.into_iter().collect();
    sums.sort_by_key(|(_, totals)| Reverse(totals.total_tokens));
    sums.into_iter().map(|(name, totals)| json!({ field: name, "totals": totals })).collect()
}

fn by_model(sum: &Sum) -> Vec<Value> {
    let mut models: Vec<_> = sum.models.iter().collect();
    models.sort_by_key(|(_, (_, totals))| Reverse(totals.total_tokens));
    models
        .into_iter()
        .map(|((provider, model), (count, totals))| {
            json!({ "provider": provider, "model": model, "count": count, "totals": totals })
        })
        .collect()
}

fn tools(sum: &Sum) -> Value {
    let mut tools: Vec<_> = sum.tools.iter().collect();
    tools.sort_by_key(|(_, count)| Reverse(**count));
    let total: u64 = tools.iter().map(|(_, count)| **count).sum();
    let list: Vec<Value> =
        tools.iter().map(|(name, count)| json!({ "name": name, "count": count })).collect();
    json!({ "totalCalls": total, "uniqueTools": list.len(), "tools": list })
}
