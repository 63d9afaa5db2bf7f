//! The crate from outside: real files in a temporary home.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "the tests lay out real files and may panic"
)]

mod home;
mod load;
mod reload;
mod resolved;
mod sandbox;
mod schema;
