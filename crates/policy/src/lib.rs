//! Decisions, pure: no async, no I/O, no clock. Each answer carries the rule that decided.

#![warn(missing_docs)]

pub mod allowlist;
pub mod approval;
pub mod elevated;
pub mod env_guard;
pub mod explain;
pub mod forward;
pub mod heartbeat;
pub mod judge;
mod pattern;
pub mod place;
pub mod reach;
pub mod reset;
pub mod scope;
pub mod send;
pub mod sight;
pub mod spawn;
pub mod tool_policy;

pub use approval::{Rules, Verdict};
pub use judge::{
    Denied, Door, HostJudgement, Judgement, Permit, Question, Reach, Subject, Writes, judge,
    judge_host, runs_outside,
};
pub use tool_policy::{Decision, Policy, Query};
