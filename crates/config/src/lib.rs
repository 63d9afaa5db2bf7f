//! `openclaw.json`: from the file to resolved values.
//!
//! Two forms: the *file* form (optional fields, unknown keys are problems) known only here,
//! and the *resolved* form that everybody else reads.

#![warn(missing_docs)]

pub mod resolved;

pub use resolved::*;
