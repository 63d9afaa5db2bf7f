//! May this call happen?
//!
//! The only maker of [`Permit`]s. Which tools a session has is [`crate::tool_policy`]'s to
//! say; this module adds what depends on the single call.

use domain::Effect;

use crate::{
    elevated::{Standing, Way},
    explain::Boxed,
    tool_policy::{Decision, Policy},
};

/// Who acts, and under which rules. Built once per turn. The default may use every tool and
/// leave no sandbox.
#[derive(Clone, Debug, Default)]
pub struct Subject {
    /// Session's tool policy, layer by layer.
    pub tools: Policy,
    /// Whether the sender may leave the sandbox.
    pub elevated: Standing,
    /// What commands on the host need.
    pub host_exec: config::HostExec,
    /// The session's sandbox; `None` when its tools run on the host.
    pub sandbox: Option<Boxed>,
}

/// Proof that a call was judged. Only [`judge`] makes one; running a tool consumes it.
#[derive(Debug)]
pub struct Permit {
    leaves_sandbox: bool,
}

impl Permit {
    /// Whether the call runs on the host though the session has a sandbox.
    pub fn leaves_sandbox(&self) -> bool {
        self.leaves_sandbox
    }
}

/// The answer.
#[derive(Debug)]
pub enum Judgement {
    /// It may.
    Allow(Permit),
    /// It may not.
    Deny(Denied),
    /// A person must say.
    Ask(Question),
}

/// A refusal, told to the model as the result of the call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("denied: `{tool}` (rule `{rule}`){}", below(.explanation.as_deref()))]
pub struct Denied {
    /// The tool.
    pub tool: String,
    /// The rule that decided, such as `tools.deny`.
    pub rule: String,
    /// What else there is to say, and what would change it.
    pub explanation: Option<String>,
}

fn below(explanation: Option<&str>) -> String {
    explanation.map(|text| format!("\n{text}")).unwrap_or_default()
}

/// A question for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The tool.
    pub tool: String,
    /// What it would do.
    pub effect: Effect,
}

/// Says whether `subject` may call `tool` to this `effect`.
pub fn judge(tool: &str, effect: &Effect, subject: &Subject) -> Judgement {
    if let Decision::Denied { rule } = subject.tools.decide(tool) {
        let block = subject.tools.sandbox_block(tool).filter(|block| block.names(&rule));
        let explanation = subject.sandbox.as_ref().zip(block);
        let explanation = explanation.map(|(sandbox, block)| sandbox.explain_block(tool, &block));
        return Judgement::Deny(Denied { tool: tool.to_owned(), rule, explanation });
    }
    let Effect::Run { elevated: asked, .. } = effect else {
        return Judgement::Allow(Permit { leaves_sandbox: false });
    };
    match (subject.elevated.way(*asked, subject.host_exec), &subject.sandbox) {
        // Without a sandbox the call is where it wants to be, but claims what it may not.
        (None, sandbox) => {
            let rule = subject.elevated.rule().to_owned();
            let explanation = Some(refusal(&subject.elevated, sandbox.as_ref()));
            Judgement::Deny(Denied { tool: tool.to_owned(), rule, explanation })
        }
        (Some(Way::OutsideIfApproved), Some(_)) => {
            Judgement::Ask(Question { tool: tool.to_owned(), effect: effect.clone() })
        }
        (Some(Way::Outside), sandbox) => {
            Judgement::Allow(Permit { leaves_sandbox: sandbox.is_some() })
        }
        (Some(Way::Inside), _) | (Some(Way::OutsideIfApproved), None) => {
            Judgement::Allow(Permit { leaves_sandbox: false })
        }
    }
}

