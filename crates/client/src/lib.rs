//! WebSocket client of the gateway: connects, calls methods, hears events.
//!
//! Knows the wire and nothing behind it. Timeouts are the caller's: every future here may be
//! dropped at any time. A plain `ws://` address never touches TLS; for `wss://` the caller
//! has installed a rustls provider before.

#![warn(missing_docs)]

pub mod connect;
pub mod error;
pub mod events;

mod call;

pub use call::Client;
pub use connect::{Device, Identity, Names, Options, Role};
pub use error::{CallError, Closed, ConnectError, Refusal};
pub use events::{Event, Events};
