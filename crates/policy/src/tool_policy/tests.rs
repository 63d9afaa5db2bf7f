//! Tests of the tool policy: the layers one by one, then laws that hold for any of them.

use std::collections::BTreeMap;

use config::{SandboxTools, Source, SourcedList, ToolLayer, ToolLayers, ToolProfile, Tools};
use domain::Effect;
use proptest::{collection::vec, option, prelude::*, sample};

use super::{Decision, Policy, Query, Verdict, names};
use crate::judge::{Judgement, Subject, judge};

#[test]
fn profiles_offer_their_tools_and_no_others() {
    let cases = [
        (ToolProfile::Minimal, "session_status", "read"),
        (ToolProfile::Coding, "sessions_spawn", "web_search"),
        (ToolProfile::Messaging, "message", "exec"),
    ];

    for (profile, offered, missing) in cases {
        let mut setup = Setup::default();
        setup.tools.layers.profile = Some(profile);
        assert_eq!(setup.decide(offered), Decision::Allowed);
        assert_eq!(setup.decide(missing), denied("tools.profile"));
    }
    let mut setup = Setup::default();
    setup.tools.layers.profile = Some(ToolProfile::Full);
    assert!(names::CORE.iter().all(|tool| setup.decide(tool) == Decision::Allowed));
}

#[test]
fn each_layer_removes_under_its_own_name() {
    let deny = |tool: &str| layer(None, &[tool]);
    let mut setup = Setup { sandboxed: true, subagent: true, owner: false, ..Setup::default() };
    setup.tools.apply_patch = false;
    setup.tools.layers.layer = deny("read");
    setup.tools.layers.by_provider.insert("OpenAI".to_owned(), (None, deny("write")));
    setup.agent.layer = deny("edit");
    setup.agent.by_provider.insert("openai/gpt-5.2".to_owned(), (None, deny("exec")));
    let cases = [
        ("apply_patch", "tools.exec.applyPatch.enabled"),
        ("whatsapp_login", "commands.ownerAllowFrom"),
        ("read", "tools.deny"),
        ("write", "tools.byProvider[OpenAI].deny"),
        ("edit", "agents.list[].tools.deny"),
        ("exec", "agents.list[].tools.byProvider[openai/gpt-5.2].deny"),
        ("browser", "tools.sandbox.tools.deny"),
        ("web_fetch", "tools.sandbox.tools.allow"),
        ("sessions_list", "tools.subagents.tools.deny"),
    ];

    for (tool, rule) in cases {
        assert_eq!(setup.decide(tool), denied(rule), "{tool}");
    }
    assert_eq!(setup.decide("process"), Decision::Allowed);
}

#[test]
fn names_are_compared_by_alias_group_case_and_wildcard() {
    let cases = [
        ("bash", "exec"),
        (" Exec ", "BASH"),
        ("group:web", "web_fetch"),
        ("GROUP:FS", "apply-patch"),
        ("sessions_*", "sessions_send"),
        ("*", "anything"),
    ];

    for (entry, tool) in cases {
        let mut setup = Setup::default();
        setup.tools.layers.layer = layer(None, &[entry]);
        assert_eq!(setup.decide(tool), denied("tools.deny"), "{entry} ~ {tool}");
    }
}

#[test]
fn whoever_may_run_or_write_may_patch_unless_told_otherwise() {
    for implying in ["exec", "write"] {
        let mut setup = Setup::default();
        setup.tools.layers.layer = layer(Some(&[implying]), &[]);
        assert_eq!(setup.decide("apply_patch"), Decision::Allowed);
        setup.tools.layers.layer.deny = vec!["apply_patch".to_owned()];
        assert_eq!(setup.decide("apply_patch"), denied("tools.deny"));
    }
    let mut setup = Setup::default();
    setup.tools.layers.layer = layer(None, &["exec", "write"]);
    assert_eq!(setup.decide("apply_patch"), Decision::Allowed);
}

#[test]
fn patching_is_offered_to_the_listed_models_alone() {
    for (entry, offered) in [("gpt-5.2", true), ("OpenAI/GPT-5.2", true), ("gpt-4o", false)] {
        let mut setup = Setup::default();
        setup.tools.apply_patch_models = vec![entry.to_owned()];

        let expected =
            if offered { Decision::Allowed } else { denied("tools.exec.applyPatch.allowModels") };
        assert_eq!(setup.decide("apply_patch"), expected, "{entry}");
    }
}

