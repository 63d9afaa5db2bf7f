//! Why things are as they are: what `sandbox explain` shows, and what a blocked call is told.
//!
//! Decides nothing. Everything here is asked of [`crate::place`], [`crate::tool_policy`] and
//! [`crate::elevated`], which decide, so that the report cannot differ from what happens.

use std::path::PathBuf;

use config::{Agent, Config, SandboxMode, Sharing, Source, WorkspaceAccess};
use domain::{AgentId, SessionKey};
use serde::Serialize;

use crate::{
    elevated::{Gate, Rules},
    place::{Place, place},
    tool_policy::{SandboxBlock, SandboxLists},
};

const DOCS_URL: &str = "https://docs.openclaw.ai/sandbox";
const MODE_OFF: &str = "agents.defaults.sandbox.mode=off";
const NO_BROWSER: &str = "sandbox.browser.enabled is true, but this version has no `browser` tool: no \
                          container with a browser is started";

/// The sandbox of a session, as far as words need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Boxed {
    /// `sandbox.mode` of the agent.
    pub mode: SandboxMode,
    /// The session.
    pub session: SessionKey,
    /// The agent's main session.
    pub main_session: SessionKey,
}

impl Boxed {
    /// The sandbox of `session`; `None` when its tools run on the host.
    pub fn of(config: &Config, agent: &Agent, session: &SessionKey) -> Option<Self> {
        let is_boxed = place(agent.sandbox, session, &config.session.main_key) == Place::Sandbox;
        is_boxed.then(|| Self {
            mode: agent.sandbox,
            session: session.clone(),
            main_session: main_session(config, &agent.id),
        })
    }

    /// Why `tool` is blocked, and what would unblock it.
    pub(crate) fn explain_block(&self, tool: &str, block: &SandboxBlock) -> String {
        let lists = [("deny list", &block.denied_by), ("allow list", &block.missing_from)];
        let reasons: Vec<&str> =
            lists.iter().filter(|(_, key)| key.is_some()).map(|(name, _)| *name).collect();
        let mut lines = vec![
            format!(
                "the sandbox policy keeps `{tool}` from this session (mode `{}`, session `{}`)",
                mode_name(self.mode),
                self.session
            ),
            format!("reason: {}", reasons.join(", ")),
        ];
        if let Some(key) = &block.denied_by {
            lines.push(format!("fix: take `{tool}` out of {key}"));
        }
        if let Some(key) = &block.missing_from {
            lines.push(format!("fix: add `{tool}` to {key}"));
        }
        lines.push(format!("fix: run without a sandbox: {MODE_OFF}"));
        if self.mode == SandboxMode::NonMain {
            let main = &self.main_session;
            lines.push(format!("fix: use the main session, which is not sandboxed: {main}"));
        }
        lines.push(format!("see: {}", self.explain_command()));
        lines.join("\n")
    }

    /// The command that tells more.
    pub(crate) fn explain_command(&self) -> String {
        format!("openclaw sandbox explain --session {}", self.session)
    }
}

/// What `agent` asks for by `sandbox.browser.enabled` and does not get.
pub fn browser_note(agent: &Agent) -> Option<&'static str> {
    agent.sandbox_settings.browser.enabled.then_some(NO_BROWSER)
}

/// What a person asks about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The agent.
    pub agent: AgentId,
    /// The session as it is named; blank never.
    pub session: String,
}

impl Subject {
    /// Finds agent and session from what was typed, either of which may be missing.
    pub fn find(config: &Config, agent: Option<&str>, session: Option<&str>) -> Self {
        let typed = session.map(str::trim).filter(|text| !text.is_empty());
        let of_session = || typed.and_then(|text| SessionKey::stored(text).agent());
        let agent = agent.map(str::trim).filter(|text| !text.is_empty()).map(AgentId::normalise);
        let agent = agent.or_else(of_session).unwrap_or_else(|| config.agents.default.clone());
        let session = match typed {
            None => main_session(config, &agent).to_string(),
            Some(text) if text.contains(':') || text == "global" => text.to_owned(),
            Some(text) => format!("agent:{agent}:{text}"),
        };
        Self { agent, session }
    }