/// Why a call may not run outside: which gates are closed, and what would open them.
fn refusal(standing: &Standing, sandbox: Option<&Boxed>) -> String {
    let runtime = if sandbox.is_some() { "sandboxed" } else { "direct" };
    let mut lines = vec![format!("elevated is not available here (runtime: {runtime})")];
    if let Standing::Closed(gates) = standing {
        lines.extend(gates.iter().map(|gate| format!("closed gate: {} ({})", gate.gate, gate.key)));
    }
    if let Some(sandbox) = sandbox {
        lines.push(format!("session: {}", sandbox.session));
        lines.push(format!("see: {}", sandbox.explain_command()));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use config::{ElevatedLevel, ExecAsk, HostExec, SandboxMode};
    use domain::SessionKey;

    use super::*;
    use crate::tool_policy::tests::{Setup, layer};

    fn run(elevated: Option<bool>) -> Effect {
        Effect::Run { command: "true".to_owned(), elevated }
    }

    fn boxed() -> Boxed {
        Boxed {
            mode: SandboxMode::NonMain,
            session: SessionKey::stored("agent:a:telegram:group:1"),
            main_session: SessionKey::stored("agent:a:main"),
        }
    }

    #[test]
    fn a_denial_reads_as_the_model_is_told() {
        let mut setup = Setup::default();
        setup.tools.layers.layer = layer(None, &["exec"]);
        let subject = Subject { tools: setup.policy(), ..Subject::default() };

        let Judgement::Deny(denied) = judge("exec", &run(None), &subject) else {
            panic!("exec is denied");
        };

        assert_eq!(denied.to_string(), "denied: `exec` (rule `tools.deny`)");
    }

    #[test]
    fn a_sandboxed_session_is_told_what_would_unblock_the_tool() {
        let mut setup = Setup::default();
        setup.sandboxed = true;
        let sandbox = Some(boxed());
        let subject = Subject { tools: setup.policy(), sandbox, ..Subject::default() };

        let Judgement::Deny(denied) = judge("browser", &Effect::Observe, &subject) else {
            panic!("the default lists deny it");
        };

        assert_eq!(
            denied.to_string().lines().collect::<Vec<_>>(),
            [
                "denied: `browser` (rule `tools.sandbox.tools.deny`)",
                "the sandbox policy keeps `browser` from this session (mode `non-main`, session \
                 `agent:a:telegram:group:1`)",
                "reason: deny list, allow list",
                "fix: take `browser` out of tools.sandbox.tools.deny",
                "fix: add `browser` to tools.sandbox.tools.allow",
                "fix: run without a sandbox: agents.defaults.sandbox.mode=off",
                "fix: use the main session, which is not sandboxed: agent:a:main",
                "see: openclaw sandbox explain --session agent:a:telegram:group:1",
            ]
        );
    }

    #[test]
    fn leaving_the_sandbox_is_refused_while_nobody_is_listed() {
        let subject = Subject { sandbox: Some(boxed()), ..Subject::default() };

        let Judgement::Deny(denied) = judge("exec", &run(Some(true)), &subject) else {
            panic!("nobody may");
        };

        assert!(denied.to_string().contains("runtime: sandboxed"), "{denied}");
        for asked in [None, Some(false)] {
            let Judgement::Allow(permit) = judge("exec", &run(asked), &subject) else {
                panic!("inside it may run");
            };
            assert!(!permit.leaves_sandbox());
        }
    }

    #[test]
    fn a_listed_sender_leaves_a_sandbox_and_only_a_sandbox() {
        let mut subject = Subject {
            elevated: Standing::Open(ElevatedLevel::On),
            sandbox: Some(boxed()),
            ..Subject::default()
        };
        let leaves = |subject: &Subject| match judge("exec", &run(None), subject) {
            Judgement::Allow(permit) => permit.leaves_sandbox(),
            Judgement::Deny(_) | Judgement::Ask(_) => panic!("it is allowed"),
        };

        assert!(leaves(&subject));
        subject.sandbox = None;
        assert!(!leaves(&subject));
    }

    #[test]
    fn where_commands_on_the_host_need_approval_so_do_those_that_leave_the_sandbox() {
        let subject = Subject {
            elevated: Standing::Open(ElevatedLevel::Full),
            host_exec: HostExec { ask: ExecAsk::Always, ..HostExec::default() },
            sandbox: Some(boxed()),
            ..Subject::default()
        };

        assert!(matches!(judge("exec", &run(None), &subject), Judgement::Ask(_)));
        assert!(matches!(judge("exec", &run(Some(false)), &subject), Judgement::Allow(_)));
    }
}
