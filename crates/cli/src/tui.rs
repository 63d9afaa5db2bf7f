//! The chat in the terminal: what `openclaw tui` is made of.
//!
//! ```text
//!   keys, paste, size ─┐                    ┌─► view ─► terminal
//!   gateway ─► wire ───┼─► State::update ───┤
//!   own ─► shell ──────┤   (pure, no I/O)   └─► effects ─► wire ─► gateway
//!   timer, signals ────┘                               └─► shell
//! ```
//!
//! [`state::State`] is changed by events alone and says what is to be done; [`wire`] owns the
//! connection, [`shell`] the person's own commands, [`screen`] the terminal, [`mod@show`] the loop between them.
//! Whatever a model or a tool said passes [`safe`](crate::ui::safe) before it is kept, and each
//! picture passes it once more before it is drawn.

mod bang;
mod input;
mod keys;
mod live;
mod local;
mod log;
mod markdown;
mod paint;
mod past;
mod picker;
mod question;
mod row;
mod screen;
mod session;
mod shell;
mod show;
mod slash;
mod state;
mod view;
mod wire;

pub(crate) use show::{Setting, show};
pub(crate) use state::Options;
