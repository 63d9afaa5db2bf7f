//! First setup: from questions or flags to a config, a credential and a workspace.
//!
//! ```text
//! answers ─► wizard ─► Setup ─┐
//! flags ─────────────► Setup ─┴─► Plan ─► apply (store)
//!                                  └────► Check (models)
//! ```
//!
//! Knows no terminal and no wire: `cli` and `gateway` show the same questions. Everything up to
//! the plan is pure; [`apply()`] and [`Check`] are the only effects.

#![warn(missing_docs)]

mod apply;
mod check;
mod facts;
mod flags;
mod language;
mod offer;
mod plan;
mod question;
mod setup;
mod wizard;

pub use apply::{ApplyError, Done, Place, Wrote, apply, preview};
pub use check::{Check, Failed};
pub use facts::{Facts, PORT_DEFAULT, TOKEN_VARIABLE, Token};
pub use flags::{Flags, Refusal};
pub use language::{Language, Text};
pub use offer::{Meaning, OFFERS, Offer, Proof, SKIP, meaning};
pub use plan::Plan;
pub use question::{Answer, Ask, Choice, Kind, Question};
pub use setup::{Auth, Channels, Dialect, GatewaySetup, ModelSetup, Reset, Setup, Target};
pub use wizard::{Section, Turn, Wizard};
