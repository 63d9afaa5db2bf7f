//! One entry of the session index: plain data, as `sessions.json` has it.
//!
//! Fields that the program reads are typed; everything else, known to other versions or to
//! nobody, stays in `extra` and is written back as it was.

use domain::{SessionId, UnixMillis};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What is remembered of a conversation beside its transcript.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionEntry {
    /// The current transcript.
    pub session_id: SessionId,
    /// Last change; never moves backwards.
    #[serde(default)]
    pub updated_at: UnixMillis,
    /// File of the transcript, when it is not the usual one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_file: Option<String>,
    /// Key of the conversation that spawned this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spawned_by: Option<String>,
    /// Name given by a person, unique, at most 64 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Name for lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Whether the system prompt was sent in this conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_sent: Option<bool>,
    /// Whether a person stopped the last turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aborted_last_run: Option<bool>,
    /// Whether the group's activation is still to be explained to the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_activation_needs_system_intro: Option<bool>,
    /// `direct`, `group` or `channel`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chat_type: Option<String>,
    /// The chat service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// Id of the group there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_id: Option<String>,
    /// Title of the group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Name of the room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_channel: Option<String>,
    /// Server or workspace of the room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub space: Option<String>,
    /// Where the conversation began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// Where replies go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery_context: Option<DeliveryContext>,
    /// Last route: chat service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_channel: Option<String>,
    /// Last route: peer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_to: Option<String>,
    /// Last route: account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_account_id: Option<String>,
    /// Last route: thread, a string or a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_thread_id: Option<Value>,
    /// Thinking level of this conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thinking_level: Option<String>,
    /// `on`, `off` or `full`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verbose_level: Option<String>,
    /// `on`, `off` or `stream`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning_level: Option<String>,
    /// `on`, `off`, `ask` or `full`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elevated_level: Option<String>,
    /// `on`, `off`, `tokens` or `full`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_usage: Option<String>,
    /// When replies are spoken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tts_auto: Option<String>,
    /// `sandbox`, `gateway` or `node`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exec_host: Option<String>,
    /// `deny`, `allowlist` or `full`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exec_security: Option<String>,
    /// `off`, `on-miss` or `always`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exec_ask: Option<String>,
    /// The node that runs commands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exec_node: Option<String>,
    /// Provider chosen for this conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_override: Option<String>,
    /// Model chosen for this conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_override: Option<String>,
    /// Auth profile chosen for this conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_profile_override: Option<String>,
    /// Who chose it: `auto` or `user`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_profile_override_source: Option<String>,
    /// `compaction_count` when it was chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_profile_override_compaction_count: Option<u64>,
    /// Provider of the last turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_provider: Option<String>,
    /// Model of the last turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Context window of that model, in tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_tokens: Option<u64>,
    /// `mention` or `always`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_activation: Option<String>,
    /// `allow` or `deny`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub send_policy: Option<String>,
    /// Queue mode of this conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_mode: Option<String>,
    /// Its debounce.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_debounce_ms: Option<u64>,
    /// Its cap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_cap: Option<u64>,
    /// `old`, `new` or `summarize`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_drop: Option<String>,
    /// Prompt tokens of the last turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<u64>,
    /// Written tokens of the last turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<u64>,
    /// Context size of the last model request, in tokens; not a running sum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_tokens: Option<u64>,
    /// How often the conversation was compacted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compaction_count: Option<u64>,
    /// Last memory flush.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_flush_at: Option<UnixMillis>,
    /// `compaction_count` at the last memory flush.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_flush_compaction_count: Option<u64>,
    /// Everything else that the file has.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// Where a conversation began.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Origin {
    /// Name of the peer or group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The chat service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The program at the other end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub surface: Option<String>,
    /// `direct`, `group` or `channel`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chat_type: Option<String>,
    /// Sender.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Addressee.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// Thread, a string or a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread_id: Option<Value>,
    /// Everything else that the file has.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// Where replies go.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryContext {
    /// Chat service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// Peer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// Thread, a string or a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread_id: Option<Value>,
    /// Everything else that the file has.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl SessionEntry {
    /// A new conversation with a random session id.
    pub fn fresh(now: UnixMillis) -> Self {
        Self {
            session_id: SessionId::random(),
            updated_at: now,
            session_file: None,
            spawned_by: None,
            label: None,
            display_name: None,
            system_sent: None,
            aborted_last_run: None,
            group_activation_needs_system_intro: None,
            chat_type: None,
            channel: None,
            group_id: None,
            subject: None,
            group_channel: None,
            space: None,
            origin: None,
            delivery_context: None,
            last_channel: None,
            last_to: None,
            last_account_id: None,
            last_thread_id: None,
            thinking_level: None,
            verbose_level: None,
            reasoning_level: None,
            elevated_level: None,
            response_usage: None,
            tts_auto: None,
            exec_host: None,
            exec_security: None,
            exec_ask: None,
            exec_node: None,
            provider_override: None,
            model_override: None,
            auth_profile_override: None,
            auth_profile_override_source: None,
            auth_profile_override_compaction_count: None,
            model_provider: None,
            model: None,
            context_tokens: None,
            group_activation: None,
            send_policy: None,
            queue_mode: None,
            queue_debounce_ms: None,
            queue_cap: None,
            queue_drop: None,
            input_tokens: None,
            output_tokens: None,
            total_tokens: None,
            compaction_count: None,
            memory_flush_at: None,
            memory_flush_compaction_count: None,
            extra: Map::new(),
        }
    }

    /// The entry after `sessions.reset`: a new session id; what a person chose is kept, what
    /// a turn left behind is not.
    #[must_use]
    pub fn reset_keeping(&self, now: UnixMillis) -> Self {
        let mut fresh = Self::fresh(now);
        fresh.thinking_level.clone_from(&self.thinking_level);
        fresh.verbose_level.clone_from(&self.verbose_level);
        fresh.reasoning_level.clone_from(&self.reasoning_level);
        fresh.response_usage.clone_from(&self.response_usage);
        fresh.model.clone_from(&self.model);
        fresh.context_tokens = self.context_tokens;
        fresh.send_policy.clone_from(&self.send_policy);
        fresh.label.clone_from(&self.label);
        fresh.origin.clone_from(&self.origin);
        fresh.last_channel.clone_from(&self.last_channel);
        fresh.last_to.clone_from(&self.last_to);
        if let Some(skills) = self.extra.get("skillsSnapshot") {
            fresh.extra.insert("skillsSnapshot".to_owned(), skills.clone());
        }
        fresh.system_sent = Some(false);
        fresh.aborted_last_run = Some(false);
        fresh.input_tokens = Some(0);
        fresh.output_tokens = Some(0);
        fresh.total_tokens = Some(0);
        fresh
    }

    /// This entry with the fields that differ between `before` and `after` as `after` has them.
    pub(crate) fn with_changes(&self, before: &Self, after: &Self) -> Self {
        let fields = |entry: &Self| match serde_json::to_value(entry) {
            Ok(Value::Object(fields)) => fields,
            Ok(_) | Err(_) => Map::new(),
        };
        let (before, after, mut merged) = (fields(before), fields(after), fields(self));
        for name in before.keys().chain(after.keys()) {
            match (before.get(name), after.get(name)) {
                (old, Some(new)) if old != Some(new) => {
                    merged.insert(name.clone(), new.clone());
                }
                (Some(_), None) => {
                    merged.shift_remove(name);
                }
                (Some(_) | None, Some(_)) | (None, None) => {}
            }
        }
        let mut merged: Self =
            serde_json::from_value(Value::Object(merged)).unwrap_or_else(|_| self.clone());
        merged.updated_at = merged.updated_at.max(self.updated_at);
        merged
    }

    /// Reads one value of `sessions.json`; `None` when it is not an entry.
    pub(crate) fn read(value: &Value) -> Option<Self> {
        let mut fields = value.as_object()?.clone();
        for (old, new) in RENAMED {
            if let Some(value) = fields.shift_remove(old)
                && !fields.contains_key(new)
            {
                fields.insert(new.to_owned(), value);
            }
        }
        serde_json::from_value(Value::Object(fields)).ok()
    }
}

