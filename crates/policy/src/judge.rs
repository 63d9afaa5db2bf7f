//! May this call happen?
//!
//! The only maker of [`Permit`]s. Which tools a session has is [`crate::tool_policy`]'s to
//! say; this module adds what depends on the single call.

use domain::Effect;

use crate::tool_policy::{Decision, Policy};

/// Rule that refuses to leave the sandbox: without a list, nobody may.
const ELEVATED_RULE: &str = "tools.elevated.allowFrom";

/// Who acts, and under which rules. Built once per turn.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Session's tool policy, layer by layer.
    pub tools: Policy,
}

/// Proof that a call was judged. Only [`judge`] makes one; running a tool consumes it.
#[derive(Debug)]
pub struct Permit {
    _only_judge_makes_one: (),
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
#[error("denied: `{tool}` (rule `{rule}`)")]
pub struct Denied {
    /// The tool.
    pub tool: String,
    /// The rule that decided, such as `tools.deny`.
    pub rule: String,
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
    let denied = |rule: String| Judgement::Deny(Denied { tool: tool.to_owned(), rule });
    match (subject.tools.decide(tool), effect) {
        (Decision::Denied { rule }, _) => denied(rule),
        (Decision::Allowed, Effect::Run { elevated: true, .. }) => denied(ELEVATED_RULE.to_owned()),
        (Decision::Allowed, _) => Judgement::Allow(Permit { _only_judge_makes_one: () }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tool_policy::tests::{Setup, layer};

    fn run(elevated: bool) -> Effect {
        Effect::Run { command: "true".to_owned(), elevated }
    }

    #[test]
    fn a_denial_reads_as_the_model_is_told() {
        let mut setup = Setup::default();
        setup.tools.layers.layer = layer(None, &["exec"]);
        let subject = Subject { tools: setup.policy() };

        let Judgement::Deny(denied) = judge("exec", &run(false), &subject) else {
            panic!("exec is denied");
        };

        assert_eq!(denied.to_string(), "denied: `exec` (rule `tools.deny`)");
    }

    #[test]
    fn leaving_the_sandbox_is_refused_while_nobody_is_listed() {
        let subject = Subject { tools: Policy::default() };

        let judgement = judge("exec", &run(true), &subject);

        assert!(matches!(judgement, Judgement::Deny(denied) if denied.rule == ELEVATED_RULE));
        assert!(matches!(judge("exec", &run(false), &subject), Judgement::Allow(_)));
    }
}
