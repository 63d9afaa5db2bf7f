//! The resolved configuration: no `Option` that means a default, no text that means a choice.

mod approvals;
mod gateway;
mod intake;
mod peers;
mod sandbox;
mod skills;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    time::Duration,
};

use domain::{AgentId, Secret, usage::Prices};

pub use approvals::{ForwardTarget, Forwarding};
pub use gateway::{
    Auth, AuthMode, Bind, ControlUi, Gateway, HttpTools, Mode, Nodes, RateLimit, Reload,
    ReloadMode, TrustedProxy,
};
pub use intake::{Intake, IntakeKind};
pub use peers::{SendPolicy, SendRule, Subagents, Visibility};
pub use sandbox::{
    Docker, Elevated, ElevatedLevel, ExecAsk, ExecSecurity, HostExec, Prune, Sandbox,
    SandboxBackend, SandboxBrowser, SandboxTools, SessionTools, Sharing, Source, SourcedList,
    Ulimit, WorkspaceAccess,
};
pub use skills::{SkillEntry, Skills};

/// Everything the system was told, with defaults filled in. Shared as `Arc<Config>`;
/// a turn takes one snapshot at its start.
#[derive(Clone, Debug)]
pub struct Config {
    /// The server.
    pub gateway: Gateway,
    /// The agents; never empty.
    pub agents: Agents,
    /// Model providers.
    pub models: Models,
    /// Tool settings that hold for all agents.
    pub tools: Tools,
    /// Conversations.
    pub session: Session,
    /// Inbound and outbound messages.
    pub messages: Messages,
    /// Skills.
    pub skills: Skills,
    /// Where else questions about commands are told; `None`: nowhere.
    pub approvals: Option<Forwarding>,
    /// Logs.
    pub logging: Logging,
}

/// The agents.
#[derive(Clone, Debug)]
pub struct Agents {
    /// In file order; never empty.
    pub list: Vec<Agent>,
    /// The one that bare session keys belong to.
    pub default: AgentId,
    /// Turns that may run at once in the main lane.
    pub concurrent_max: usize,
    /// Turns of sub-agents that may run at once.
    pub subagents_max: usize,
}

impl Agents {
    /// The agent called `id`.
    pub fn get(&self, id: &AgentId) -> Option<&Agent> {
        self.list.iter().find(|agent| agent.id == *id)
    }

    /// The directories that any agent's sandboxes write to, sorted. What lies in them may be a
    /// sandbox's doing.
    pub fn exposed(&self) -> Vec<PathBuf> {
        let boxed = self.list.iter().filter(|agent| agent.sandbox != SandboxMode::Off);
        let dirs = boxed.map(|agent| match agent.sandbox_settings.workspace_access {
            WorkspaceAccess::ReadWrite => agent.workspace.clone(),
            WorkspaceAccess::None | WorkspaceAccess::ReadOnly => {
                agent.sandbox_settings.workspace_root.clone()
            }
        });
        let mut dirs: Vec<_> = dirs.collect();
        dirs.sort();
        dirs.dedup();
        dirs
    }
}

/// One agent, with the defaults merged in.
#[derive(Clone, Debug)]
pub struct Agent {
    /// Its id.
    pub id: AgentId,
    /// Its name, if one was given.
    pub name: Option<String>,
    /// How it presents itself.
    pub identity: Identity,
    /// Directory of its files.
    pub workspace: PathBuf,
    /// Directory of its credentials and model list.
    pub agent_dir: PathBuf,
    /// Model refs to try, in order: primary first.
    pub models: Vec<ModelRef>,
    /// `agents.defaults.models`: aliases and parameters; empty means any model may be chosen.
    pub catalogue: BTreeMap<String, CatalogueEntry>,
    /// Most context tokens to use, below the model's own window.
    pub context_tokens_max: Option<u64>,
    /// Thinking level when the session has none; `None`: by the model.
    pub thinking: Option<String>,
    /// Verbose level when the session has none: `off`, `on` or `full`.
    pub verbose: String,
    /// Longest turn; `None` is without end.
    pub timeout: Option<Duration>,
    /// Most characters of one workspace file in the prompt.
    pub bootstrap_chars_max: usize,
    /// Whether starter files are left out of a new workspace.
    pub skip_bootstrap: bool,
    /// IANA zone of the person; `None` is the host's.
    pub timezone: Option<String>,
    /// When the conversation is shortened.
    pub compaction: Compaction,
    /// Heartbeat interval; `None` is off.
    pub heartbeat_every: Option<Duration>,
    /// Heartbeat interval as written, such as `30m`.
    pub heartbeat_every_text: String,
    /// What a heartbeat is.
    pub heartbeat: Heartbeat,
    /// Which of its sessions run their tools in a sandbox.
    pub sandbox: SandboxMode,
    /// How those sandboxes are made.
    pub sandbox_settings: Sandbox,
    /// Its own tool layers.
    pub tools: ToolLayers,
    /// Who may leave the sandbox, besides what holds for all agents.
    pub elevated: Elevated,
    /// What commands need that leave the sandbox.
    pub host_exec: HostExec,
    /// How commands run for senders that may, unless the session says otherwise.
    pub elevated_default: ElevatedLevel,
    /// Its exec settings, global ones merged in.
    pub exec: Exec,
    /// The only skills that it may have, by name; `None` is all.
    pub skills: Option<BTreeSet<String>>,
    /// Its sub-agents.
    pub subagents: Subagents,
}