    /// The session's key, as the rules compare it.
    pub fn key(&self, config: &Config) -> SessionKey {
        SessionKey::canonical(&self.session, &self.agent, &config.session.main_key)
    }

    /// The channel that the session's key names.
    pub fn channel(&self) -> Option<String> {
        const KINDS: [&str; 5] = ["group", "channel", "dm", "direct", "thread"];
        let key = SessionKey::stored(&self.session);
        let mut parts = key.rest().split(':');
        let (channel, kind) = (parts.next()?, parts.next()?);
        KINDS.contains(&kind).then(|| channel.to_owned())
    }
}

/// The directories of a sandbox, which its backend lays out.
#[derive(Clone, Debug, Default)]
pub struct Layout {
    /// Directory that is the workspace inside, on the gateway's machine.
    pub workspace: PathBuf,
    /// What is mounted.
    pub mounts: Vec<Mount>,
    /// How the inside is reached, where that is known.
    pub reach: Option<Reach>,
    /// What makes the wall.
    pub wall: Vec<Wall>,
}

/// A setting of the wall beside what was found inside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Wall {
    /// Its key below `sandbox`.
    pub key: String,
    /// What it asks for.
    pub asked: String,
    /// What was found at the container's first use; `None` before that.
    pub found: Option<String>,
    /// `holds`, `unseen`, or `unproven` before the first use.
    pub verdict: &'static str,
}

/// How the inside of a sandbox is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Reach {
    /// `servant`, or `engine-exec` where that cannot run.
    pub by: &'static str,
    /// The same in words.
    pub told: &'static str,
}

/// A directory of the host inside a sandbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Mount {
    /// Where it is on the host.
    pub host_root: String,
    /// Where it is inside.
    pub container_root: String,
    /// Whether it can be written inside.
    pub writable: bool,
    /// Why it is there: `workspace`, `agent`, `skills` or `bind`.
    pub source: &'static str,
}

/// What `sandbox explain` shows.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the fields are those of the payload, told in docs/sandbox.md")]
pub struct Report {
    pub docs_url: &'static str,
    pub agent_id: AgentId,
    pub session_key: String,
    pub main_session_key: SessionKey,
    pub sandbox: SandboxReport,
    pub elevated: ElevatedReport,
    /// Keys that change what is shown.
    pub fix_it: Vec<String>,
}

/// Where the session's tools run, and which they are.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the fields are those of the payload, told in docs/sandbox.md")]
pub struct SandboxReport {
    pub mode: &'static str,
    pub scope: &'static str,
    pub per_session: bool,
    pub backend: &'static str,
    pub workspace_access: &'static str,
    pub workspace_root: PathBuf,
    pub effective_host_workspace_root: PathBuf,
    pub runtime_workdir: String,
    pub workspace_mounts: Vec<Mount>,
    /// `direct` on the host, `sandbox` or `agent` in a sandbox.
    pub workspace_source: &'static str,
    pub session_is_sandboxed: bool,
    /// `None` without a sandbox, and where no engine told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reach: Option<Reach>,
    /// Empty without a sandbox.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub wall: Vec<Wall>,
    /// What `sandbox.browser` asks for and does not get.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub browser_note: Option<&'static str>,
    pub tools: ToolsReport,
}

/// The lists of sandboxed sessions.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "the fields are those of the payload, told in docs/sandbox.md")]
pub struct ToolsReport {
    pub allow: Vec<String>,
    pub deny: Vec<String>,
    /// Taken away because the workspace is read-only.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub removed: &'static [&'static str],
    pub sources: Sources,
}

/// Where the lists come from.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "the fields are those of the payload, told in docs/sandbox.md")]
pub struct Sources {
    pub allow: ListSource,
    pub deny: ListSource,
}

