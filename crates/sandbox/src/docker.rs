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

/// The directories of ours that a sandbox of these settings sees, the workspace first.
pub fn planned_mounts(settings: &Settings) -> Vec<crate::naming::HashedMount> {
    let managed = mounts::managed(settings, mounts::main_dir(settings));
    managed.iter().map(mounts::Managed::hashed).collect()
}

/// The user's binds that such a sandbox sees, those that can be read.
pub fn planned_binds(settings: &Settings) -> Vec<crate::naming::HashedMount> {
    let binds = settings.container.binds.iter();
    let parsed = binds.filter_map(|text| crate::security::Bind::parse(text));
    parsed
        .map(|bind| crate::naming::HashedMount {
            writable: bind.mode.is_none_or(|mode| mode.split(',').all(|option| option != "ro")),
            source: bind.source,
            target: bind.target,
        })
        .collect()
}