/// How an agent is woken from time to time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// Whether this agent is one of those that are woken by the clock.
    pub runs: bool,
    /// When of the day; `None` is always.
    pub hours: Option<Hours>,
    /// The model that is asked; `None` is the usual one.
    pub model: Option<ModelRef>,
    /// The conversation it happens in.
    pub session: String,
    /// Where answers go: `last`, `none` or a chat service.
    pub target: String,
    /// What the agent is told; `None` is the built-in text.
    pub prompt: Option<String>,
    /// Characters that may stand beside the word for nothing.
    pub ack_chars_max: usize,
    /// Whether anything of it is shown (`channels.defaults.heartbeat`).
    pub is_shown: bool,
}

/// Hours of a day, in minutes since midnight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hours {
    /// The first minute.
    pub start: u16,
    /// The minute after the last, at most 1440.
    pub end: u16,
    /// IANA zone; `None` is the host's.
    pub zone: Option<String>,
}

/// `sandbox.mode`: which sessions run their tools in a sandbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SandboxMode {
    /// None.
    #[default]
    Off,
    /// All but the agent's main session.
    NonMain,
    /// All.
    All,
}

/// How an agent presents itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// Name.
    pub name: Option<String>,
    /// Character.
    pub theme: Option<String>,
    /// Emoji.
    pub emoji: Option<String>,
    /// URL, data URL or path inside the workspace.
    pub avatar: Option<String>,
}

/// `provider/model`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ModelRef {
    /// Provider id, normalised.
    pub provider: String,
    /// Model id.
    pub model: String,
}

impl std::fmt::Display for ModelRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.provider, self.model)
    }
}

/// One entry of `agents.defaults.models`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CatalogueEntry {
    /// Short name.
    pub alias: Option<String>,
    /// Whether replies are asked for as streams.
    pub streaming: Option<bool>,
    /// Provider parameters: `temperature`, `maxTokens`, `cacheRetention`, …
    pub params: serde_json::Map<String, serde_json::Value>,
}

/// When a conversation is shortened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compaction {
    /// Tokens kept free for the reply.
    pub reserve_tokens: u64,
    /// Tokens of the newest messages that stay verbatim.
    pub keep_recent_tokens: u64,
}

/// Model providers.
#[derive(Clone, Debug)]
pub struct Models {
    /// By provider id.
    pub providers: BTreeMap<String, Provider>,
    /// Whether built-in providers are left out (`models.mode: "replace"`).
    pub replace: bool,
    /// `auth.order`: profile ids by provider.
    pub auth_order: BTreeMap<String, Vec<String>>,
}

/// `models.providers.<id>`.
#[derive(Clone, Debug)]
pub struct Provider {
    /// Such as `https://api.example.com/v1`.
    pub base_url: String,
    /// Key, already looked up when the file names an environment variable.
    pub api_key: Option<Secret>,
    /// Wire dialect; `None`: by provider id, else chat completions.
    pub api: Option<Api>,
    /// Extra request headers. Values may be secret.
    pub headers: BTreeMap<String, Secret>,
    /// Whether the key goes into `Authorization: Bearer` whatever the dialect's custom.
    pub auth_header: bool,
    /// Whether replies are asked for as streams.
    pub streams: bool,
    /// Its models.
    pub models: Vec<ProviderModel>,
}

