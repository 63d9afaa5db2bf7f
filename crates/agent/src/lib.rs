//! The loop: sessions, turns, dispatch. Knows no transport.
//!
//! Every turn enters by [`Sessions::submit`]; what happens is told as [`Event`]s on one
//! bounded queue that the caller of [`Sessions::start`] reads.

#![warn(missing_docs)]

pub mod event;
mod origin;
pub mod sandboxes;
pub mod sessions;
pub mod skills;

mod answer;
mod brief;
mod commands;
mod compact;
mod confine;
pub mod consent;
mod conversations;
mod dispatch;
mod emitter;
mod halt;
mod invoke;
mod io;
mod kept;
mod lane;
mod machines;
mod notices;
mod overflow;
mod prompt;
mod queue;
mod session;
mod speech;
mod status;
mod subagents;
mod table;
mod turn;
mod waits;

pub use commands::{LISTED as COMMANDS, Listed as ListedCommand};
pub use consent::{ApprovalRequest, Approver};
pub use event::{CallEnd, Event, EventBody, Outcome, Refusal, Stop};
pub use invoke::{Invocation, Invoked};
pub use io::{Place, Ports};
pub use origin::{Origin, Trail};
pub use prompt::SEEDS as WORKSPACE_SEEDS;
pub use sessions::{
    Aborted, Lookup, Parts, Sessions, Submission, SubmitError, Submitted, Transcripts,
};
