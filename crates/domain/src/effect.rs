//! What a tool call would do to the world, said before it is done.

/// What a call would do. Judged by `policy`, which needs no more than this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Reads a file.
    Read {
        /// As the model wrote it.
        path: String,
    },
    /// Writes, moves or deletes files.
    Write {
        /// As the model wrote them.
        paths: Vec<String>,
    },
    /// Runs a shell command.
    Run(Run),
    /// Looks at, ends or talks to processes that `Run` left in the background.
    Supervise {
        /// Whether it writes to their input, which a shell runs as commands.
        types: bool,
    },
    /// Looks at conversations.
    Observe,
    /// Changes settings of a conversation.
    Configure,
    /// Writes to another conversation.
    Send {
        /// Its key, id or label, as the model wrote it.
        to: String,
    },
    /// Starts a sub-agent.
    Spawn {
        /// The agent that it is to be; `None` is the caller's own.
        agent: Option<String>,
    },
}

impl Effect {
    /// Whether it changes more than the conversation that it belongs to: files, processes, other
    /// conversations. A door for bare requests lets such a call pass only by name.
    pub fn reaches_far(&self) -> bool {
        match self {
            Self::Write { .. }
            | Self::Run(_)
            | Self::Supervise { .. }
            | Self::Send { .. }
            | Self::Spawn { .. } => true,
            Self::Read { .. } | Self::Observe | Self::Configure => false,
        }
    }
}

/// A shell command, and how it wants to be run. Wishes can only make things stricter; what they
/// come to is `policy`'s to say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// The command line.
    pub command: String,
    /// Whether it asks to leave the sandbox; `None` when it does not say.
    pub elevated: Option<bool>,
    /// Where it wants to run: `auto`, `sandbox`, `gateway` or `node`.
    pub host: Option<String>,
    /// Which commands it says may run: `deny`, `allowlist` or `full`.
    pub security: Option<String>,
    /// When it says a person is asked: `off`, `on-miss` or `always`.
    pub ask: Option<String>,
    /// Directory it wants to run in, as written.
    pub workdir: Option<String>,
    /// Whether it sets environment variables.
    pub sets_env: bool,
}