#[test]
fn also_allow_widens_the_profile_and_the_agents_list_replaces_the_global_one() {
    let mut setup = Setup::default();
    setup.tools.layers.profile = Some(ToolProfile::Minimal);
    setup.tools.layers.layer.also_allow = vec!["read".to_owned()];
    assert_eq!(setup.decide("read"), Decision::Allowed);
    assert_eq!(setup.decide("web_search"), denied("tools.profile"));

    setup.agent.layer.also_allow = vec!["group:web".to_owned()];
    assert_eq!(setup.decide("read"), denied("tools.profile"));
    assert_eq!(setup.decide("web_search"), Decision::Allowed);

    setup.agent.profile = Some(ToolProfile::Messaging);
    assert_eq!(setup.decide("exec"), denied("agents.list[].tools.profile"));
}

#[test]
fn a_model_of_its_own_beats_its_provider() {
    let mut setup = Setup { provider: "Z.AI", model: "GLM-5", ..Setup::default() };
    let table = &mut setup.tools.layers.by_provider;
    table.insert("zai".to_owned(), (Some(ToolProfile::Minimal), ToolLayer::default()));
    assert_eq!(setup.decide("exec"), denied("tools.byProvider[zai].profile"));

    let table = &mut setup.tools.layers.by_provider;
    table.insert("z-ai/glm-5".to_owned(), (Some(ToolProfile::Coding), ToolLayer::default()));
    assert_eq!(setup.decide("exec"), Decision::Allowed);
    assert_eq!(setup.decide("message"), denied("tools.byProvider[z-ai/glm-5].profile"));
}

#[test]
fn an_allow_list_of_strangers_is_ignored_with_a_warning() {
    let mut setup = Setup::default();
    setup.tools.layers.layer = layer(Some(&["lobster", "group:plugins"]), &[]);

    let policy = setup.policy();

    assert_eq!(policy.decide("exec"), Decision::Allowed);
    assert_eq!(
        policy.warnings,
        ["`tools.allow` names no known tool (lobster, group:plugins) and is ignored"]
    );
}

#[test]
fn a_stranger_beside_a_known_tool_is_only_warned_about() {
    let mut setup = Setup::default();
    setup.tools.layers.layer = layer(Some(&["raed", "exec"]), &[]);

    let policy = setup.policy();

    assert_eq!(policy.decide("read"), denied("tools.allow"));
    assert_eq!(policy.warnings, ["`tools.allow` names unknown tools (raed)"]);
}

#[test]
fn a_sandbox_list_replaces_the_default_and_keeps_images() {
    let mut setup = Setup { sandboxed: true, ..Setup::default() };
    setup.agent.sandbox = lists(&["read"], &["exec"]);
    assert_eq!(setup.decide("browser"), denied("agents.list[].tools.sandbox.tools.allow"));
    assert_eq!(setup.decide("image"), Decision::Allowed);

    setup.agent.sandbox = lists(&[], &["image"]);
    assert_eq!(setup.decide("browser"), Decision::Allowed);
    assert_eq!(setup.decide("image"), denied("agents.list[].tools.sandbox.tools.deny"));

    setup.agent.sandbox = lists(&["misspelt"], &[]);
    assert_eq!(setup.decide("exec"), denied("agents.list[].tools.sandbox.tools.allow"));
}

#[test]
fn a_read_only_workspace_has_no_tools_that_write() {
    let mut setup = Setup { sandboxed: true, ..Setup::default() };
    setup.agent.sandbox.read_only = true;

    for tool in ["write", "edit", "apply_patch"] {
        assert_eq!(setup.decide(tool), denied("sandbox.workspaceAccess"));
    }
    assert_eq!(setup.decide("read"), Decision::Allowed);
    setup.sandboxed = false;
    assert_eq!(setup.decide("write"), Decision::Allowed);
}

#[test]
fn what_is_added_joins_the_default_list_of_sandboxes() {
    let mut setup = Setup { sandboxed: true, ..Setup::default() };
    setup.agent.sandbox.also_allow.push("web_*".to_owned());

    assert_eq!(setup.decide("web_fetch"), Decision::Allowed);
    assert_eq!(setup.decide("message"), denied("tools.sandbox.tools.allow"));
    assert_eq!(setup.policy().warnings, [""; 0]);
}