/// Names of early versions and today's.
const RENAMED: [(&str, &str); 3] =
    [("provider", "channel"), ("lastProvider", "lastChannel"), ("room", "groupChannel")];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn old_names_are_read_as_the_new_ones_and_unknown_fields_stay() {
        let entry = SessionEntry::read(&json!({
            "sessionId": "s", "updatedAt": 5, "provider": "telegram", "lastProvider": "telegram",
            "room": "#r", "futureField": {"a": [1, 2]}, "lastThreadId": 7,
        }))
        .unwrap();

        assert_eq!(
            serde_json::to_value(&entry).unwrap(),
            json!({
                "sessionId": "s", "updatedAt": 5, "groupChannel": "#r", "channel": "telegram",
                "lastChannel": "telegram", "lastThreadId": 7, "futureField": {"a": [1, 2]},
            })
        );
    }

    #[test]
    fn a_reset_keeps_choices_and_drops_counters() {
        let mut before = SessionEntry::fresh(UnixMillis(1));
        before.label = Some("work".to_owned());
        before.model_override = Some("m".to_owned());
        before.total_tokens = Some(99);
        before.extra.insert("skillsSnapshot".to_owned(), json!({"version": 1}));
        before.extra.insert("systemPromptReport".to_owned(), json!({}));

        let after = before.reset_keeping(UnixMillis(2));

        assert_ne!(after.session_id, before.session_id);
        assert_eq!(after.label.as_deref(), Some("work"));
        assert_eq!(
            (after.model_override, after.total_tokens, after.system_sent),
            (None, Some(0), Some(false))
        );
        assert_eq!(after.extra.keys().collect::<Vec<_>>(), ["skillsSnapshot"]);
    }
}
