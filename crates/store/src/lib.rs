//! Every byte on disk. The crates above see handles and plain data, never paths of our own
//! files and never open files.

#![warn(missing_docs)]
#![expect(clippy::disallowed_methods, reason = "this crate is the rightful home of files")]

mod atomic;
mod auth_profiles;
mod config_file;
mod entry;
mod error;
mod log_file;
mod sessions;
mod store;
mod transcript;
mod workspace;

pub use auth_profiles::{AuthProfile, AuthProfiles, Credential, Failure, UsageStats};
pub use config_file::write_config;
pub use entry::{DeliveryContext, Origin, SessionEntry};
pub use error::{OpenError, StoreError};
pub use log_file::{LogFile, LogTail, tail as tail_log};
pub use sessions::{Archive, Sessions};
pub use store::{OpenOptions, Store};
pub use transcript::{Context, Tail, TailMessage, Transcript};
pub use workspace::{PromptContent, PromptFile, Seeded, Workspace};
