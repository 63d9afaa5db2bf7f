//! Every byte on disk: session index, transcripts, credentials' statistics, workspace files,
//! logs, and the writing of the configuration.
//!
//! The crates above see handles and plain data, never open files, and never paths of the
//! state directory but to show them. What the data means is theirs to know.
//!
//! Invariants: one process owns a state directory. A line that was appended survives the
//! death of the process at once and a power cut 100 ms later. Files are replaced whole or
//! only added to. What we do not understand is written back as it was found.

#![warn(missing_docs)]
#![expect(clippy::disallowed_methods, reason = "this crate is the rightful home of files")]

mod atomic;
mod auth_profiles;
mod config_file;
mod entry;
mod error;
mod index;
mod lock_file;
mod log_file;
mod sandbox_registry;
mod sessions;
mod state_lock;
mod store;
mod syncer;
mod transcript;
mod workspace;

pub use auth_profiles::{AuthProfile, AuthProfiles, Credential, Failure, UsageStats};
pub use config_file::write_config;
pub use entry::{DeliveryContext, Origin, SessionEntry};
pub use error::{OpenError, StoreError};
pub use log_file::{LOG_DIR, LogFile, LogTail, log_path, tail_log};
pub use sandbox_registry::{SandboxEntry, SandboxKind, SandboxRegistry};
pub use sessions::{Archive, Sessions};
pub use state_lock::lock_holder;
pub use store::{OpenOptions, Store};
pub use transcript::{
    Transcript,
    context::Context,
    tail::{Tail, TailMessage},
};
pub use workspace::{PromptContent, PromptFile, Seeded, Workspace};