/// One model of a configured provider.
#[derive(Clone, Debug)]
pub struct ProviderModel {
    /// Id at the provider.
    pub id: String,
    /// Human name.
    pub name: String,
    /// Wire dialect, if it differs from the provider's.
    pub api: Option<Api>,
    /// Whether it can think.
    pub reasoning: bool,
    /// Whether it takes images.
    pub images: bool,
    /// Dollars per million tokens.
    pub prices: Prices,
    /// Context window in tokens.
    pub context_tokens: u64,
    /// Most tokens per reply.
    pub output_tokens_max: u64,
    /// Extra request headers.
    pub headers: BTreeMap<String, Secret>,
    /// Whether replies are asked for as streams; `None`: as the provider says.
    pub streams: Option<bool>,
    /// Deviations from the dialect.
    pub compat: Compat,
}

/// Deviations from a dialect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compat {
    /// Takes `store`.
    pub supports_store: Option<bool>,
    /// Takes the role `developer`.
    pub supports_developer_role: Option<bool>,
    /// Takes `reasoning_effort`.
    pub supports_reasoning_effort: Option<bool>,
    /// Wants `max_tokens` instead of `max_completion_tokens`.
    pub max_tokens_field: Option<MaxTokensField>,
}

/// Name of the output limit in chat completions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaxTokensField {
    /// `max_tokens`.
    MaxTokens,
    /// `max_completion_tokens`.
    MaxCompletionTokens,
}

/// Wire dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    /// `POST <base>/chat/completions`.
    OpenaiCompletions,
    /// `POST <base>/responses`.
    OpenaiResponses,
    /// `POST <base>/v1/messages`.
    AnthropicMessages,
    /// Google; not built yet.
    GoogleGenerativeAi,
    /// GitHub Copilot; not built yet.
    GithubCopilot,
    /// Bedrock; not built yet.
    BedrockConverseStream,
}

impl Api {
    /// The name in config files and transcripts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OpenaiCompletions => "openai-completions",
            Self::OpenaiResponses => "openai-responses",
            Self::AnthropicMessages => "anthropic-messages",
            Self::GoogleGenerativeAi => "google-generative-ai",
            Self::GithubCopilot => "github-copilot",
            Self::BedrockConverseStream => "bedrock-converse-stream",
        }
    }
}

/// Tool settings that hold for all agents.
#[derive(Clone, Debug)]
pub struct Tools {
    /// Global tool layers.
    pub layers: ToolLayers,
    /// Who may leave the sandbox.
    pub elevated: Elevated,
    /// Layer of sub-agents, as configured.
    pub subagents: ToolLayer,
    /// `tools.exec.applyPatch.enabled`; default true (the newer behaviour).
    pub apply_patch: bool,
    /// `tools.exec.applyPatch.allowModels`; empty is all.
    pub apply_patch_models: Vec<String>,
    /// `tools.fs.workspaceOnly`.
    pub workspace_only: bool,
    /// Whether agents may look at each other's sessions.
    pub agent_to_agent: bool,
    /// Agents that may, as patterns.
    pub agent_to_agent_allow: Vec<String>,
    /// `tools.sessions.visibility`: which sessions the session tools reach.
    pub sessions_visibility: Visibility,
}

/// Tool layers of one scope (`tools` or `agents.list[].tools`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolLayers {
    /// `minimal`, `coding`, `messaging` or `full`.
    pub profile: Option<ToolProfile>,
    /// The scope's own lists.
    pub layer: ToolLayer,
    /// By `provider` or `provider/model`.
    pub by_provider: BTreeMap<String, (Option<ToolProfile>, ToolLayer)>,
    /// Lists of sandboxed sessions: for an agent, what holds for it in the end.
    pub sandbox: SandboxTools,
}

/// One allow and deny list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolLayer {
    /// Names, groups, wildcards; `None` is everything.
    pub allow: Option<Vec<String>>,
    /// Added to the profile, or to everything.
    pub also_allow: Vec<String>,
    /// Wins over allow.
    pub deny: Vec<String>,
}

/// A named allow list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToolProfile {
    /// Just the status.
    Minimal,
    /// Files, commands, sessions, memory.
    Coding,
    /// Messages and sessions.
    Messaging,
    /// No restriction.
    Full,
}

