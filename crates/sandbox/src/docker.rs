//! Containers as sandboxes, over the API of the engine.
//!
//! [`Backend`] is the handle. Owns which engine is spoken to and what a container is made of;
//! `pool` owns which containers are live. The settings come in resolved; the list on disk
//! is `store`'s.

pub(crate) mod connect;
pub(crate) mod create;
mod error;
pub(crate) mod limits;
pub(crate) mod mounts;
pub mod settings;

pub use connect::Engine;
pub use error::Error;
pub use settings::Settings;
