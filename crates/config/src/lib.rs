//! `openclaw.json`: from the file to resolved values.
//!
//! Two forms: the *file* form (optional fields, unknown keys are problems) known only here,
//! and the *resolved* form that everybody else reads.

#![warn(missing_docs)]

mod container;
mod defaults;
mod duration;
mod edit;
mod env;
mod file;
mod include;
mod inline_env;
mod legacy;
mod load;
mod locations;
mod merge;
mod model_ref;
mod names;
mod newer;
mod node;
mod partial;
mod problem;
mod redact;
mod reload;
mod resolve;
pub mod resolved;
mod rules;
mod secret_refs;
mod size;
mod spans;
mod substitute;
mod syntax;
mod tree;

pub use container::in_container;
pub use duration::{Unit, parse_duration};
pub use edit::{EditError, Edited, Editor, KeyPath, KeyPathError};
pub use env::Env;
pub use file::schema::{schema, ui_hints};
pub use legacy::{Change, migrate, strip_unknown};
pub use load::{Loaded, Snapshot, hash, load, load_text};
pub use locations::{Locations, ProfileError};
pub use model_ref::{DEFAULT_MODEL, normalise_provider, parse_model_ref};
pub use partial::Partial;
pub use problem::Problem;
pub use redact::{
    MaskedError, REDACTED, is_sensitive_key, redact, redact_raw, redact_resolved, restore,
};
pub use reload::{Action, Part, Plan, Reloader, plan};
pub use resolved::*;
