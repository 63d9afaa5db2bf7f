//! The stored conversations as `sessions` and `status` show them, gateway or not.
//!
//! Reads the index beside a running gateway; never writes.

use std::sync::Arc;

use domain::{AgentId, SessionKey};
use serde_json::{Map, Value, json};
use store::{OpenOptions, SessionEntry, Sessions, Store};

use crate::{
    error::{Failure, Kind},
    program::Program,
};

/// Opens the state directory for reading. `index` overrides `session.store`.
pub(crate) fn open(program: &Program, index: Option<String>) -> Result<Store, Failure> {
    let configured = || program.setting_text("/session/store").map(str::to_owned);
    Store::open_unlocked(OpenOptions {
        state_dir: program.locations.state_dir.clone(),
        sessions_template: index.or_else(configured),
        clock: Arc::clone(&program.clock),
    })
    .map_err(|error| Failure::of(Kind::State, &error))
}

/// One conversation, with everything the index says of it.
pub(crate) struct Row {
    pub(crate) agent: AgentId,
    pub(crate) key: SessionKey,
    pub(crate) entry: Arc<SessionEntry>,
    pub(crate) age_ms: u64,
}

/// The conversations of `agent`, newest first.
pub(crate) fn rows(program: &Program, agent: &AgentId, sessions: &Sessions) -> Vec<Row> {
    let now = program.clock.now();
    let mut rows: Vec<Row> = sessions
        .list()
        .into_iter()
        .map(|(key, entry)| Row {
            agent: agent.clone(),
            age_ms: now.since(entry.updated_at),
            key,
            entry,
        })
        .collect();
    rows.sort_by_key(|row| row.age_ms);
    rows
}

impl Row {
    /// `direct`, `group`, `global` or `unknown`.
    pub(crate) fn kind(&self) -> &'static str {
        use domain::session_key::Kind;
        match self.key.kind() {
            Kind::Direct if self.entry.chat_type.as_deref() == Some("group") => "group",
            Kind::Direct => "direct",
            Kind::Group => "group",
            Kind::Global => "global",
            Kind::Unknown => "unknown",
        }
    }

    /// What is out of the ordinary, as `label:value`.
    pub(crate) fn flags(&self) -> Vec<String> {
        let entry = &self.entry;
        let valued = [
            ("think", &entry.thinking_level),
            ("verbose", &entry.verbose_level),
            ("reasoning", &entry.reasoning_level),
            ("elev", &entry.elevated_level),
            ("usage", &entry.response_usage),
            ("activation", &entry.group_activation),
        ];
        let mut flags: Vec<String> = valued
            .into_iter()
            .filter_map(|(label, value)| Some(format!("{label}:{}", value.as_ref()?)))
            .collect();
        for (label, set) in [("system", entry.system_sent), ("aborted", entry.aborted_last_run)] {
            if set == Some(true) {
                flags.push(label.to_owned());
            }
        }
        flags.push(format!("id:{}", entry.session_id));
        flags
    }

    /// Share of the context that is used, in percent.
    pub(crate) fn percent_used(&self) -> Option<u64> {
        let (total, context) = (self.entry.total_tokens?, self.entry.context_tokens?);
        (context > 0).then(|| (total * 100).div_ceil(context).min(999))
    }

    /// A row of `sessions --json`.
    pub(crate) fn session_json(&self) -> Value {
        let entry = &self.entry;
        let mut row = self.head();
        for (name, value) in [
            ("thinkingLevel", &entry.thinking_level),
            ("verboseLevel", &entry.verbose_level),
            ("reasoningLevel", &entry.reasoning_level),
            ("elevatedLevel", &entry.elevated_level),
            ("responseUsage", &entry.response_usage),
            ("groupActivation", &entry.group_activation),
        ] {
            put(&mut row, name, value.as_deref());
        }
        put(&mut row, "systemSent", entry.system_sent);
        put(&mut row, "abortedLastRun", entry.aborted_last_run);
        put(&mut row, "inputTokens", entry.input_tokens);
        put(&mut row, "outputTokens", entry.output_tokens);
        put(&mut row, "totalTokens", entry.total_tokens);
        put(&mut row, "model", entry.model.as_deref());
        put(&mut row, "contextTokens", entry.context_tokens);
        Value::Object(row)
    }

    /// A row of `status --json`.
    pub(crate) fn status_json(&self) -> Value {
        let entry = &self.entry;
        let remaining = entry.context_tokens.zip(entry.total_tokens);
        json!({
            "agentId": self.agent,
            "key": self.key,
            "kind": self.kind(),
            "sessionId": entry.session_id,
            "updatedAt": entry.updated_at,
            "age": self.age_ms,
            "inputTokens": entry.input_tokens,
            "outputTokens": entry.output_tokens,
            "totalTokens": entry.total_tokens,
            "remainingTokens": remaining.map(|(context, total)| context.saturating_sub(total)),
            "percentUsed": self.percent_used(),
            "model": entry.model,
            "contextTokens": entry.context_tokens,
            "flags": self.flags(),
        })
    }

    fn head(&self) -> Map<String, Value> {
        let mut row = Map::new();
        row.insert("key".into(), json!(self.key));
        row.insert("kind".into(), self.kind().into());
        row.insert("updatedAt".into(), json!(self.entry.updated_at));
        row.insert("ageMs".into(), self.age_ms.into());
        row.insert("sessionId".into(), json!(self.entry.session_id));
        row
    }
}

fn put(row: &mut Map<String, Value>, name: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        row.insert(name.to_owned(), value.into());
    }
}
