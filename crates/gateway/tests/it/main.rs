//! The gateway over real sockets: handshake, methods, events, stop.

mod chat;
mod client;
mod handshake;
mod load;
mod recorded;
mod server;
mod stop;