/// Who wrote a list, and where.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "the fields are those of the payload, told in docs/sandbox.md")]
pub struct ListSource {
    pub source: &'static str,
    pub key: String,
}

/// Who may leave the sandbox.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the fields are those of the payload, told in docs/sandbox.md")]
pub struct ElevatedReport {
    pub enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    pub allowed_by_config: bool,
    pub always_allowed_by_config: bool,
    pub allow_from: AllowFrom,
    pub failures: Vec<Gate>,
}

/// The sender lists of the channel.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "the fields are those of the payload, told in docs/sandbox.md")]
pub struct AllowFrom {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub global: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<Vec<String>>,
}

/// Explains how things are for `subject`, who last spoke on `channel`.
pub fn report(
    config: &Config,
    agent: &Agent,
    subject: &Subject,
    channel: Option<String>,
    layout: Layout,
) -> Report {
    let channel = channel.or_else(|| subject.channel());
    let boxed = Boxed::of(config, agent, &subject.key(config));
    let fix_it = fix_it(channel.as_deref());
    Report {
        docs_url: DOCS_URL,
        agent_id: subject.agent.clone(),
        session_key: subject.session.clone(),
        main_session_key: main_session(config, &agent.id),
        sandbox: sandbox(agent, boxed.as_ref(), layout),
        elevated: elevated(config, agent, channel),
        fix_it,
    }
}

fn sandbox(agent: &Agent, boxed: Option<&Boxed>, layout: Layout) -> SandboxReport {
    let settings = &agent.sandbox_settings;
    let access = settings.workspace_access;
    let wall = if boxed.is_some() { layout.wall } else { Vec::new() };
    let (root, mounts, workdir, source) = match (boxed, access) {
        (None, _) => {
            let workdir = agent.workspace.display().to_string();
            (agent.workspace.clone(), Vec::new(), workdir, "direct")
        }
        (Some(_), WorkspaceAccess::ReadWrite) => {
            (layout.workspace, layout.mounts, settings.docker.workdir.clone(), "agent")
        }
        (Some(_), WorkspaceAccess::None | WorkspaceAccess::ReadOnly) => {
            (layout.workspace, layout.mounts, settings.docker.workdir.clone(), "sandbox")
        }
    };
    SandboxReport {
        mode: mode_name(agent.sandbox),
        scope: settings.sharing.as_str(),
        per_session: settings.sharing == Sharing::Session,
        backend: settings.backend.as_str(),
        workspace_access: access.as_str(),
        workspace_root: settings.workspace_root.clone(),
        effective_host_workspace_root: root,
        runtime_workdir: workdir,
        workspace_mounts: mounts,
        workspace_source: source,
        session_is_sandboxed: boxed.is_some(),
        reach: boxed.and(layout.reach),
        wall,
        browser_note: browser_note(agent),
        tools: tools(agent),
    }
}

fn tools(agent: &Agent) -> ToolsReport {
    let written = &agent.tools.sandbox;
    let lists = SandboxLists::of(written);
    let source = |source: Source, key| ListSource { source: source.as_str(), key };
    ToolsReport {
        sources: Sources {
            allow: source(written.allow.source, lists.allow_key),
            deny: source(written.deny.source, lists.deny_key),
        },
        allow: lists.allow,
        deny: lists.deny,
        removed: lists.removed,
    }
}

fn elevated(config: &Config, agent: &Agent, channel: Option<String>) -> ElevatedReport {
    let rules = Rules::of(config, agent);
    let failures = rules.closed(channel.as_deref());
    let list = |list: Option<&[String]>| list.map(<[String]>::to_vec);
    let name = channel.as_deref().unwrap_or_default();
    ElevatedReport {
        enabled: rules.global.enabled && rules.agent.enabled,
        allowed_by_config: failures.is_empty(),
        always_allowed_by_config: rules.is_open_to_all(name),
        allow_from: AllowFrom {
            global: list(rules.global_list(name)),
            agent: list(rules.agent_list(name)),
        },
        failures,
        channel,
    }
}

