//! The nouns of the system: ids, session keys, messages, transcripts, calls, effects, time.
//!
//! Rank 0. Knows no async, no I/O, no wire and no file layout beyond the shape of a
//! transcript line, which is the one form shared by disk, models and clients.

#![warn(missing_docs)]

pub mod approvals;
pub mod call;
pub mod clock;
pub mod effect;
pub mod ids;
pub mod message;
pub mod messages;
pub mod printable;
pub mod scope;
pub mod secret;
pub mod session_key;
pub mod transcript;
pub mod usage;

pub use approvals::ExecApprovals;
pub use call::{Call, CallResult, ToolSpec};
pub use clock::{Clock, SystemClock, UnixMillis};
pub use effect::{Effect, Run};
pub use ids::{AgentId, CallId, ConnId, DeviceId, EntryId, SessionId, TurnId};
pub use message::{Assistant, Content, Message, Part, StopReason, ToolResult, User};
pub use messages::Messages;
pub use scope::Scope;
pub use secret::Secret;
pub use session_key::SessionKey;
pub use usage::{Cost, Usage};
