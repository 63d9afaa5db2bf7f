//! A state directory that goes with the test.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use domain::{
    AgentId, CallId, Content, Message, Part, SessionKey, SystemClock, ToolResult, UnixMillis, User,
    message::Assistant, transcript::Body,
};
use store::{OpenOptions, SessionEntry, Sessions, Store, Transcript};

/// The directory, and the file work tests do behind the store's back.
pub(crate) struct Home {
    dir: tempfile::TempDir,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn state_dir(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    pub(crate) fn options(&self) -> OpenOptions {
        options(&self.state_dir())
    }

    pub(crate) fn open(&self) -> Store {
        Store::open(self.options()).unwrap()
    }

    pub(crate) fn sessions_dir(&self) -> PathBuf {
        self.state_dir().join("agents/main/sessions")
    }

    /// A transcript with exactly these bytes, and the entry that leads to it.
    pub(crate) fn put_transcript(&self, text: &[u8]) -> (SessionEntry, PathBuf) {
        let entry = SessionEntry::fresh(UnixMillis(1));
        let path = self.sessions_dir().join(format!("{}.jsonl", entry.session_id));
        std::fs::create_dir_all(self.sessions_dir()).unwrap();
        std::fs::write(&path, text).unwrap();
        (entry, path)
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let found = std::fs::read_dir(self.sessions_dir()).unwrap();
        let mut names: Vec<_> =
            found.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

pub(crate) fn options(state_dir: &Path) -> OpenOptions {
    OpenOptions {
        state_dir: state_dir.to_owned(),
        sessions_template: None,
        clock: Arc::new(SystemClock),
    }
}

pub(crate) fn main_sessions(store: &Store) -> Sessions {
    store.sessions(&AgentId::main())
}

pub(crate) fn key(rest: &str) -> SessionKey {
    SessionKey::of(&AgentId::main(), rest)
}

pub(crate) async fn open(store: &Store, entry: &SessionEntry) -> Transcript {
    main_sessions(store).open(&key("main"), entry, "/w").await.unwrap()
}

pub(crate) fn says(text: &str) -> Body {
    let user = User { content: Content::text(text), timestamp: UnixMillis(1) };
    Body::Message { message: Message::User(user) }
}

pub(crate) fn replies(text: &str) -> Body {
    assistant(vec![Part::text(text)])
}

pub(crate) fn calls(ids: &[&str]) -> Body {
    let call = |id: &&str| Part::ToolCall {
        id: CallId::new(*id),
        name: "exec".to_owned(),
        arguments: serde_json::json!({}),
        thought_signature: None,
    };
    assistant(ids.iter().map(call).collect())
}

pub(crate) fn result(id: &str) -> Body {
    let result = ToolResult {
        tool_call_id: CallId::new(id),
        tool_name: "exec".to_owned(),
        content: Content::text(format!("result of {id}")),
        details: None,
        is_error: false,
        timestamp: UnixMillis(1),
    };
    Body::Message { message: Message::ToolResult(result) }
}

fn assistant(parts: Vec<Part>) -> Body {
    let said: Assistant =
        serde_json::from_value(serde_json::json!({"content": [], "timestamp": 1})).unwrap();
    let said = Assistant { content: Content(parts), ..said };
    Body::Message { message: Message::Assistant(said) }
}

/// The context in short: `u:text`, `a:text`, `a!call`, `r:call`, `e:call` for made-up answers.
pub(crate) fn shown(transcript: &Transcript) -> Vec<String> {
    let context = transcript.context();
    assert_eq!(context.messages.len(), context.entry_ids.len());
    context.messages.iter().map(|message| short(message)).collect()
}

fn short(message: &Message) -> String {
    match message {
        Message::User(user) => format!("u:{}", user.content.joined_text()),
        Message::Assistant(said) => {
            let calls: Vec<String> = said.content.0.iter().filter_map(call_id).collect();
            if calls.is_empty() {
                format!("a:{}", said.content.joined_text())
            } else {
                format!("a!{}", calls.join(","))
            }
        }
        Message::ToolResult(result) if result.is_error => format!("e:{}", result.tool_call_id),
        Message::ToolResult(result) => format!("r:{}", result.tool_call_id),
        Message::BashExecution(bash) => format!("b:{}", bash.command),
    }
}

fn call_id(part: &Part) -> Option<String> {
    match part {
        Part::ToolCall { id, .. } => Some(id.to_string()),
        Part::Text { .. } | Part::Thinking { .. } | Part::Image { .. } => None,
    }
}
