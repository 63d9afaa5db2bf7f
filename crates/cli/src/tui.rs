//! The chat in the terminal: what `openclaw tui` is made of.
//!
//! ```text
//!   keys, paste, size ─┐                    ┌─► view ─► terminal
//!   gateway ─► wire ───┼─► State::update ───┤
//!   timer, signals ────┘   (pure, no I/O)   └─► effects ─► wire ─► gateway
//! ```
//!
//! [`state::State`] is changed by events alone and says what is to be done; [`wire`] owns the
//! connection, [`screen`] the terminal, [`mod@show`] the loop between them. Whatever a model or a
//! tool said passes [`safe`] before it is kept.

mod input;
mod keys;
mod live;
mod log;
mod markdown;
mod paint;
mod picker;
mod question;
mod row;
mod safe;
mod screen;
mod session;
mod show;
mod slash;
mod state;
mod view;
mod wire;

pub(crate) use show::{Setting, show};
