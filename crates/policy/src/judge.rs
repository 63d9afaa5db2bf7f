//! May this call happen?

use domain::Effect;

/// Who acts, and under which rules. Built once per turn.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Session's tool policy, layer by layer.
    pub tools: crate::tool_policy::Policy,
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
#[derive(Clone, Debug, PartialEq, Eq)]
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