/// `tools.exec`.
#[derive(Clone, Debug)]
pub struct Exec {
    /// Where commands run that do not say.
    pub host: ExecHost,
    /// The one node that commands may run on; `None` is any.
    pub node: Option<String>,
    /// Filters that need no entry on the allow-list; `None` is ours.
    pub safe_bins: Option<Vec<String>>,
    /// Directories besides the system's that such filters may come from.
    pub safe_bin_dirs: Vec<String>,
    /// Put before `PATH`.
    pub path_prepend: Vec<String>,
    /// When a command moves to the background; 10 ms to 120 s.
    pub yield_after: Duration,
    /// When a command is killed; `None` is never.
    pub timeout: Option<Duration>,
    /// How long a finished background command is remembered.
    pub finished_kept: Duration,
    /// Whether the session is told when a background command ends.
    pub notify_on_exit: bool,
}

/// `tools.exec.host`: where commands run that do not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExecHost {
    /// In the sandbox if the session has one, else on the gateway's machine.
    #[default]
    Auto,
    /// On the gateway's machine.
    Gateway,
    /// On a node.
    Node,
}

impl ExecHost {
    /// The value of that name.
    pub fn parse(name: &str) -> Option<Self> {
        match name.trim() {
            "auto" | "sandbox" => Some(Self::Auto),
            "gateway" => Some(Self::Gateway),
            "node" => Some(Self::Node),
            _ => None,
        }
    }
}

/// Conversations.
#[derive(Clone, Debug)]
pub struct Session {
    /// Whether all direct chats are one conversation.
    pub global_scope: bool,
    /// Always `main` in practice.
    pub main_key: String,
    /// Messages that start a fresh conversation.
    pub reset_triggers: Vec<String>,
    /// When a conversation goes stale.
    pub reset: Reset,
    /// By `direct`, `group`, `thread`.
    pub reset_by_type: BTreeMap<String, Reset>,
    /// By channel id; wins.
    pub reset_by_channel: BTreeMap<String, Reset>,
    /// `session.store` with `{agentId}`, expanded; `None` is the default place.
    pub store: Option<String>,
    /// Which conversations take messages.
    pub send_policy: SendPolicy,
    /// Replies that two agents may exchange after one message.
    pub ping_pong_max: usize,
}

/// When a conversation goes stale.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reset {
    /// At this hour of local time, 0 to 23.
    pub daily_at_hour: Option<i8>,
    /// After this much silence.
    pub idle: Option<Duration>,
}

/// Inbound and outbound messages.
#[derive(Clone, Debug)]
pub struct Messages {
    /// What a message does while a turn runs.
    pub queue: Queue,
    /// By channel id.
    pub queue_by_channel: BTreeMap<String, QueueMode>,
    /// Debounce by channel id.
    pub debounce_by_channel: BTreeMap<String, Duration>,
}

/// What a message does while a turn runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queue {
    /// See [`QueueMode`].
    pub mode: QueueMode,
    /// Quiet time before waiting messages become a turn.
    pub debounce: Duration,
    /// Most messages that wait.
    pub cap: usize,
    /// What happens at the cap.
    pub drop: QueueDrop,
}

/// What a message does while a turn runs (`spec: sessions` §7.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueMode {
    /// Joins the running turn at the next tool boundary.
    Steer,
    /// Waits for a turn of its own.
    Followup,
    /// Waits, and becomes one turn with the others that wait.
    Collect,
    /// Joins the running turn and waits as well.
    SteerBacklog,
    /// Stops the running turn.
    Interrupt,
}

/// What happens when too many messages wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueDrop {
    /// The oldest goes.
    Old,
    /// The newcomer is refused.
    New,
    /// The oldest goes and leaves a one-line summary.
    Summarize,
}

/// Logs.
#[derive(Clone, Debug)]
pub struct Logging {
    /// `silent`, `fatal`, `error`, `warn`, `info`, `debug` or `trace`.
    pub level: String,
    /// Same, for the console.
    pub console_level: String,
    /// `pretty`, `compact` or `json`; `None`: by terminal.
    pub console_style: Option<String>,
    /// File; `None` is `/tmp/openclaw/openclaw-<date>.log`.
    pub file: Option<PathBuf>,
}

impl ReloadMode {
    /// The mode of that name; `hybrid` for any other.
    pub(crate) fn named(name: &str) -> Self {
        match name {
            "off" => Self::Off,
            "hot" => Self::Hot,
            "restart" => Self::Restart,
            _ => Self::Hybrid,
        }
    }
}