#[test]
fn a_sub_agents_allow_list_is_all_it_gets_and_deny_still_wins() {
    let mut setup = Setup { subagent: true, ..Setup::default() };
    setup.tools.subagents = layer(Some(&["read", "cron"]), &[]);
    assert_eq!(setup.decide("read"), Decision::Allowed);
    assert_eq!(setup.decide("exec"), denied("tools.subagents.tools.allow"));
    assert_eq!(setup.decide("cron"), denied("tools.subagents.tools.deny"));

    setup.tools.subagents.also_allow = vec!["cron".to_owned()];
    assert_eq!(setup.decide("cron"), Decision::Allowed);
}

#[test]
fn the_explanation_names_every_layer_in_order() {
    let mut setup = Setup::default();
    setup.tools.layers.profile = Some(ToolProfile::Coding);
    setup.agent.layer = layer(None, &["exec"]);

    let policy = setup.policy();

    assert_eq!(
        policy.explain("exec"),
        [
            ("tools.exec.applyPatch", Verdict::Absent),
            ("commands.ownerAllowFrom", Verdict::Absent),
            ("tools.profile", Verdict::Kept),
            ("tools.byProvider[].profile", Verdict::Absent),
            ("tools", Verdict::Absent),
            ("tools.byProvider[]", Verdict::Absent),
            ("agents.list[].tools", Verdict::Removed),
            ("agents.list[].tools.byProvider[]", Verdict::Absent),
            ("tools.sandbox.tools", Verdict::Absent),
            ("sandbox.workspaceAccess", Verdict::Absent),
            ("tools.subagents.tools", Verdict::Absent),
        ]
    );
}

proptest! {
    #[test]
    fn one_more_layer_only_removes(setup in setups(), more in layers()) {
        let mut wider = setup;
        wider.agent.layer = ToolLayer::default();
        let mut narrower = wider.clone();
        // `alsoAllow` is the profile's, not this layer's.
        narrower.agent.layer = ToolLayer { also_allow: Vec::new(), ..more };

        for tool in names::CORE {
            prop_assert!(wider.decide(tool) == Decision::Allowed
                || narrower.decide(tool) != Decision::Allowed);
        }
    }

    #[test]
    fn what_a_list_denies_is_denied(mut setup in setups(), tool in sample::select(names::CORE)) {
        setup.tools.layers.layer.deny.push(tool.to_owned());

        prop_assert_ne!(setup.decide(tool), Decision::Allowed);
    }

    #[test]
    fn one_more_deny_never_allows_more(setup in setups(), entry in entries()) {
        let mut narrower = setup.clone();
        narrower.tools.layers.layer.deny.push(entry);

        for tool in names::CORE {
            prop_assert!(setup.decide(tool) == Decision::Allowed
                || narrower.decide(tool) != Decision::Allowed);
        }
    }

    #[test]
    fn the_order_inside_a_list_does_not_matter(setup in setups()) {
        let mut reversed = setup.clone();
        let lists = &mut reversed.tools.layers.layer;
        lists.deny.reverse();
        if let Some(allow) = &mut lists.allow {
            allow.reverse();
        }
        reversed.agent.sandbox.deny.entries.reverse();

        for tool in names::CORE {
            prop_assert_eq!(setup.decide(tool), reversed.decide(tool));
        }
    }

    #[test]
    fn a_denial_names_a_config_path_and_brings_no_permit(
        setup in setups(),
        tool in sample::select(names::CORE),
    ) {
        let policy = setup.policy();
        let decision = policy.decide(tool);
        let judgement = judge(tool, &Effect::Observe, &Subject { tools: policy, ..Subject::default() });

        match decision {
            Decision::Allowed => prop_assert!(matches!(judgement, Judgement::Allow(_))),
            Decision::Denied { rule } => {
                prop_assert!(setup.has_rule(&rule), "{}", rule);
                prop_assert!(matches!(judgement, Judgement::Deny(denied) if denied.rule == rule));
            }
        }
    }
}

/// The arguments of a [`Query`], owned.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) tools: Tools,
    agent: ToolLayers,
    provider: &'static str,
    model: &'static str,
    pub(crate) sandboxed: bool,
    subagent: bool,
    owner: bool,
}

