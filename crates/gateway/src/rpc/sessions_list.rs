//! `sessions.list`: the conversations of all agents, newest first.

use std::{cmp::Reverse, sync::Arc};

use domain::{AgentId, SessionKey, UnixMillis, session_key::Kind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::SessionEntry;

use super::{
    Cx, Method, RpcError,
    session_row::{self, ModelDefaults, Row, Rows},
};
use crate::state::Gateway;

/// Lists conversations.
pub(super) struct SessionsList;

/// Which conversations, and what of them.
#[derive(Default, Deserialize, JsonSchema)]
#[expect(clippy::struct_excessive_bools, reason = "the wire has these flags")]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(super) struct Params {
    #[schemars(range(min = 1))]
    limit: Option<u64>,
    offset: Option<u64>,
    #[schemars(range(min = 1))]
    active_minutes: Option<u64>,
    include_global: bool,
    include_unknown: bool,
    include_derived_titles: bool,
    include_last_message: bool,
    #[schemars(length(min = 1, max = 512))]
    label: Option<String>,
    #[schemars(length(min = 1))]
    spawned_by: Option<String>,
    #[schemars(length(min = 1))]
    agent_id: Option<String>,
    search: Option<String>,
    configured_agents_only: bool,
    /// Nothing is ever archived here.
    archived: Archived,
    /// All of these are about several people, or an order that is the same here.
    #[serde(rename = "requireLastInteraction")]
    _require_last_interaction: Option<bool>,
    #[serde(rename = "sortBy")]
    _sort_by: Option<String>,
    #[serde(rename = "boardFace")]
    _board_face: Option<String>,
    #[serde(rename = "creatorId")]
    _creator_id: Option<String>,
    #[serde(rename = "ownerId")]
    _owner_id: Option<String>,
    #[serde(rename = "ownerFirst")]
    _owner_first: Option<bool>,
    #[serde(rename = "involvingMe")]
    _involving_me: Option<bool>,
    #[serde(rename = "involvingProfileId")]
    _involving_profile_id: Option<String>,
    #[serde(rename = "includePeople")]
    _include_people: Option<bool>,
}

/// Whether archived conversations are meant: `false`, `true` or `"all"`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Archived {
    #[default]
    No,
    Only(bool),
    All(All),
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum All {
    All,
}

/// The conversations, and what holds for those without settings of their own.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reply {
    ts: i64,
    path: String,
    count: usize,
    total_count: usize,
    limit_applied: Option<u64>,
    next_offset: Option<usize>,
    has_more: bool,
    defaults: ModelDefaults,
    sessions: Vec<Row>,
}

type Found = (SessionKey, Arc<SessionEntry>);

impl Method for SessionsList {
    const NAME: &'static str = "sessions.list";
    const SCOPE: domain::Scope = domain::Scope::Read;
    const KIND: super::Kind = super::Kind::Read;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        let gateway = &cx.gateway;
        let now = gateway.clock.now();
        let mut found = all(gateway, params.agent_id.as_deref());
        let config = gateway.config();
        found.retain(|(key, entry)| {
            let owner = key.agent();
            let is_configured = owner.is_none_or(|owner| config.agents.get(&owner).is_some());
            params.wants(key, entry, now) && (is_configured || !params.configured_agents_only)
        });
        found.sort_by_key(|(_, entry)| Reverse(entry.updated_at));
        let total_count = found.len();
        let offset = usize::try_from(params.offset.unwrap_or(0)).unwrap_or(usize::MAX);
        let limit = params.limit.map_or(usize::MAX, |it| usize::try_from(it).unwrap_or(usize::MAX));
        let rows = Rows::new(gateway);
        let mut sessions = Vec::new();
        for (key, entry) in found.into_iter().skip(offset).take(limit) {
            let mut row = rows.row(&key, &entry);
            if params.include_derived_titles || params.include_last_message {
                let told = session_row::told(gateway, &key, &entry).await;
                row.derived_title =
                    params.include_derived_titles.then(|| session_row::title(&entry, &told));
                row.last_message_preview = told.last.filter(|_| params.include_last_message);
            }
            sessions.push(row);
        }
        let end = offset.saturating_add(sessions.len());
        let has_more = end < total_count;
        Ok(Reply {
            ts: now.0,
            path: path(gateway),
            count: sessions.len(),
            total_count,
            limit_applied: params.limit,
            next_offset: has_more.then_some(end),
            has_more,
            defaults: rows.defaults(&config.agents.default),
            sessions,
        })
    }
}

impl Params {
    fn wants(&self, key: &SessionKey, entry: &SessionEntry, now: UnixMillis) -> bool {
        let kind = key.kind();
        let is_of_kind = match kind {
            Kind::Global => self.include_global,
            Kind::Unknown => self.include_unknown,
            Kind::Direct | Kind::Group => true,
        };
        let is_alias = key.rest().starts_with("cron:") && key.rest().contains(":run:");
        let is_active = self
            .active_minutes
            .is_none_or(|it| now.since(entry.updated_at) <= it.saturating_mul(60_000));
        let has_label = self.label.is_none() || self.label == entry.label;
        let has_parent = self.spawned_by.is_none() || self.spawned_by == entry.spawned_by;
        let is_living = !matches!(self.archived, Archived::Only(true));
        is_living
            && is_of_kind
            && !is_alias
            && is_active
            && has_label
            && has_parent
            && self.finds(key, entry)
    }

    fn finds(&self, key: &SessionKey, entry: &SessionEntry) -> bool {
        let Some(wanted) = self.search.as_deref().map(|it| it.trim().to_lowercase()) else {
            return true;
        };
        let names = [&entry.display_name, &entry.label, &entry.subject];
        names
            .into_iter()
            .flatten()
            .map(String::as_str)
            .chain([key.as_str(), entry.session_id.as_str()])
            .any(|name| name.to_lowercase().contains(&wanted))
    }
}

/// All conversations: of configured agents, and of those that left files behind.
pub(super) fn all(gateway: &Gateway, only: Option<&str>) -> Vec<Found> {
    let only = only.map(AgentId::normalise);
    let mut found: Vec<Found> = Vec::new();
    let agents = gateway.agents();
    for agent in agents.iter().filter(|agent| only.as_ref().is_none_or(|it| it == *agent)) {
        for (key, entry) in gateway.store.sessions(agent).list() {
            // Agents that share one index each list the keys that belong to nobody.
            if key.agent().is_some() || !found.iter().any(|(known, _)| *known == key) {
                found.push((key, entry));
            }
        }
    }
    found
}

/// Where the conversations are listed, for display.
fn path(gateway: &Gateway) -> String {
    match &gateway.config().session.store {
        Some(path) if !path.contains("{agentId}") => path.clone(),
        Some(_) | None => "(multiple)".to_owned(),
    }
}
