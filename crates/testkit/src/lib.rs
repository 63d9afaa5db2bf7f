//! Fakes and harnesses that every crate's tests may use and no crate depends on.
//!
//! A test that wants the whole program takes a [`home::TempHome`] and a [`gateway::Gateway`]; one
//! that wants to steer time takes a [`clock::ManualClock`].

#![expect(clippy::disallowed_methods, reason = "tests make their own files, processes and time")]

pub mod clock;
pub mod containers;
pub mod gateway;
pub mod home;
pub mod llm;
pub mod swaps;