impl Default for Setup {
    fn default() -> Self {
        let tools = Tools {
            layers: ToolLayers::default(),
            elevated: config::Elevated::default(),
            subagents: ToolLayer::default(),
            apply_patch: true,
            apply_patch_models: Vec::new(),
            workspace_only: false,
            agent_to_agent: false,
            agent_to_agent_allow: Vec::new(),
            sessions_visibility: config::Visibility::All,
        };
        Self {
            tools,
            agent: ToolLayers::default(),
            provider: "openai",
            model: "gpt-5.2",
            sandboxed: false,
            subagent: false,
            owner: true,
        }
    }
}

impl Setup {
    pub(crate) fn policy(&self) -> Policy {
        Policy::build(&Query {
            tools: &self.tools,
            agent: &self.agent,
            provider: self.provider,
            model: self.model,
            sandboxed: self.sandboxed,
            subagent: self.subagent,
            owner: self.owner,
        })
    }

    fn decide(&self, tool: &str) -> Decision {
        self.policy().decide(tool)
    }

    /// Whether `rule` is a setting that this setup has, or a default that it falls under.
    fn has_rule(&self, rule: &str) -> bool {
        match rule {
            "tools.profile" => self.tools.layers.profile.is_some(),
            "tools.allow" => self.tools.layers.layer.allow.is_some(),
            "tools.deny" => !self.tools.layers.layer.deny.is_empty(),
            "agents.list[].tools.profile" => self.agent.profile.is_some(),
            "agents.list[].tools.allow" => self.agent.layer.allow.is_some(),
            "agents.list[].tools.deny" => !self.agent.layer.deny.is_empty(),
            "tools.sandbox.tools.allow" | "tools.sandbox.tools.deny" => self.sandboxed,
            "tools.subagents.tools.allow" | "tools.subagents.tools.deny" => self.subagent,
            "tools.exec.applyPatch.enabled" => !self.tools.apply_patch,
            "commands.ownerAllowFrom" => !self.owner,
            _ => false,
        }
    }
}

fn denied(rule: &str) -> Decision {
    Decision::Denied { rule: rule.to_owned() }
}

pub(crate) fn layer(allow: Option<&[&str]>, deny: &[&str]) -> ToolLayer {
    let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    ToolLayer { allow: allow.map(owned), also_allow: Vec::new(), deny: owned(deny) }
}

/// The lists of an agent that wrote both.
pub(crate) fn lists(allow: &[&str], deny: &[&str]) -> SandboxTools {
    let list = |names: &[&str]| SourcedList {
        source: Source::Agent,
        entries: names.iter().map(|&name| name.to_owned()).collect(),
    };
    SandboxTools { allow: list(allow), also_allow: Vec::new(), deny: list(deny), read_only: false }
}

fn entries() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => sample::select(names::CORE).prop_map(str::to_owned),
        2 => sample::select(vec!["group:fs", "group:runtime", "sessions_*", "*_list", "bash"])
            .prop_map(str::to_owned),
        1 => "[a-z*]{0,4}",
    ]
}

fn layers() -> impl Strategy<Value = ToolLayer> {
    (option::of(vec(entries(), 0..4)), vec(entries(), 0..3), vec(entries(), 0..3))
        .prop_map(|(allow, also_allow, deny)| ToolLayer { allow, also_allow, deny })
}

fn setups() -> impl Strategy<Value = Setup> {
    let profile = || {
        option::of(sample::select(vec![
            ToolProfile::Minimal,
            ToolProfile::Coding,
            ToolProfile::Messaging,
            ToolProfile::Full,
        ]))
    };
    let scope = move || {
        (profile(), layers()).prop_map(|(profile, layer)| ToolLayers {
            profile,
            layer,
            by_provider: BTreeMap::new(),
            sandbox: SandboxTools::default(),
        })
    };
    (scope(), scope(), layers(), layers(), any::<[bool; 4]>()).prop_map(
        |(global, mut agent, sandbox, subagents, [sandboxed, subagent, owner, apply_patch])| {
            agent.sandbox.deny.entries = sandbox.deny;
            if let Some(allow) = sandbox.allow {
                agent.sandbox.allow.entries = allow;
            }
            let mut setup = Setup { agent, sandboxed, subagent, owner, ..Setup::default() };
            setup.tools = Tools { layers: global, subagents, apply_patch, ..setup.tools };
            setup
        },
    )
}
