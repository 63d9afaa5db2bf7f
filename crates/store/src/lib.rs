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
mod audit;
mod auth_profiles;
mod backlog;
mod bounded;
mod config_file;
mod device_identity;
mod devices;
mod dotenv;
mod entry;
mod error;
mod exec_approvals;
mod fork;
mod index;
mod lock_file;
mod log_file;
mod node_host;
mod nodes;
mod pages;
mod private;
mod process;
mod sandbox_owner;
mod sandbox_registry;
mod search;
mod sessions;
mod skills;
mod state_lock;
mod store;
mod subagents;
mod survey;
mod syncer;
mod told;
mod transcript;
mod trash;
mod upkeep;
mod workspace;

pub use audit::{AuditFiles, AuditLog, AuditPage};
pub use auth_profiles::{
    AuthProfile, AuthProfiles, Credential, Failure, UsageStats, drop_profile as drop_auth_profile,
    put as put_auth_profile,
};
pub use backlog::{Backlog, BacklogItem};
pub use config_file::write_config;
pub use device_identity::{DeviceIdentity, IdentityFiles};
pub use devices::{
    AboutDevice, DeviceFiles, DeviceRecords, DeviceToken, PairedDevice, PendingDevice,
};
pub use dotenv::put_variable;
pub use entry::{DeliveryContext, Origin, SessionEntry};
pub use error::{OpenError, StoreError};
pub use exec_approvals::{AllowUse, ApprovalsError, ApprovalsFile, ApprovalsSnapshot};
pub use log_file::{LOG_DIR, LogFile, LogTail, log_path, tail_log};
pub use node_host::{NodeGateway, NodeHost, NodeHostFile};
pub use nodes::{NodeFile, NodeRecord};
pub use pages::{Branch, Page, Span, Spot};
pub use process::{ProcessUsage, process_usage};
pub use sandbox_owner::{CopiedFrom, OwnerFile, SandboxOwner};
pub use sandbox_registry::{SandboxEntry, SandboxKind, SandboxRegistry};
pub use search::{Found, Hit, Words};
pub use sessions::{Archive, Sessions};
pub use skills::{SkillFile, SkillRoot, SkillStamp, skill_files};
pub use state_lock::lock_holder;
pub use store::{OpenOptions, Store};
pub use subagents::{SubagentFile, SubagentOutcome, SubagentRecord};
pub use survey::{Flaw, break_stale_lock};
pub use told::{Teller, Told};
pub use transcript::{
    Transcript,
    context::Context,
    tail::{Place, Tail, TailMessage},
};
pub use trash::set_aside;
pub use upkeep::{Cleared, clear, make_private_dir, open_private, protect, try_writing};
pub use workspace::{
    FileFacts, NewWorkspace, PromptContent, PromptFile, Seeded, Workspace, WorkspaceFile,
    make_workspace, seed as seed_workspace,
};
