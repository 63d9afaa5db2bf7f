//! The gateway over real sockets: handshake, methods, events, stop.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests stop where something is wrong")]

mod agents;
mod branches;
mod chat;
mod client;
mod deeds;
mod device;
mod devices;
mod doors;
mod floods;
mod handshake;
mod heartbeats;
mod hostile;
mod http;
mod load;
mod methods;
mod nodes;
mod operations;
mod page;
mod questions;
mod recorded;
mod reload;
mod responses;
mod rough;
mod sandboxes;
mod server;
mod stop;
mod usage;
mod watching;
mod wizard;