fn fix_it(channel: Option<&str>) -> Vec<String> {
    let keys = [
        MODE_OFF,
        "agents.list[].sandbox.mode=off",
        "tools.sandbox.tools.allow",
        "tools.sandbox.tools.deny",
        "agents.list[].tools.sandbox.tools.allow",
        "agents.list[].tools.sandbox.tools.deny",
        "tools.elevated.enabled",
    ];
    let of_channel = channel.map(|channel| format!("tools.elevated.allowFrom.{channel}"));
    keys.into_iter().map(str::to_owned).chain(of_channel).collect()
}

fn main_session(config: &Config, agent: &AgentId) -> SessionKey {
    if config.session.global_scope {
        return SessionKey::stored("global");
    }
    SessionKey::of(agent, &config.session.main_key)
}

fn mode_name(mode: SandboxMode) -> &'static str {
    match mode {
        SandboxMode::Off => "off",
        SandboxMode::NonMain => "non-main",
        SandboxMode::All => "all",
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use config::{Env, Locations};
    use domain::Effect;
    use proptest::{prelude::*, sample};

    use super::*;
    use crate::{
        elevated::{Sender, Standing},
        tool_policy::{Decision, Policy, Query},
    };

    fn config(text: &str) -> Config {
        let env = Env::of([].into(), Path::new("/home/me"), Path::new("/"));
        let locations = Locations::find(&env, None, false).unwrap();
        (*config::load_text(text, &locations, &env).config.unwrap()).clone()
    }

    fn explained(config: &Config, agent: Option<&str>, session: Option<&str>) -> Report {
        let subject = Subject::find(config, agent, session);
        let agent = config.agents.get(&subject.agent).unwrap();
        report(config, agent, &subject, None, Layout::default())
    }

    #[test]
    fn agent_and_session_follow_from_each_other() {
        let config = config("{ agents: { list: [{ id: 'a' }, { id: 'b' }] } }");
        let cases = [
            (None, None, ("a", "agent:a:main")),
            (Some("b"), None, ("b", "agent:b:main")),
            (None, Some("agent:b:x:y"), ("b", "agent:b:x:y")),
            (Some("a"), Some("agent:b:x"), ("a", "agent:b:x")),
            (None, Some("global"), ("a", "global")),
            (Some("b"), Some("cron"), ("b", "agent:b:cron")),
            (None, Some(" "), ("a", "agent:a:main")),
        ];

        for (agent, session, expected) in cases {
            let found = Subject::find(&config, agent, session);
            assert_eq!((found.agent.as_str(), found.session.as_str()), expected);
        }
    }

    #[test]
    fn the_report_says_who_wrote_what_and_which_gates_are_closed() {
        let config = config(
            "{ agents: { defaults: { sandbox: { mode: 'non-main', scope: 'session' } }, list: [{
                 id: 'a', tools: { sandbox: { tools: { allow: ['read'] } } } }] },
               tools: { sandbox: { tools: { deny: ['exec'] } },
                 elevated: { allowFrom: { telegram: ['*'] } } } }",
        );

        let group = explained(&config, None, Some("agent:a:telegram:group:1"));
        let main = explained(&config, None, None);

        let sandbox = &group.sandbox;
        assert!(sandbox.session_is_sandboxed && sandbox.per_session);
        assert_eq!(
            (sandbox.workspace_source, &*sandbox.runtime_workdir),
            ("sandbox", "/workspace")
        );
        assert_eq!(sandbox.tools.allow, ["read", "image"]);
        let sources = &sandbox.tools.sources;
        assert_eq!((sources.allow.source, sources.deny.source), ("agent", "global"));
        assert_eq!(sources.allow.key, "agents.list[].tools.sandbox.tools.allow");
        assert_eq!(group.elevated.channel.as_deref(), Some("telegram"));
        assert!(group.elevated.allowed_by_config && group.elevated.always_allowed_by_config);
        assert!(!main.sandbox.session_is_sandboxed && main.sandbox.workspace_source == "direct");
        assert_eq!(main.elevated.failures[0].gate, "provider");
    }

    #[test]
    fn in_the_global_scope_the_one_conversation_is_the_main_one() {
        let config = config(
            "{ session: { scope: 'global' },
               agents: { defaults: { sandbox: { mode: 'non-main' } } } }",
        );

        let report = explained(&config, None, None);

        assert_eq!(report.main_session_key.as_str(), "global");
        assert!(!report.sandbox.session_is_sandboxed);
    }

    #[test]
    fn a_browser_that_is_not_there_is_told_to_the_agents_that_ask_for_one() {
        let config = config(
            "{ agents: { list: [
                 { id: 'a', sandbox: { browser: { enabled: true } } }, { id: 'b' }] } }",
        );

        let note = |agent| explained(&config, Some(agent), None).sandbox.browser_note;

        assert!(note("a").is_some_and(|it| it.contains("no `browser` tool")));
        assert_eq!(note("b"), None);
    }

    proptest! {
        #[test]
        fn what_is_explained_is_what_happens(
            mode in sample::select(vec!["off", "non-main", "all"]),
            session in sample::select(vec!["main", "agent:main:main", "agent:main:cron:x", "global"]),
            allow in proptest::option::of(sample::subsequence(vec!["read", "group:fs", "*"], 0..3)),
            deny in proptest::option::of(sample::subsequence(vec!["read", "exec", "image"], 0..3)),
            listed in sample::subsequence(vec!["*", "ann"], 0..2),
        ) {
            let list = |list: &Option<Vec<&str>>| {
                list.as_ref().map_or("undefined".to_owned(), |list| format!("{list:?}"))
            };
            let lists = [("allow", list(&allow)), ("deny", list(&deny))]
                .iter()
                .filter(|(_, list)| list != "undefined")
                .map(|(key, list)| format!("{key}: {list}"))
                .collect::<Vec<_>>()
                .join(", ");
            let config = config(&format!(
                "{{ agents: {{ defaults: {{ sandbox: {{ mode: '{mode}' }} }} }}, tools: {{
                     sandbox: {{ tools: {{ {lists} }} }},
                     elevated: {{ allowFrom: {{ telegram: {listed:?} }} }} }} }}"
            ));
            let subject = Subject::find(&config, None, Some(session));
            let agent = &config.agents.list[0];
            let told =
                report(&config, agent, &subject, Some("telegram".to_owned()), Layout::default());

            let boxed = Boxed::of(&config, agent, &subject.key(&config));
            prop_assert_eq!(told.sandbox.session_is_sandboxed, boxed.is_some());
            let tools = Policy::build(&Query {
                tools: &config.tools, agent: &agent.tools, provider: "p", model: "m",
                sandboxed: boxed.is_some(), subagent: false, owner: true,
            });
            for tool in ["read", "exec", "image", "browser"] {
                let is_denied = tools.decide(tool) != Decision::Allowed;
                prop_assert_eq!(is_denied, tools.sandbox_block(tool).is_some());
                let subject = crate::Subject {
                    tools: tools.clone(), sandbox: boxed.clone(), ..crate::Subject::default()
                };
                match crate::judge(tool, &Effect::Observe, &subject) {
                    crate::Judgement::Deny(denied) => {
                        prop_assert!(is_denied && denied.explanation.is_some());
                    }
                    crate::Judgement::Allow(_) | crate::Judgement::Host(_) => {
                        prop_assert!(!is_denied);
                    }
                }
            }
            let sender = Sender { channel: "telegram".to_owned(), names: vec!["bob".to_owned()] };
            let standing = Rules::of(&config, agent).standing(&sender, agent.elevated_default);
            let is_open = matches!(standing, Standing::Open(_));
            prop_assert_eq!(is_open, told.elevated.always_allowed_by_config);
            prop_assert!(told.elevated.allowed_by_config || !is_open);
        }
    }
}
