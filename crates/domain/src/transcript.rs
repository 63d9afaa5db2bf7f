//! One line of a transcript (`spec: sessions` §4).
//!
//! Lines form a tree through `parentId`. They are only ever appended, so what a newer or
//! older program wrote on other lines stays as it is.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{EntryId, Message, SessionId};

/// Version that we write; 1 to 4 are read.
pub const VERSION: u32 = 3;

/// The first line of a transcript.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "session", rename_all = "camelCase")]
pub struct Header {
    /// Version of the file's form.
    pub version: u32,
    /// Id of the conversation.
    pub id: SessionId,
    /// When it began, ISO 8601.
    pub timestamp: String,
    /// Working directory of its tools.
    pub cwd: String,
    /// Transcript that this one was forked from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_session: Option<String>,
}

/// A line after the header.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Id, unique in the file.
    pub id: EntryId,
    /// The line before it on its branch; `None` for the first.
    pub parent_id: Option<EntryId>,
    /// When it was written, ISO 8601.
    pub timestamp: String,
    /// What it says.
    #[serde(flatten)]
    pub body: Body,
}

/// What a line says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum Body {
    /// A message of the conversation.
    Message {
        /// The message.
        message: Message,
    },
    /// The model was chosen.
    ModelChange {
        /// Provider id.
        provider: String,
        /// Model id.
        model_id: String,
    },
    /// The thinking level was chosen.
    ThinkingLevelChange {
        /// `off`, `minimal`, `low`, `medium`, `high` or `xhigh`.
        thinking_level: String,
    },
    /// Everything before `first_kept_entry_id` is replaced by `summary` in the context.
    Compaction {
        /// The summary.
        summary: String,
        /// First line that stays in the context.
        first_kept_entry_id: EntryId,
        /// Context size before, in tokens.
        tokens_before: u64,
    },
    /// A branch was left; its summary stays in the context.
    BranchSummary {
        /// Last line of the branch that was left.
        from_id: EntryId,
        /// The summary.
        summary: String,
    },
    /// A note of a program, never sent to the model.
    Custom {
        /// Whose note it is.
        custom_type: String,
        /// The note.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        data: Option<Value>,
    },
    /// A message of a program, sent to the model as the user's.
    CustomMessage {
        /// Whose message it is.
        custom_type: String,
        /// The message.
        content: crate::Content,
        /// Whether clients show it.
        display: bool,
    },
    /// A bookmark.
    Label {
        /// The line it marks.
        target_id: EntryId,
        /// Its text; absent clears it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        label: Option<String>,
    },
    /// A name for the conversation.
    SessionInfo {
        /// The name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
}
