//! Decisions, pure: no async, no I/O, no clock. Each answer carries the rule that decided.

#![warn(missing_docs)]

pub mod judge;
pub mod tool_policy;

pub use judge::{Denied, Judgement, Permit, Question, Subject};
