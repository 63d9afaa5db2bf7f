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
    Run {
        /// The command line.
        command: String,
        /// Whether it asks to leave the sandbox; `None` when it does not say.
        elevated: Option<bool>,
    },
    /// Looks at, or talks to, processes that `Run` left in the background.
    Supervise,
    /// Looks at conversations.
    Observe,
    /// Changes settings of a conversation.
    Configure,
}
